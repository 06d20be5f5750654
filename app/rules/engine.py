"""The earning engine: which rules fire for an activity, and what they grant together.

The combination law that this file follows is written in `docs/explanation/rules.md`; change both or neither.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.rules.compiled import CompiledEffect, CompiledRule, compile_rule
from app.rules.drafts import RuleDraft
from app.rules.explaining import Trace, explain_all
from app.rules.facts import ActivityFacts, Item, MemberFacts, PurseFacts
from app.rules.kinds import Need, Role
from app.rules.outcomes import NOTHING, Grant, Outcome, VoucherGrant
from app.rules.settling import Pot, Room, settle


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be read before the rules of one activity kind can be evaluated; everything else may be left out."""

    usage: frozenset[UUID] = frozenset()
    """Rules with caps, by id, whose `RuleUsage` is wanted."""
    first_purchase: bool = False
    """Whether `MemberFacts.purchases_count` is looked at."""
    tier: bool = False
    """Whether `MemberFacts.tier_id` is looked at."""
    purse_ids: frozenset[UUID] = frozenset()
    """Purses that may receive: `evaluate` wants the facts of each."""


_NO_NEEDS = Needs()


@dataclass(slots=True)
class _Fired:
    """What the law lets through, before anything is computed."""

    pots: dict[UUID, Pot] = field(default_factory=dict)
    vouchers: list[tuple[CompiledRule, CompiledEffect]] = field(default_factory=list)


class RuleSet:
    """The rules of one programme at one version of its configuration; immutable, to be shared between threads."""

    __slots__ = ("_by_kind", "_needs", "rules")

    def __init__(self, rules: Iterable[CompiledRule]) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: (-rule.priority, rule.id)))
        by_kind: dict[str, list[CompiledRule]] = {}
        for rule in self.rules:
            by_kind.setdefault(rule.activity, []).append(rule)
        self._by_kind = {kind: tuple(found) for kind, found in by_kind.items()}
        self._needs = {kind: _needs_of(found) for kind, found in self._by_kind.items()}

    def needs(self, kind: str) -> Needs:
        """Return what must be read of the member for an activity of this kind."""
        return self._needs.get(kind, _NO_NEEDS)

    def evaluate(
        self,
        activity: ActivityFacts,
        member: MemberFacts,
        purses: Mapping[UUID, PurseFacts],
        *,
        explain: bool = False,
    ) -> Outcome:
        """Return what the activity earns; writes nothing.

        With `explain`, also why each rule of the set fired or not. Raises KeyError when `purses` lacks one
        that a firing rule pays into (`needs(kind).purse_ids` names them all).
        """
        trace: Trace | None = {} if explain else None
        firing = _firing(self._by_kind.get(activity.kind, ()), activity, member, trace)
        if not firing and not explain:
            return NOTHING
        fired = _gather(firing, activity, trace)
        room = Room(member.usage)
        grants: list[Grant] = []
        for purse_id, pot in fired.pots.items():
            grants += settle(purses[purse_id], pot, room)
        vouchers = tuple(_vouchers(fired.vouchers, room))
        outcome = Outcome(tuple(grants), vouchers)
        if trace is None:
            return outcome
        return Outcome(outcome.grants, vouchers, explain_all(self.rules, activity, member, outcome, trace))


def compile_rules(rules: Iterable[RuleDraft], *, only_live: bool = True) -> RuleSet:
    """Return the rules ready to evaluate; drafts and paused ones are left out unless `only_live` is false.

    Costs some 20 microseconds a rule: do it once for each version of a programme's configuration, and keep
    it.
    """
    return RuleSet(compile_rule(rule) for rule in rules if not only_live or rule.head.status == "live")


def _needs_of(rules: Iterable[CompiledRule]) -> Needs:
    rules = tuple(rules)
    needed = frozenset[Need]().union(*(rule.needs for rule in rules))
    return Needs(
        usage=frozenset(rule.id for rule in rules if rule.caps is not None),
        first_purchase=Need.PURCHASES in needed,
        tier=Need.TIER in needed,
        purse_ids=frozenset(
            effect.target for rule in rules for effect in rule.effects if effect.role is not Role.VOUCHER
        ),
    )


def _firing(
    rules: tuple[CompiledRule, ...], activity: ActivityFacts, member: MemberFacts, trace: Trace | None
) -> list[CompiledRule]:
    """Return the rules whose window and conditions hold, one of each group. This is the hot loop."""
    found: list[CompiledRule] = []
    taken: dict[str, CompiledRule] = {}
    at = activity.occurred_at
    for rule in rules:
        if rule.starts_at is not None and at < rule.starts_at:
            continue
        if rule.ends_at is not None and at >= rule.ends_at:
            continue
        for predicate in rule.predicates:
            if not predicate(activity, member):
                break
        else:
            if rule.group is not None and taken.setdefault(rule.group, rule) is not rule:
                if trace is not None:
                    trace[rule.id] = f"`{taken[rule.group].name}` came first in the group `{rule.group}`"
                continue
            found.append(rule)
    return found


def _gather(firing: list[CompiledRule], activity: ActivityFacts, trace: Trace | None) -> _Fired:
    """Sort the firing rules' effects by purse, leaving out what a rule that does not stack has closed."""
    fired = _Fired()
    closed: dict[tuple[bool, UUID], CompiledRule] = {}
    for rule in firing:
        items: Sequence[Item] | None = None
        for effect in rule.effects:
            if closed and (closer := closed.get(effect.slot)) is not None and closer is not rule:
                if trace is not None:
                    trace[rule.id] = f"`{closer.name}` fired before and does not stack"
                continue
            if not rule.stacks:
                closed[effect.slot] = rule
            if effect.role is Role.VOUCHER:
                fired.vouchers.append((rule, effect))
                continue
            if effect.matching and items is None:
                items = rule.items(activity)
            pot = fired.pots.get(effect.target)
            if pot is None:
                pot = fired.pots[effect.target] = Pot()
            pot.put(rule, (effect, *effect.share(activity, items or ())))
    return fired


def _vouchers(found: list[tuple[CompiledRule, CompiledEffect]], room: Room) -> Iterable[VoucherGrant]:
    for rule, effect in found:
        if rule.caps is not None:
            if room.of(rule) < 1:
                continue
            room.take(rule, 1)
        yield VoucherGrant(effect.target, rule.id, rule.version_id, effect.words)
