"""The documents of `GET /me/export` and `GET /members/{id}/export`: all that is held, as marshmallow schemas."""

from marshmallow import fields

from api.fields import Body, Id, Instant


class ExportedProfile(Body):
    """What the person told us."""

    id = Id("customer", required=True)
    email = fields.String()
    phone = fields.String()
    first_name = fields.String()
    last_name = fields.String()
    locale = fields.String()
    timezone = fields.String()
    created_at = Instant(required=True)


class ExportedDevice(Body):
    """A device that gets pushes."""

    id = Id("device", required=True)
    platform = fields.String(required=True)
    address = fields.String(required=True)
    app_version = fields.String()
    locale = fields.String()
    timezone = fields.String()
    last_contact_at = Instant(required=True)
    created_at = Instant(required=True)


class ExportedSignIn(Body):
    """A sign-in, without its tokens."""

    created_at = Instant(required=True)
    expires_at = Instant(required=True)
    revoked_at = Instant()


class ExportedProgram(Body):
    """The programme of a membership."""

    id = Id("program", required=True)
    name = fields.String(required=True)
    slug = fields.String(required=True)


class ExportedMember(Body):
    """What the programme knows of its member."""

    id = Id("member", required=True)
    joined_at = Instant(required=True)
    email = fields.String()
    phone = fields.String()
    first_name = fields.String()
    last_name = fields.String()
    birth_on = fields.Date()
    locale = fields.String()
    external_id = fields.String()
    tags = fields.List(fields.String())
    own_fields = fields.Dict(keys=fields.String(), values=fields.Raw(), data_key="fields", attribute="fields")


class ExportedCard(Body):
    """A card, without its secrets."""

    id = Id("card", required=True)
    number = fields.String(required=True)
    status = fields.String(required=True)
    created_at = Instant(required=True)


class ExportedEntry(Body):
    """One movement on an account."""

    id = Id("entry", required=True)
    kind = fields.String(required=True)
    amount = fields.Integer(required=True)
    balance_after = fields.Integer(required=True)
    occurred_at = Instant(required=True)
    store_id = Id("store")
    reason = fields.String()


class ExportedAccount(Body):
    """What the member holds in one purse, and how it came about."""

    id = Id("account", required=True)
    purse = fields.String(required=True)
    kind = fields.String(required=True)
    balance = fields.Integer(required=True)
    pending = fields.Integer(required=True)
    entries = fields.List(fields.Nested(ExportedEntry), required=True)


class ExportedActivity(Body):
    """Something that happened: a purchase with its articles, a visit."""

    id = Id("activity", required=True)
    kind = fields.String(required=True)
    occurred_at = Instant(required=True)
    amount = fields.Integer()
    items = fields.List(fields.Dict(keys=fields.String()))
    data = fields.Dict(keys=fields.String())
    receipt = fields.String()
    store_id = Id("store")


class ExportedVoucher(Body):
    """A voucher, without its code."""

    id = Id("voucher", required=True)
    name = fields.String(required=True)
    status = fields.String(required=True)
    issued_at = Instant(required=True)
    valid_until = Instant()
    used_at = Instant()
    used_store_id = Id("store")


class ExportedConsent(Body):
    """A statement about one channel and purpose, with its proof."""

    channel = fields.String(required=True)
    purpose = fields.String(required=True)
    granted = fields.Boolean(required=True)
    source = fields.String(required=True)
    text_version = fields.String()
    created_at = Instant(required=True)


class ExportedPass(Body):
    """A card or a voucher in the wallet of a phone, without its codes."""

    platform = fields.String(required=True)
    state = fields.String(required=True)
    serial = fields.String(required=True)
    voucher_id = Id("voucher")
    created_at = Instant(required=True)
    changed_at = Instant(required=True)
    saved_at = Instant()
    removed_at = Instant()
    last_fetch_at = Instant()


class ExportedMembership(Body):
    """A membership and its history."""

    program = fields.Nested(ExportedProgram, required=True)
    member = fields.Nested(ExportedMember, required=True)
    cards = fields.List(fields.Nested(ExportedCard), required=True)
    accounts = fields.List(fields.Nested(ExportedAccount), required=True)
    activities = fields.List(fields.Nested(ExportedActivity), required=True)
    vouchers = fields.List(fields.Nested(ExportedVoucher), required=True)
    passes = fields.List(fields.Nested(ExportedPass), required=True)
    consents = fields.List(fields.Nested(ExportedConsent), required=True)


class MemberExport(ExportedMembership):
    """Everything that a programme holds about one member, in one machine-readable document (GDPR art. 15 and 20)."""

    exported_at = Instant(required=True)


class CustomerExport(Body):
    """Everything held about a customer, in one machine-readable document (GDPR art. 20)."""

    exported_at = Instant(required=True)
    profile = fields.Nested(ExportedProfile, required=True)
    devices = fields.List(fields.Nested(ExportedDevice), required=True)
    sign_ins = fields.List(fields.Nested(ExportedSignIn), required=True)
    memberships = fields.List(fields.Nested(ExportedMembership), required=True)
