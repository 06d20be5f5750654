"""A rule as people write it: read from JSON strictly, written back, checked against what it points at."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

from app import ids, parameters
from app.errors import NotFoundError
from app.money import AMOUNT_MAX
from app.parameters import Errors, Parameters, about
from app.registry import Registry
from app.rules.facts import PurseKind
from app.rules.kinds import CONDITIONS, EFFECTS, Condition, Effect

CONDITIONS.load("app.rules.conditions")
EFFECTS.load("app.rules.effects")

CONDITIONS_MAX = 20
EFFECTS_MAX = 10
ACTIVITY_PATTERN = r"^[a-z][a-z0-9_]{0,39}$"
"""What an activity's kind looks like: a rule for another word would wait for ever."""
_APART = ("id", "when", "conditions", "effects", "caps")

K = TypeVar("K", bound=Parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class When(Parameters):
    """What wakes the rule."""

    activity: str = field(metadata=about("The activity's kind.", example="purchase"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps(Parameters):
    """Budgets in the unit of the rule's one target: points, stamps, minor units or vouchers.

    A grant that would pass a cap is clipped to what is left, never dropped.
    """

    per_member: int | None = field(
        default=None, metadata=about("To a member, ever.", example=1000, minimum=1, maximum=AMOUNT_MAX)
    )
    per_day: int | None = field(
        default=None,
        metadata=about("To a member on a day of the programme's zone.", example=100, minimum=1, maximum=AMOUNT_MAX),
    )
    total: int | None = field(
        default=None, metadata=about("To all members, ever.", example=100_000, minimum=1, maximum=AMOUNT_MAX)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Head(Parameters):
    """A rule's own fields, its conditions and effects apart."""

    name: str = field(metadata=about("What members see beside the grant.", example="A point for each euro"))
    priority: int = field(default=0, metadata=about("Higher goes first; ties by id.", minimum=-1000, maximum=1000))
    group: str | None = field(default=None, metadata=about("Of the rules of a group only the first that fires counts."))
    stacks: bool = field(
        default=True,
        metadata=about("When false and it fires, later rules pay nothing of the same sort to its targets."),
    )
    starts_at: str | None = field(default=None, metadata=about("The first instant.", text_format="date-time"))
    ends_at: str | None = field(default=None, metadata=about("The first instant after.", text_format="date-time"))
    status: Literal["draft", "live", "paused", "archived"] = field(
        default="draft", metadata=about("Only live rules earn.")
    )

    def problems(self) -> list[tuple[str, str]]:
        """Object to a rule that ends before it starts."""
        start, end = utc(self.starts_at), utc(self.ends_at)
        if start is not None and end is not None and end <= start:
            return [("ends_at", "must come after `starts_at`")]
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """One version of a rule; `conditions` and `effects` are pairs of a kind's name and its parameters."""

    id: UUID
    version_id: UUID
    head: Head
    activity: str
    conditions: tuple[tuple[str, Condition], ...]
    effects: tuple[tuple[str, Effect], ...]
    caps: Caps | None = None


def utc(text: str | None) -> datetime | None:
    """Return a checked instant in UTC."""
    found = parameters.instant(text) if text is not None else None
    return found.astimezone(UTC) if found is not None else None


def load_rule(
    raw: object, *, rule_id: UUID | None = None, version_id: UUID | None = None, pointer: str = "#"
) -> RuleDraft:
    """Return the rule that `raw` describes, as `POST /rules` takes it; raise InvalidError that points at every fault.

    The ids are those of the stored rule and version; a draft without them gets new ones, so that it can be
    simulated.
    """
    errors: Errors = []
    head = parameters.read(Head, raw, pointer, errors, but=_APART)
    body: Mapping[str, Any] = raw if isinstance(raw, dict) else {}
    when = parameters.read(When, body.get("when"), f"{pointer}/when", errors)
    conditions = _read_list(CONDITIONS, body, "conditions", pointer, errors, least=0, most=CONDITIONS_MAX)
    effects = _read_list(EFFECTS, body, "effects", pointer, errors, least=1, most=EFFECTS_MAX)
    caps = None if body.get("caps") is None else parameters.read(Caps, body["caps"], f"{pointer}/caps", errors)
    if caps is not None and len({effect.target() for _kind, effect in effects}) > 1:
        detail = "count in one unit: a rule with caps gives to one purse, or of one reward"
        errors.append({"pointer": f"{pointer}/caps", "detail": detail})
    own_id = rule_id or _own_id(body, pointer, errors)
    parameters.refuse(errors)
    assert head is not None
    assert when is not None
    return RuleDraft(
        id=own_id, version_id=version_id or ids.new_id(), head=head, activity=when.activity,
        conditions=conditions, effects=effects, caps=caps if caps != Caps() else None,
    )  # fmt: skip


def _own_id(body: Mapping[str, Any], pointer: str, errors: Errors) -> UUID:
    text = body.get("id")
    if text is not None:
        try:
            return ids.parse("rule", str(text))
        except NotFoundError as error:
            errors.append({"pointer": f"{pointer}/id", "detail": error.detail})
    return ids.new_id()


def _read_list(
    registry: Registry[type[K]],
    body: Mapping[str, Any],
    name: str,
    pointer: str,
    errors: Errors,
    *,
    least: int,
    most: int,
) -> tuple[tuple[str, K], ...]:
    raw = body.get(name)
    place = f"{pointer}/{name}"
    if raw is None and least == 0:
        return ()
    if not isinstance(raw, list) or not least <= len(raw) <= most:
        errors.append({"pointer": place, "detail": f"must be a list of {least} to {most}"})
        return ()
    found: list[tuple[str, K]] = []
    for index, item in enumerate(raw):
        kind, made = parameters.read_kind(registry, item, f"{place}/{index}", errors)
        if kind is not None and made is not None:
            found.append((kind, made))
    return tuple(found)


def dump_rule(rule: RuleDraft) -> dict[str, Any]:
    """Return the rule as JSON, as `load_rule` takes it, with its id; what was left out stays out."""
    found: dict[str, Any] = {
        "id": ids.show("rule", rule.id),
        **parameters.dump(rule.head),
        "when": {"activity": rule.activity},
        "conditions": [{"kind": kind, **parameters.dump(made)} for kind, made in rule.conditions],
        "effects": [{"kind": kind, **parameters.dump(made)} for kind, made in rule.effects],
    }
    if rule.caps is not None:
        found["caps"] = parameters.dump(rule.caps)
    return found


def references(rule: RuleDraft) -> set[tuple[str, UUID]]:
    """Return `(kind, id)` of every store, partner, purse and reward that the rule names, for a service to look up."""
    found: set[tuple[str, UUID]] = set()
    for _kind, made in (*rule.conditions, *rule.effects):
        found |= parameters.references(made)
    return found


def check_activity(rule: RuleDraft, pointer: str = "#") -> None:
    """Raise InvalidError where a rule waits for what no activity is called; stored rules may be older than this."""
    if re.fullmatch(ACTIVITY_PATTERN, rule.activity) is None:
        detail = "must be an activity's kind: lower-case letters, digits and _, such as `visit`"
        parameters.refuse([{"pointer": f"{pointer}/when/activity", "detail": detail}])


def check_purses(rule: RuleDraft, kinds: Mapping[UUID, PurseKind], pointer: str = "#") -> None:
    """Raise InvalidError where an effect pays into a purse that is not in `kinds`, or into one of the wrong kind."""
    errors: Errors = []
    for index, (name, effect) in enumerate(rule.effects):
        if not effect.purse_kinds:
            continue
        kind, place = kinds.get(effect.target()), f"{pointer}/effects/{index}/purse_id"
        if kind is None:
            errors.append({"pointer": place, "detail": "is no purse of this programme"})
        elif kind not in effect.purse_kinds:
            allowed = " or ".join(sorted(effect.purse_kinds))
            errors.append(
                {
                    "pointer": place,
                    "detail": f"is a {kind} purse; {name} takes a {allowed} purse",
                }
            )
    parameters.refuse(errors)
