"""Rules made ready to run: ids parsed, instants in UTC, conditions and effects turned into functions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.rules.drafts import Caps, RuleDraft, utc
from app.rules.facts import ActivityFacts, Item
from app.rules.kinds import Need, Predicate, Role, Share


@dataclass(frozen=True, slots=True)
class CompiledEffect:
    """One effect; `slot` is what `stacks: false` closes: its sort and its purse or reward."""

    kind: str
    role: Role
    target: UUID
    slot: tuple[bool, UUID]
    share: Share
    matching: bool
    words: str


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One version of a rule, ready."""

    id: UUID
    version_id: UUID
    name: str
    activity: str
    priority: int
    group: str | None
    stacks: bool
    starts_at: datetime | None
    ends_at: datetime | None
    caps: Caps | None
    predicates: tuple[Predicate, ...]
    conditions: tuple[str, ...]
    selectors: tuple[Callable[[Item], bool], ...]
    effects: tuple[CompiledEffect, ...]
    needs: frozenset[Need]

    def items(self, activity: ActivityFacts) -> Sequence[Item]:
        """Return the items that every `product` condition of the rule matches; all items without such conditions."""
        if not self.selectors:
            return activity.items
        return [item for item in activity.items if all(selects(item) for selects in self.selectors)]


def compile_rule(rule: RuleDraft) -> CompiledRule:
    """Return the rule, ready; it was checked when it was loaded, so nothing can fail here."""
    conditions = [condition for _kind, condition in rule.conditions]
    return CompiledRule(
        id=rule.id, version_id=rule.version_id, name=rule.head.name, activity=rule.activity,
        priority=rule.head.priority, group=rule.head.group, stacks=rule.head.stacks,
        starts_at=utc(rule.head.starts_at), ends_at=utc(rule.head.ends_at), caps=rule.caps,
        predicates=tuple(condition.compile() for condition in conditions),
        conditions=tuple(condition.words() for condition in conditions),
        selectors=tuple(found for condition in conditions if (found := condition.selects()) is not None),
        effects=tuple(
            CompiledEffect(
                kind=kind, role=effect.role, target=effect.target(),
                slot=(effect.role is Role.MULTIPLIER, effect.target()), share=effect.compile(),
                matching=effect.takes_matching(), words=f"{rule.head.name}: {effect.words()}",
            )
            for kind, effect in rule.effects
        ),
        needs=frozenset[Need]().union(*(condition.needs for condition in conditions)),
    )  # fmt: skip
