"""What rules are asked about: an activity, the member, the purses; plain values, read once by the caller."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from app.money import Rounding

Amount = int | Fraction
"""Minor units or pieces: an integer when it happened, exact when only a part of it was kept."""

PurseKind = Literal["points", "stamps", "money"]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a ticket; `amount` is the whole line's, in minor units, for all of its `quantity`."""

    sku: str
    quantity: Amount
    amount: Amount
    name: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityFacts:
    """What happened, when (aware, UTC), and where.

    `amount` is what earns, in minor units, or None where nothing is paid.
    """

    kind: str
    occurred_at: datetime
    zone: ZoneInfo
    amount: Amount | None = None
    items: tuple[Item, ...] = ()
    store_id: UUID | None = None
    partner_id: UUID | None = None
    _local_at: datetime | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def local_at(self) -> datetime:
        """The programme's wall clock when it happened; converted once, and only if a rule asks."""
        if self._local_at is None:
            object.__setattr__(self, "_local_at", self.occurred_at.astimezone(self.zone))
        assert self._local_at is not None
        return self._local_at


@dataclass(frozen=True, slots=True)
class RuleUsage:
    """What a capped rule has given before: to this member ever, to this member this local day, to everybody."""

    per_member: int = 0
    per_day: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFacts:
    """What rules know of the member, as it was just before the activity.

    `usage` is by rule id, not version: publishing a rule anew does not open its budget again. Rules without
    caps need none.
    """

    purchases_count: int = 0
    tier_id: str | None = None
    usage: Mapping[UUID, RuleUsage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseFacts:
    """A purse as the engine needs it: how its fractions become whole."""

    id: UUID
    kind: PurseKind = "points"
    rounding: Rounding = Rounding.FLOOR


def day_bounds(on: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the UTC instants `[start, end)` of a local day: 23 or 25 hours where clocks change."""
    start = datetime.combine(on, time.min, zone)
    end = datetime.combine(on + timedelta(days=1), time.min, zone)
    return start.astimezone(UTC), end.astimezone(UTC)


def dump_member(member: MemberFacts, rule_ids: Iterable[UUID]) -> dict[str, Any]:
    """Return the facts as JSON, to keep beside the activity: a refund is computed from what was known then."""
    used = {
        rule_id.hex: [usage.per_member, usage.per_day, usage.total]
        for rule_id in rule_ids
        if (usage := member.usage.get(rule_id)) is not None
    }
    kept: dict[str, Any] = {"purchases_count": member.purchases_count}
    if member.tier_id is not None:
        kept["tier_id"] = member.tier_id
    return kept | ({"usage": used} if used else {})


def load_member(raw: Mapping[str, Any]) -> MemberFacts:
    """Return the facts that `dump_member` wrote."""
    return MemberFacts(
        purchases_count=raw["purchases_count"],
        tier_id=raw.get("tier_id"),
        usage={UUID(hex=key): RuleUsage(*used) for key, used in raw.get("usage", {}).items()},
    )
