"""What rules would give: live ones and drafts asked together, of a member or an imagined one; nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select

from app import clock
from app.db import Session
from app.errors import invalid_field
from app.models import Activity, Member
from app.models import RuleUsage as RuleUsageRow
from app.rules import facts
from app.rules.drafts import RuleDraft, check_activity, load_rule
from app.rules.engine import RuleSet, compile_rules
from app.rules.outcomes import Explanation, Outcome
from app.services import config, references, rules
from app.services.activities import EFFECT_KINDS, Effect
from app.services.config import ProgramConfig
from app.services.happenings import Happening, check_items, check_money, facts_of
from app.services.rule_usages import EVER, EVERYBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What came of it: effects and explanations in the order of the law.

    A voucher's reward stands beside it. `drafts` gives the place in the request of each rule that
    came with it.
    """

    effects: Sequence[tuple[Effect, UUID | None]]
    explanations: Sequence[Explanation]
    drafts: Mapping[UUID, int]
    named: frozenset[UUID]
    """Drafts that stand for a rule of the programme."""


def simulate(
    session: Session,
    *,
    activity: Mapping[str, Any],
    member_id: UUID | None = None,
    member: Mapping[str, Any] | None = None,
    drafts: Sequence[Mapping[str, Any]] = (),
) -> Simulation:
    """Return what the live rules and `drafts` would give for `activity`; a draft with a live rule's id stands for it.

    `activity` holds `kind` and perhaps `amount` (as `happenings.check_money` takes it), `items` (so too), `store_id`,
    `occurred_at` (now). `member` describes an imagined one: `purchases_count`, `tier_id`. Raises InvalidError.
    """
    setup = config.load(session)
    loaded = _drafts(session, drafts)
    ruleset = _together(setup.ruleset, loaded)
    happened = _activity(session, setup, activity)
    known = _imagined(member or {}) if member_id is None else _known(session, member_id, ruleset, happened)
    outcome = ruleset.evaluate(happened, known, setup.purse_facts, explain=True)
    return Simulation(
        effects=_effects(setup, outcome),
        explanations=outcome.explanations,
        drafts={draft.id: place for place, draft in enumerate(loaded)},
        named=frozenset(draft.id for draft, one in zip(loaded, drafts, strict=True) if one.get("id") is not None),
    )


def _effects(setup: ProgramConfig, outcome: Outcome) -> list[tuple[Effect, UUID | None]]:
    found: list[tuple[Effect, UUID | None]] = []
    for grant in outcome.grants:
        kind = EFFECT_KINDS[setup.purses[grant.purse_id].kind]
        effect = Effect(
            kind=kind, why=grant.why, rule_id=grant.rule_id, purse_id=grant.purse_id, amount=grant.amount,
            pending=setup.purses[grant.purse_id].hold_days > 0,
        )  # fmt: skip
        found.append((effect, None))
    for voucher in outcome.vouchers:
        if setup.rewards[voucher.reward_id].status == "live":  # of a paused reward no voucher is given
            effect = Effect(kind="voucher", why=voucher.why, rule_id=voucher.rule_id)
            found.append((effect, voucher.reward_id))
    return found


def _drafts(session: Session, raw: Sequence[Mapping[str, Any]]) -> list[RuleDraft]:
    loaded = [load_rule(dict(one), pointer=f"#/rules/{place}") for place, one in enumerate(raw)]
    seen: set[UUID] = set()
    for place, draft in enumerate(loaded):
        if draft.id in seen:
            raise invalid_field(f"#/rules/{place}/id", "Each rule once.")
        seen.add(draft.id)
        check_activity(draft, f"#/rules/{place}")
    rules.check_references(session, [(f"#/rules/{place}", draft) for place, draft in enumerate(loaded)])
    return loaded


def _together(live: RuleSet, drafts: Sequence[RuleDraft]) -> RuleSet:
    replaced = {draft.id for draft in drafts}
    kept = [rule for rule in live.rules if rule.id not in replaced]
    return RuleSet([*kept, *compile_rules(drafts, only_live=False).rules])


def _activity(session: Session, setup: ProgramConfig, raw: Mapping[str, Any]) -> facts.ActivityFacts:
    store_id = raw.get("store_id")
    if store_id is not None:
        references.check(session, [("#/activity/store_id", "store", store_id)])
    amount = check_money(raw.get("amount"), setup, "#/activity/amount")
    happening = Happening(
        kind=raw["kind"],
        occurred_at=raw.get("occurred_at") or clock.now(),
        amount=amount,
        items=check_items(raw.get("items", ()), amount, setup),
        store_id=store_id,
    )
    return facts_of(setup, happening)


def _imagined(member: Mapping[str, Any]) -> facts.MemberFacts:
    return facts.MemberFacts(purchases_count=member.get("purchases_count", 0), tier_id=member.get("tier_id"))


def _known(session: Session, member_id: UUID, ruleset: RuleSet, happened: facts.ActivityFacts) -> facts.MemberFacts:
    if session.scalars(select(Member.id).where(Member.id == member_id)).one_or_none() is None:
        raise invalid_field("#/member_id", "No such member in this programme.")
    needs = ruleset.needs(happened.kind)
    return facts.MemberFacts(
        purchases_count=_purchases(session, member_id) if needs.first_purchase else 0,
        usage=_usage(session, member_id, needs.usage, happened.local_at) if needs.usage else {},
    )


def _purchases(session: Session, member_id: UUID) -> int:
    """Return 1 when the member bought before, else 0: no rule asks for more."""
    query = select(Activity.id).where(Activity.member_id == member_id, Activity.kind == "purchase").limit(1)
    return 1 if session.scalar(query) else 0


def _usage(
    session: Session, member_id: UUID, rule_ids: frozenset[UUID], local_at: datetime
) -> dict[UUID, facts.RuleUsage]:
    of_member = (RuleUsageRow.member_id == member_id) & RuleUsageRow.on_day.in_((EVER, local_at.date()))
    of_all = (RuleUsageRow.member_id == EVERYBODY) & (RuleUsageRow.on_day == EVER)
    query = select(RuleUsageRow).where(RuleUsageRow.rule_id.in_(rule_ids), or_(of_member, of_all))
    found = dict.fromkeys(rule_ids, facts.RuleUsage())
    for row in session.scalars(query):
        name = "total" if row.member_id == EVERYBODY else "per_member" if row.on_day == EVER else "per_day"
        found[row.rule_id] = replace(found[row.rule_id], **{name: row.amount})
    return found
