"""`/rules`: what activities earn, and what they would earn."""

from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Flag, Id, Instant, Text, Whole
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from api.till_schemas import ActivityIn
from app.errors import invalid_field
from app.models import Rule as RuleRow
from app.rules.outcomes import Explanation
from app.rules.schemas import json_schemas
from app.services import rules, simulations
from app.services.activities import Effect
from app.services.simulations import Simulation

blp = Blueprint("rules", __name__, url_prefix="/v1", description="What activities earn")

DRAFTS_MAX = 50
COMPONENTS = json_schemas()
"""The schemas of every condition and effect, for OpenAPI's components; `Rule` is taken apart into the bodies below."""
_RULE = COMPONENTS.pop("Rule")
_STATUS = validate.OneOf(["draft", "live", "paused"])
_SHOWN = validate.OneOf(["draft", "live", "paused", "archived"])
_EXAMPLE = {key: value for key, value in _RULE["examples"][0].items() if key != "id"}
_ACTIVITY_EXAMPLE = {"kind": "purchase", "amount": 1250, "items": [{"sku": "CAF-2", "quantity": 2, "amount": 700}]}


class RulePart(fields.Raw):
    """A part of a rule that the domain reads, with all its faults at once; its schema is the domain's too."""

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(metadata=dict(_RULE["properties"][name]), **kwargs)


class RuleIn(Body):
    """A rule to write. Drafts may be tried by `POST /rules/simulate`; only live ones earn."""

    name = RulePart("name", required=True)
    when = RulePart("when", required=True)
    conditions = RulePart("conditions")
    effects = RulePart("effects", required=True)
    priority = RulePart("priority")
    group = RulePart("group", allow_none=True)
    stacks = RulePart("stacks")
    starts_at = RulePart("starts_at", allow_none=True)
    ends_at = RulePart("ends_at", allow_none=True)
    caps = RulePart("caps", allow_none=True)
    status = fields.String(validate=_STATUS)


class RuleChange(Body):
    """What to change of a rule; null takes an optional part away."""

    name = RulePart("name")
    when = RulePart("when")
    conditions = RulePart("conditions")
    effects = RulePart("effects")
    priority = RulePart("priority")
    group = RulePart("group", allow_none=True)
    stacks = RulePart("stacks")
    starts_at = RulePart("starts_at", allow_none=True)
    ends_at = RulePart("ends_at", allow_none=True)
    caps = RulePart("caps", allow_none=True)
    status = fields.String(validate=_STATUS)


class Rule(Body):
    """A rule. `version` counts what was published of it; 0 is a draft."""

    id = fields.String(required=True, metadata={"pattern": "^rul_[0-9a-f]{32}$"})
    name = RulePart("name", required=True)
    when = RulePart("when", required=True)
    conditions = RulePart("conditions", required=True)
    effects = RulePart("effects", required=True)
    priority = RulePart("priority", required=True)
    group = RulePart("group")
    stacks = RulePart("stacks", required=True)
    starts_at = RulePart("starts_at")
    ends_at = RulePart("ends_at")
    caps = RulePart("caps")
    status = fields.String(required=True, validate=_SHOWN)
    version = Whole(required=True)
    version_id = Id("rule_version")
    created_at = Instant(required=True)
    updated_at = Instant()


class RuleQuery(PageQuery):
    """Which rules."""

    status = fields.String(validate=_SHOWN)


class SimulatedActivity(ActivityIn):
    """What would happen, as a till tells it; and where and when (now)."""

    store_id = Id("store")
    occurred_at = Instant()


class ImaginedMember(Body):
    """A member who does not exist."""

    purchases_count = Whole(high=1_000_000)
    tier_id = Text(high=100)


class SimulatedRule(RuleIn):
    """A rule to try. With the `id` of a rule of the programme it stands for that one."""

    id = RulePart("id")


class SimulationIn(Body):
    """What to ask the rules. Without `member_id` of an imagined member."""

    activity = fields.Nested(SimulatedActivity, required=True)
    member_id = Id("member")
    member = fields.Nested(ImaginedMember)
    rules = fields.List(fields.Nested(SimulatedRule), validate=validate.Length(max=DRAFTS_MAX))


class SimulatedEffect(Body):
    """What the activity would give. A full stamp card's reward is not among them."""

    kind = fields.String(required=True, validate=validate.OneOf(["points", "stamps", "cash_back", "voucher"]))
    purse_id = Id("purse")
    amount = Whole()
    pending = Flag()
    reward_id = Id("reward")
    rule_id = Id("rule")
    index = Whole(metadata={"description": "Place in `rules` of the draft that gives it"})
    why = fields.String(required=True)


class SimulatedOutcome(Body):
    """Whether a rule would fire, and why; `index` is the place in `rules` of a draft."""

    rule_id = Id("rule")
    index = Whole()
    name = fields.String(required=True)
    fired = fields.Boolean(required=True)
    why = fields.String(required=True)


class SimulationAnswer(Body):
    """What the rules would give, in the order of the law, and each rule's reason."""

    effects = fields.List(fields.Nested(SimulatedEffect), required=True)
    rules = fields.List(fields.Nested(SimulatedOutcome), required=True)


def _document(row: RuleRow) -> dict[str, Any]:
    return {
        **rules.document(row), "version": row.version, "version_id": row.version_id, "created_at": row.created_at,
        "updated_at": row.updated_at,
    }  # fmt: skip


@blp.operation(
    "GET", "/rules", scopes=scopes.SETUP_READ, summary="List the rules",
    query=RuleQuery(), answer=page_schema(Rule, "RulePage"),
)  # fmt: skip
def list_rules(call: Call) -> Any:
    """List the rules that are not archived, or those of one status, oldest first."""
    limit = call.query["limit"]
    after = decode_id(call.query.get("after"))
    rows = rules.page(call.session, limit=limit, after=after, status=call.query.get("status"))
    page = page_of(rows, limit, lambda row: encode_id(row.id))
    return {**page, "data": [_document(row) for row in page["data"]]}


@blp.operation(
    "POST", "/rules", scopes=scopes.MARKETING, summary="Write a rule", status=201, with_etag=True,
    body=RuleIn(), answer=Rule(), example=_EXAMPLE,
)  # fmt: skip
def create_rule(call: Call) -> Any:
    """Write a rule; with the status `live` it is published and earns from now on."""
    return _document(rules.create(call.session, document=call.body, staff_id=call.principal.staff_id))


@blp.operation(
    "GET", "/rules/<id(rule):rule_id>", scopes=scopes.SETUP_READ, summary="Get a rule", answer=Rule(), with_etag=True
)
def get_rule(call: Call, rule_id: UUID) -> Any:
    """Get a rule, also one that is archived."""
    return _document(rules.get(call.session, rule_id))


@blp.operation(
    "PATCH", "/rules/<id(rule):rule_id>", scopes=scopes.MARKETING, summary="Change a rule", with_etag=True,
    problems=[409], body=RuleChange(), answer=Rule(), example={"status": "live"},
)  # fmt: skip
def change_rule(call: Call, rule_id: UUID) -> Any:
    """Change the fields that are given. Of a published rule this makes a new version; the past keeps the old one."""
    rule = rules.hold(call.session, rule_id)
    call.check_match(Rule(), _document(rule))
    return _document(rules.change(call.session, rule, values=call.body, staff_id=call.principal.staff_id))


@blp.operation(
    "DELETE", "/rules/<id(rule):rule_id>", scopes=scopes.MARKETING, summary="Archive a rule", status=204,
    with_etag=True,
)  # fmt: skip
def delete_rule(call: Call, rule_id: UUID) -> None:
    """End a rule for good; what it gave stays."""
    rule = rules.hold(call.session, rule_id)
    call.check_match(Rule(), _document(rule))
    rules.archive(call.session, rule, staff_id=call.principal.staff_id)


@blp.operation(
    "POST", "/rules/simulate", scopes=scopes.MARKETING, summary="Try rules", key="ignored",
    body=SimulationIn(), answer=SimulationAnswer(),
    example={"activity": _ACTIVITY_EXAMPLE, "member": {"purchases_count": 0}, "rules": [_EXAMPLE]},
)  # fmt: skip
def simulate_rules(call: Call) -> Any:
    """Ask what an activity would earn, of the live rules and `rules` together, and why. Nothing is written."""
    body = call.body
    if "member_id" in body and "member" in body:
        raise invalid_field("#/member", "Name a member or describe one, not both.")
    simulation = simulations.simulate(
        call.session, activity=body["activity"], member_id=body.get("member_id"), member=body.get("member"),
        drafts=body.get("rules", ()),
    )  # fmt: skip
    return {
        "effects": [_effect(simulation, *found) for found in simulation.effects],
        "rules": [_explained(simulation, found) for found in simulation.explanations],
    }


def _effect(simulation: Simulation, effect: Effect, reward_id: UUID | None) -> dict[str, Any]:
    return {
        "kind": effect.kind, "purse_id": effect.purse_id, "amount": effect.amount, "pending": effect.pending or None,
        "reward_id": reward_id, "why": effect.why, **_which(simulation, effect.rule_id),
    }  # fmt: skip


def _explained(simulation: Simulation, found: Explanation) -> dict[str, Any]:
    return {"name": found.name, "fired": found.fired, "why": found.why, **_which(simulation, found.rule_id)}


def _which(simulation: Simulation, rule_id: UUID | None) -> dict[str, Any]:
    """Name a rule of the programme by its id, a new draft by its place, and a draft that stands for a rule by both."""
    if rule_id is None:
        return {}
    index = simulation.drafts.get(rule_id)
    known = index is None or rule_id in simulation.named
    return {"rule_id": rule_id if known else None, "index": index}
