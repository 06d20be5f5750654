"""Why a rule fired or did not, in words: for `simulate`, never on a till's path."""

from collections.abc import Iterable
from uuid import UUID

from app.rules.compiled import CompiledRule
from app.rules.facts import ActivityFacts, MemberFacts
from app.rules.outcomes import Explanation, Grant, Outcome

Trace = dict[UUID, str]
"""What the combination law did to a rule whose own conditions held."""


def explain_all(
    rules: Iterable[CompiledRule],
    activity: ActivityFacts,
    member: MemberFacts,
    outcome: Outcome,
    trace: Trace,
) -> tuple[Explanation, ...]:
    """Return one explanation for each rule, in the order of the law."""
    return tuple(_explain(rule, activity, member, outcome, trace) for rule in rules)


def _explain(
    rule: CompiledRule, activity: ActivityFacts, member: MemberFacts, outcome: Outcome, trace: Trace
) -> Explanation:
    grants = [grant for grant in outcome.grants if grant.rule_id == rule.id]
    vouchers = [voucher for voucher in outcome.vouchers if voucher.rule_id == rule.id]
    if grants or vouchers:
        parts = [*(_grant_words(grant) for grant in grants), *(voucher.why for voucher in vouchers)]
        return Explanation(rule.id, rule.version_id, rule.name, fired=True, why="; ".join(parts))
    obstacle = _obstacle(rule, activity, member)
    if obstacle is None and rule.id not in trace:
        why = "Its conditions hold, but there is nothing to give: " + _emptiness(rule, activity, member)
        return Explanation(rule.id, rule.version_id, rule.name, fired=True, why=why)
    why = obstacle or trace[rule.id]
    return Explanation(rule.id, rule.version_id, rule.name, fired=False, why=why)


def _grant_words(grant: Grant) -> str:
    exact = grant.steps["exact"]
    how = f", {exact} rounded by {grant.steps['rounding']}" if exact != str(grant.amount) else ""
    return f"{grant.why}: {grant.amount}{how}"


def _obstacle(rule: CompiledRule, activity: ActivityFacts, member: MemberFacts) -> str | None:
    """Return why the rule may not fire by itself, or None."""
    if rule.activity != activity.kind:
        return f"It waits for a {rule.activity}; this is a {activity.kind}"
    if rule.starts_at is not None and activity.occurred_at < rule.starts_at:
        return f"It starts at {rule.starts_at.isoformat()}"
    if rule.ends_at is not None and activity.occurred_at >= rule.ends_at:
        return f"It ended at {rule.ends_at.isoformat()}"
    missing = [
        words
        for predicate, words in zip(rule.predicates, rule.conditions, strict=True)
        if not predicate(activity, member)
    ]
    return f"It asks for {'; and for '.join(missing)}" if missing else None


def _emptiness(rule: CompiledRule, activity: ActivityFacts, member: MemberFacts) -> str:
    if rule.caps is not None and rule.id in member.usage:
        return "its caps are used up, or its share rounds to 0"
    if activity.amount is None:
        return "the activity has no amount"
    return "its share rounds to 0, or no other rule brings anything to multiply"
