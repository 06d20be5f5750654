"""`/rewards`: the programme's catalogue."""

from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Id, Instant, Text, Whole
from api.looks import ByLocale
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from app.rewards import catalogue
from app.services import rewards

blp = Blueprint("rewards", __name__, url_prefix="/v1", description="The catalogue: what balances buy")

STOCK_MAX = 10**9
PER_MEMBER_MAX = 10**6
VALID_DAYS_MAX = 36_500
_KIND = validate.OneOf(list(catalogue.REWARDS))
_STATUS = validate.OneOf(["live", "paused"])
_SHOWN = validate.OneOf(["live", "paused", "archived"])
_VALUE = {
    "type": "object",
    "description": "What it gives; its parts follow from `kind`",
    "anyOf": list(catalogue.json_schemas().values()),
    "example": {"name": "Café allongé"},
}
_EXAMPLE = {
    "name": "Un café offert", "kind": "free_item", "value": {"name": "Café allongé", "sku": "CAF-2"},
    "purse_id": "prs_0190163d8694739b8aaa1b7a5f0c1d2e", "price": 100, "valid_days": 30,
    "locales": {"en": {"name": "A free coffee"}},
}  # fmt: skip


class RewardWords(Body):
    """A reward in one language."""

    name = Text(required=True)
    description = Text(high=1000)


class RewardIn(Body):
    """A reward to offer. Without `price` it is not bought, only given: by rules, stamp cards, campaigns."""

    name = Text(required=True)
    kind = fields.String(required=True, validate=_KIND)
    value = fields.Raw(metadata=_VALUE)
    purse_id = Id("purse")
    price = Whole()
    stock = Whole(high=STOCK_MAX)
    per_member = Whole(low=1, high=PER_MEMBER_MAX)
    valid_days = Whole(low=1, high=VALID_DAYS_MAX)
    min_tier = Text(high=100)
    partner_id = Id("partner")
    locales = ByLocale(RewardWords)
    status = fields.String(validate=_STATUS)


class RewardChange(Body):
    """What to change of a reward; null takes a limit away. A new `kind` comes with its `value`."""

    name = Text()
    kind = fields.String(validate=_KIND)
    value = fields.Raw(metadata=_VALUE)
    purse_id = Id("purse", allow_none=True)
    price = Whole()
    stock = Whole(high=STOCK_MAX, allow_none=True)
    per_member = Whole(low=1, high=PER_MEMBER_MAX, allow_none=True)
    valid_days = Whole(low=1, high=VALID_DAYS_MAX, allow_none=True)
    min_tier = Text(high=100, allow_none=True)
    partner_id = Id("partner", allow_none=True)
    locales = ByLocale(RewardWords)
    status = fields.String(validate=_STATUS)


class Reward(Body):
    """A reward. `stock` is what is left; absent, it never ends."""

    id = Id("reward", required=True)
    name = Text(required=True)
    kind = fields.String(required=True, validate=_KIND)
    value = fields.Raw(required=True, metadata=_VALUE)
    purse_id = Id("purse")
    price = Whole(required=True)
    stock = Whole()
    per_member = Whole(low=1)
    valid_days = Whole(low=1)
    min_tier = Text()
    partner_id = Id("partner")
    locales = ByLocale(RewardWords, required=True)
    status = fields.String(required=True, validate=_SHOWN)
    created_at = Instant(required=True)
    updated_at = Instant()


class RewardQuery(PageQuery):
    """Which rewards."""

    status = fields.String(validate=_SHOWN)


@blp.operation(
    "GET", "/rewards", scopes=scopes.SETUP_READ, summary="List the rewards",
    query=RewardQuery(), answer=page_schema(Reward, "RewardPage"),
)  # fmt: skip
def list_rewards(call: Call) -> Any:
    """List the rewards that are not archived, or those of one status, oldest first."""
    limit = call.query["limit"]
    after = decode_id(call.query.get("after"))
    rows = rewards.page(call.session, limit=limit, after=after, status=call.query.get("status"))
    return page_of(rows, limit, lambda row: encode_id(row.id))


@blp.operation(
    "POST", "/rewards", scopes=scopes.MARKETING, summary="Offer a reward", status=201, with_etag=True,
    body=RewardIn(), answer=Reward(), example=_EXAMPLE,
)  # fmt: skip
def create_reward(call: Call) -> Any:
    """Put a reward into the catalogue."""
    return rewards.create(call.session, **call.body)


@blp.operation(
    "GET", "/rewards/<id(reward):reward_id>", scopes=scopes.SETUP_READ, summary="Get a reward",
    answer=Reward(), with_etag=True,
)  # fmt: skip
def get_reward(call: Call, reward_id: UUID) -> Any:
    """Get a reward, also one that is archived."""
    return rewards.get(call.session, reward_id)


@blp.operation(
    "PATCH", "/rewards/<id(reward):reward_id>", scopes=scopes.MARKETING, summary="Change a reward", with_etag=True,
    body=RewardChange(), answer=Reward(), example={"price": 120, "stock": None, "status": "paused"},
)  # fmt: skip
def change_reward(call: Call, reward_id: UUID) -> Any:
    """Change the fields that are given; vouchers that members hold stay as they are."""
    reward = rewards.hold(call.session, reward_id)
    call.check_match(Reward(), reward)
    return rewards.change(call.session, reward, values=call.body)


@blp.operation(
    "DELETE", "/rewards/<id(reward):reward_id>", scopes=scopes.MARKETING, summary="Archive a reward", status=204,
    with_etag=True, problems=[409],
)  # fmt: skip
def delete_reward(call: Call, reward_id: UUID) -> None:
    """Take a reward out of the catalogue; members' vouchers are still honoured."""
    reward = rewards.hold(call.session, reward_id)
    call.check_match(Reward(), reward)
    rewards.archive(call.session, reward)
