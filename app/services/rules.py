"""Use cases of rules: drafts that anybody may try, and versions that are published and never change.

`rule.definition` is the rule as it is edited; each `rule_version.definition` is it as it was published, with its status
then, so that the versions alone tell which rules were live at any instant.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select

from app import clock, ids, parameters
from app.db import Session
from app.errors import ConflictError, NotFoundError
from app.models import Purse, Rule, RuleVersion
from app.rules.drafts import RuleDraft, check_activity, check_purses, dump_rule, load_rule
from app.rules.facts import PurseKind
from app.services import config_versions, references

_APART = ("id", "status")


class RulePublishedError(ConflictError):
    """The rule was published: it is paused or archived, it does not become a draft again."""

    slug = "rule-published"
    title = "The rule is published"


def create(session: Session, *, document: Mapping[str, Any], staff_id: UUID | None = None) -> Rule:
    """Write a rule as `POST /rules` takes it; unless it is a draft it is published. Raises InvalidError."""
    config_versions.grow(session)
    draft = load_rule(dict(document))
    check_activity(draft)
    check_references(session, [("#", draft)])
    rule = Rule(id=draft.id, name=draft.head.name, status=draft.head.status, definition=_definition(draft))
    session.add(rule)
    session.flush()
    if rule.status != "draft":
        _publish(session, rule, staff_id)
    return rule


def get(session: Session, rule_id: UUID) -> Rule:
    """Return the rule, also one that is archived; raise NotFoundError."""
    query = select(Rule).where(Rule.id == rule_id).execution_options(populate_existing=True)
    rule = session.scalars(query).one_or_none()
    if rule is None:
        raise NotFoundError("No such rule in this programme.", rule=ids.show("rule", rule_id))
    return rule


def hold(session: Session, rule_id: UUID) -> Rule:
    """Return a rule, to be changed by nobody else until the transaction ends; raise NotFoundError, also if archived."""
    config_versions.grow(session)
    rule = get(session, rule_id)
    if rule.status == "archived":
        raise NotFoundError("This rule is archived.", rule=ids.show("rule", rule_id))
    return rule


def page(session: Session, *, limit: int, after: UUID | None = None, status: str | None = None) -> list[Rule]:
    """Return up to `limit` + 1 rules that are not archived (or of one status), oldest first, behind `after`."""
    query = select(Rule).order_by(Rule.id).limit(limit + 1)
    query = query.where(Rule.status == status) if status else query.where(Rule.status != "archived")
    if after is not None:
        query = query.where(Rule.id > after)
    return list(session.scalars(query))


def versions(session: Session, rule: Rule, *, limit: int, after: UUID | None = None) -> list[RuleVersion]:
    """Return up to `limit` + 1 published versions of a rule, oldest first, behind `after`."""
    query = select(RuleVersion).where(RuleVersion.rule_id == rule.id).order_by(RuleVersion.id).limit(limit + 1)
    if after is not None:
        query = query.where(RuleVersion.id > after)
    return list(session.scalars(query))


def document(rule: Rule) -> dict[str, Any]:
    """Return the rule as `load_rule` takes it, with its id and status."""
    return {"id": ids.show("rule", rule.id), **rule.definition, "status": rule.status}


def change(session: Session, rule: Rule, *, values: Mapping[str, Any], staff_id: UUID | None = None) -> Rule:
    """Set the given fields of a held rule; None takes an optional one away. A published rule gets a new version.

    Raises InvalidError, and RulePublishedError where a published rule would become a draft.
    """
    draft = load_rule({**document(rule), **values}, rule_id=rule.id)
    if draft.head.status == "draft" != rule.status:
        raise RulePublishedError("It was published: pause it, or archive it and write another.")
    if "when" in values:
        check_activity(draft)
    check_references(session, [("#", draft)])
    before = document(rule)
    rule.name, rule.status, rule.definition = draft.head.name, draft.head.status, _definition(draft)
    if document(rule) == before:
        return rule
    rule.updated_at = clock.now()
    if rule.status != "draft":
        _publish(session, rule, staff_id)
    return rule


def archive(session: Session, rule: Rule, *, staff_id: UUID | None = None) -> None:
    """End a held rule for good; what it gave stays."""
    published = rule.status != "draft"
    rule.status, rule.updated_at = "archived", clock.now()
    if published:
        _publish(session, rule, staff_id)


def check_references(session: Session, drafts: Iterable[tuple[str, RuleDraft]]) -> None:
    """Raise InvalidError where a draft names what the programme has not; each comes with its JSON pointer."""
    drafts = list(drafts)
    references.check(session, [found for pointer, draft in drafts for found in _references(draft, pointer)])
    rows = session.execute(select(Purse.id, Purse.kind).where(Purse.archived_at.is_(None)))
    kinds = {id_: cast("PurseKind", kind) for id_, kind in rows}
    for pointer, draft in drafts:
        check_purses(draft, kinds, pointer)


def _references(draft: RuleDraft, pointer: str) -> Iterable[references.Reference]:
    for name, made in (("conditions", draft.conditions), ("effects", draft.effects)):
        for index, (_kind, part) in enumerate(made):
            for field in parameters.fields_of(type(part)):
                content = getattr(part, field.attribute)
                ref = field.about.get("ref")
                if not ref or not content:
                    continue
                place = f"{pointer}/{name}/{index}/{field.name}"
                if not field.many:
                    yield place, ref, ids.parse(ref, content)
                    continue
                for step, text in enumerate(content):
                    yield f"{place}/{step}", ref, ids.parse(ref, text)


def _definition(draft: RuleDraft) -> dict[str, Any]:
    return {key: value for key, value in dump_rule(draft).items() if key not in _APART}


def _publish(session: Session, rule: Rule, staff_id: UUID | None) -> None:
    rule.version += 1
    definition = {**rule.definition, "status": rule.status}
    made = RuleVersion(rule_id=rule.id, number=rule.version, definition=definition, staff_id=staff_id)
    session.add(made)
    session.flush()
    rule.version_id = made.id
