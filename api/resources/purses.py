"""`/purses`: the kinds of balance that a programme keeps."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from marshmallow import ValidationError, fields, validate

from api import scopes
from api.fields import Body, Id, Instant, Text, Whole
from api.looks import ByLocale
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from app.money import Rounding
from app.rules.drafts import ACTIVITY_PATTERN
from app.services import expiry, purses

blp = Blueprint("purses", __name__, url_prefix="/v1", description="Kinds of balance: points, stamp cards, cash-back")

CODE = "[a-z][a-z0-9_-]{0,39}"
GOAL_MAX = 1000
HOLD_DAYS_MAX = 366
_KIND = validate.OneOf(["points", "stamps", "money"])
_ROUNDING = validate.OneOf([mode.value for mode in Rounding])
_CLAWBACK = validate.OneOf(["debt", "clamp", "refuse"])
_EXAMPLE = {
    "code": "points", "name": "Points", "kind": "points",
    "expiry": {"policy": "end_of", "unit": "year", "after": 1}, "hold_days": 0,
}  # fmt: skip

_DAYS = {"type": "integer", "minimum": 1, "maximum": expiry.DAYS_MAX}
_PARTS: dict[str, dict[str, Any]] = {
    "days": _DAYS,
    "unit": {"type": "string", "enum": list(expiry.UNITS)},
    "after": {"type": "integer", "minimum": 0, "maximum": 1200},
    "dates": {
        "type": "array", "minItems": 1, "maxItems": 20,
        "items": {"type": "string", "pattern": "^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"},
    },
    "kinds": {
        "type": "array", "minItems": 1, "maxItems": 20, "items": {"type": "string", "pattern": ACTIVITY_PATTERN},
    },
}  # fmt: skip
EXPIRY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "When what is earned from now on runs out, in the programme's zone",
    "oneOf": [
        {
            "type": "object",
            "title": policy,
            "properties": {
                "policy": {"type": "string", "enum": [policy]},
                **{name: {**_PARTS[name], "description": words} for name, words in parts.items()},
            },
            "required": ["policy", *parts],
            "additionalProperties": False,
        }
        for policy, parts in expiry.FIELDS.items()
    ],
    "example": {"policy": "after_days", "days": 365},
}


class Expiry(fields.Raw):
    """An expiry policy; which parts it has is the domain's to check."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata=EXPIRY_SCHEMA, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        if not isinstance(value, Mapping):
            raise ValidationError('A policy such as {"policy": "never"}.')
        return value


class PurseWords(Body):
    """A purse in one language."""

    name = Text(required=True)


class PurseIn(Body):
    """A purse to open. A stamps purse that fills has `goal` and `reward_id`, here or by a later change."""

    code = Text(required=True, high=40, validate=validate.Regexp(f"{CODE}\\Z"), metadata={"pattern": f"^{CODE}$"})
    name = Text(required=True)
    kind = fields.String(required=True, validate=_KIND)
    goal = Whole(low=1, high=GOAL_MAX)
    reward_id = Id("reward")
    partner_id = Id("partner")
    rounding = fields.String(validate=_ROUNDING)
    expiry = Expiry()
    on_clawback = fields.String(validate=_CLAWBACK)
    hold_days = Whole(high=HOLD_DAYS_MAX)
    locales = ByLocale(PurseWords)


class PurseChange(Body):
    """What to change of a purse. `kind` and `partner_id` may be repeated, not changed."""

    code = Text(high=40, validate=validate.Regexp(f"{CODE}\\Z"), metadata={"pattern": f"^{CODE}$"})
    name = Text()
    kind = fields.String(validate=_KIND)
    goal = Whole(low=1, high=GOAL_MAX, allow_none=True)
    reward_id = Id("reward", allow_none=True)
    partner_id = Id("partner")
    rounding = fields.String(validate=_ROUNDING)
    expiry = Expiry()
    on_clawback = fields.String(validate=_CLAWBACK)
    hold_days = Whole(high=HOLD_DAYS_MAX)
    locales = ByLocale(PurseWords)


class Purse(Body):
    """A kind of balance, program-wide or one partner's."""

    id = Id("purse", required=True)
    code = Text(required=True)
    name = Text(required=True)
    kind = fields.String(required=True, validate=_KIND)
    goal = Whole(low=1, high=GOAL_MAX)
    reward_id = Id("reward")
    partner_id = Id("partner")
    rounding = fields.String(required=True, validate=_ROUNDING)
    expiry = Expiry(required=True)
    on_clawback = fields.String(required=True, validate=_CLAWBACK)
    hold_days = Whole(required=True, high=HOLD_DAYS_MAX)
    locales = ByLocale(PurseWords, required=True)
    created_at = Instant(required=True)
    archived_at = Instant()


@blp.operation(
    "GET", "/purses", scopes=scopes.SETUP_READ, summary="List the purses",
    query=PageQuery(), answer=page_schema(Purse, "PursePage"),
)  # fmt: skip
def list_purses(call: Call) -> Any:
    """List the open purses, oldest first."""
    limit = call.query["limit"]
    rows = purses.page(call.session, limit=limit, after=decode_id(call.query.get("after")))
    return page_of(rows, limit, lambda row: encode_id(row.id))


@blp.operation(
    "POST", "/purses", scopes=scopes.OWNER, summary="Open a purse", status=201, problems=[409],
    body=PurseIn(), answer=Purse(), example=_EXAMPLE,
)  # fmt: skip
def create_purse(call: Call) -> Any:
    """Open a purse of points, stamps or money."""
    return purses.create(call.session, **call.body)


@blp.operation("GET", "/purses/<id(purse):purse_id>", scopes=scopes.SETUP_READ, summary="Get a purse", answer=Purse())
def get_purse(call: Call, purse_id: UUID) -> Any:
    """Get a purse, also one that is archived."""
    return purses.get(call.session, purse_id)


@blp.operation(
    "PATCH", "/purses/<id(purse):purse_id>", scopes=scopes.OWNER, summary="Change a purse", problems=[409],
    body=PurseChange(), answer=Purse(), example={"goal": 10, "reward_id": "rwd_0190163d8694739b8aaa1b7a5f0c1d2e"},
)  # fmt: skip
def change_purse(call: Call, purse_id: UUID) -> Any:
    """Change the fields that are given; what was earned before keeps its expiry."""
    return purses.change(call.session, purses.hold(call.session, purse_id), values=call.body)


@blp.operation(
    "DELETE", "/purses/<id(purse):purse_id>", scopes=scopes.OWNER, summary="Archive a purse", status=204,
    problems=[409],
)  # fmt: skip
def delete_purse(call: Call, purse_id: UUID) -> None:
    """Archive a purse in which nobody holds anything and which nothing live names."""
    purses.archive(call.session, purses.hold(call.session, purse_id))
