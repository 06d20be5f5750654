"""A small programme for the engine's tests: three purses, rules in one line, activities in one line."""

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app import ids
from app.money import Rounding
from app.rules.drafts import RuleDraft, load_rule
from app.rules.engine import compile_rules
from app.rules.facts import ActivityFacts, Item, MemberFacts, PurseFacts, RuleUsage
from app.rules.outcomes import Outcome

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)  # a Tuesday, 12:00 in Paris
POINTS, STAMPS, MONEY, REWARD, STORE, PARTNER = (UUID(int=number) for number in range(1, 7))
POINTS_ID, STAMPS_ID, MONEY_ID = (ids.show("purse", value) for value in (POINTS, STAMPS, MONEY))
REWARD_ID, STORE_ID, PARTNER_ID = ids.show("reward", REWARD), ids.show("store", STORE), ids.show("partner", PARTNER)
KINDS = {POINTS: "points", STAMPS: "stamps", MONEY: "money"}

PER_EURO = {"kind": "points_per_amount", "purse_id": POINTS_ID, "points": 1, "per": 100}
STAMP = {"kind": "stamps", "purse_id": STAMPS_ID}
DOUBLE = {"kind": "multiplier", "purse_id": POINTS_ID, "factor": "2"}


def fixed(points: int) -> dict[str, Any]:
    return {"kind": "fixed_points", "purse_id": POINTS_ID, "points": points}


def rule(*effects: dict[str, Any], number: int = 1, **fields: Any) -> RuleDraft:
    """A live rule for purchases; `number` is its id, so that ties are ours to set."""
    raw = {"name": f"Rule {number}", "when": {"activity": "purchase"}, "effects": list(effects), "status": "live"}
    return load_rule(raw | fields, rule_id=UUID(int=number), version_id=UUID(int=1000 + number))


def purses(rounding: Rounding = Rounding.FLOOR) -> dict[UUID, PurseFacts]:
    return {
        POINTS: PurseFacts(id=POINTS, kind="points", rounding=rounding),
        STAMPS: PurseFacts(id=STAMPS, kind="stamps"),
        MONEY: PurseFacts(id=MONEY, kind="money", rounding=rounding),
    }


def purchase(amount: int | Fraction | None = 1250, *items: Item, at: datetime = NOON, **fields: Any) -> ActivityFacts:
    given: dict[str, Any] = {"kind": "purchase", "store_id": STORE, "partner_id": PARTNER} | fields
    return ActivityFacts(occurred_at=at, zone=PARIS, amount=amount, items=items, **given)


def earn(
    rules: list[RuleDraft],
    activity: ActivityFacts | None = None,
    *,
    rounding: Rounding = Rounding.FLOOR,
    usage: Mapping[UUID, RuleUsage] | None = None,
    explain: bool = False,
    **member: Any,
) -> Outcome:
    """What the activity (12.50 EUR unless said) earns under these rules."""
    facts = MemberFacts(usage=usage or {}, **member)
    return compile_rules(rules).evaluate(activity or purchase(), facts, purses(rounding), explain=explain)


def points(outcome: Outcome) -> int:
    return outcome.by_purse().get(POINTS, 0)
