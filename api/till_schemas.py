"""What tills send and are told: the schemas of scans, activities, vouchers and accounts."""

from marshmallow import fields, validate

from api.fields import TEXT_PATTERN, Body, Flag, Id, Instant, Money, Text, Unread, Whole

KIND = validate.Regexp(r"^[a-z][a-z0-9_]{0,39}\Z", error="A kind is lower-case letters, digits and _, such as `visit`.")
ITEMS_MAX = 200
CODE_MAX = 256
DATA_MAX = 20


class ActivityItemIn(Body):
    """A line of a ticket; `amount` is the whole line's."""

    sku = Text(required=True, high=80)
    name = Text(high=200)
    category = Text(high=80)
    quantity = Whole(low=1, high=100_000, load_default=1)
    amount = Money(load_default=(0, None))


class ActivityIn(Body):
    """What happened."""

    kind = fields.String(required=True, validate=KIND, metadata={"example": "purchase"})
    amount = Money()
    items = fields.List(fields.Nested(ActivityItemIn), validate=validate.Length(max=ITEMS_MAX))
    receipt = Text(high=120)
    data = fields.Dict(
        keys=Text(high=40), values=Text(high=400), validate=validate.Length(max=DATA_MAX),
        metadata={
            "description": "What else you know of it", "maxProperties": DATA_MAX,
            "propertyNames": {"type": "string", "minLength": 1, "maxLength": 40, "pattern": TEXT_PATTERN},
        },
    )  # fmt: skip


class ScanIn(Body):
    """A scan: the card's code as the scanner read it, the store, and what happened."""

    code = fields.String(required=True, validate=validate.Length(min=1, max=CODE_MAX))
    store_id = Id("store", required=True)
    activity = fields.Nested(ActivityIn, required=True)
    occurred_at = Instant()
    offline = Flag()


class BatchScanIn(ScanIn):
    """A scan kept while offline, with its own key."""

    key = Text(required=True, high=200, metadata={"description": "The scan's own Idempotency-Key"})


class BatchIn(Body):
    """Scans in the order in which they happened."""

    scans = fields.List(Unread(BatchScanIn), required=True, validate=validate.Length(min=1, max=500))


class LookUpIn(Body):
    """A card's code, to be looked at only."""

    code = fields.String(required=True, validate=validate.Length(min=1, max=CODE_MAX))
    store_id = Id("store", required=True)


class WhoIn(Body):
    """An activity of a member who is named instead of scanned, by one of the first five or by `external_id` alone."""

    member_id = Id("member")
    external_member_id = Text(high=120)
    email = Text(high=320)
    phone = Text(high=40)
    card_id = Id("card")
    activity = fields.Nested(ActivityIn, required=True)
    external_id = Text(
        high=120,
        metadata={
            "description": "Your own id of the activity, counted once, for ever; where nothing else names the member,"
            " the member's `external_id`"
        },
    )
    store_id = Id("store")
    occurred_at = Instant()


class ReverseItemIn(Body):
    """Pieces brought back."""

    sku = Text(required=True, high=80)
    quantity = Whole(required=True, low=1, high=100_000)
    amount = Money()


class ReverseIn(Body):
    """What is given back: all of it without `amount` and `items`."""

    amount = Money()
    items = fields.List(fields.Nested(ReverseItemIn), validate=validate.Length(min=1, max=ITEMS_MAX))
    reason = Text(required=True, high=200, metadata={"example": "refund"})
    store_id = Id("store")


class VoucherOut(Body):
    """A voucher. `code` is shown to its member and to tills of its programme."""

    id = Id("voucher", required=True)
    code = fields.String(required=True)
    reward_id = Id("reward", required=True)
    name = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(["issued", "used", "expired", "void"]))
    valid_until = Instant()
    used_at = Instant()


class AccountOut(Body):
    """A member's holding in one purse."""

    id = Id("account", required=True)
    purse_id = Id("purse", required=True)
    kind = fields.String(required=True)
    name = fields.String(required=True)
    balance = fields.Integer(required=True)
    pending = fields.Integer(required=True)
    goal = fields.Integer()


class EffectOut(Body):
    """One thing that was given, and why."""

    kind = fields.String(required=True, validate=validate.OneOf(["points", "stamps", "cash_back", "voucher"]))
    why = fields.String(required=True)
    rule_id = Id("rule")
    purse_id = Id("purse")
    amount = fields.Integer()
    pending = fields.Boolean()
    voucher = fields.Nested(VoucherOut)


class MoneyOut(Body):
    """Money in minor units."""

    amount = fields.Integer(required=True)
    currency = fields.String(required=True)


class ActivityOut(Body):
    """What happened, as it is written down."""

    id = Id("activity", required=True)
    kind = fields.String(required=True)
    amount = fields.Nested(MoneyOut)
    store_id = Id("store")
    receipt = fields.String()
    occurred_at = Instant(required=True)
    recorded_at = Instant(required=True)


class MemberBrief(Body):
    """As much of the member as a till needs."""

    id = Id("member", required=True)
    first_name = fields.String()


class CardBrief(Body):
    """The card that was scanned."""

    id = Id("card", required=True)
    number = fields.String(required=True)


class Scan(Body):
    """What became of a scan."""

    id = Id("activity", required=True)
    activity = fields.Nested(ActivityOut, required=True)
    member = fields.Nested(MemberBrief, required=True)
    card = fields.Nested(CardBrief)
    effects = fields.List(fields.Nested(EffectOut), required=True)
    accounts = fields.List(fields.Nested(AccountOut), required=True)
    vouchers = fields.List(fields.Nested(VoucherOut), required=True)


class RewardBrief(Body):
    """A reward that the member's balance pays for now."""

    id = Id("reward", required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    price = fields.Integer(required=True)
    purse_id = Id("purse", required=True)


class LookUp(Body):
    """Whose card it is, and what can be done with it now."""

    member = fields.Nested(MemberBrief, required=True)
    card = fields.Nested(CardBrief, required=True)
    accounts = fields.List(fields.Nested(AccountOut), required=True)
    redeemable = fields.List(fields.Nested(RewardBrief), required=True)
    vouchers = fields.List(fields.Nested(VoucherOut), required=True)


class BatchAnswer(Body):
    """The answer to one scan of a batch: what `POST /v1/scans` would have answered."""

    key = fields.String()
    status = fields.Integer(required=True)
    replayed = fields.Boolean(required=True)
    scan = fields.Nested(Scan)
    problem = fields.Dict(metadata={"description": "A problem document (RFC 9457)"})


class BatchOut(Body):
    """An answer for each scan, in order."""

    data = fields.List(fields.Nested(BatchAnswer), required=True)


class Reversal(Body):
    """What became of a reversal."""

    id = Id("activity", required=True)
    reverses = Id("activity", required=True)
    reason = fields.String(required=True)
    reclaimed = fields.List(fields.Dict(), required=True, metadata={"description": "`{purse_id, amount, shortfall?}`"})
    accounts = fields.List(fields.Nested(AccountOut), required=True)
    vouchers = fields.List(fields.Nested(VoucherOut), required=True, metadata={"description": "Withdrawn vouchers"})


class EntryBrief(Body):
    """A movement that was posted."""

    id = Id("entry", required=True)
    account_id = Id("account", required=True)
    kind = fields.String(required=True)
    amount = fields.Integer(required=True)
    balance_after = fields.Integer(required=True)
    occurred_at = Instant(required=True)
    reason = fields.String()
