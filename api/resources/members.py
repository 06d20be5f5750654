"""`/members`: finding, enrolling and changing members."""

from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Id, Instant, Text
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from api.resources.consents import Consent, ConsentIn, statements
from app import ids
from app.errors import ForbiddenError, invalid_field
from app.models import Member as MemberRow
from app.services import audits, consents, member_search, members, segment_lists, segments
from app.services.programs import LOCALE

blp = Blueprint("members", __name__, url_prefix="/v1", description="People enrolled in a programme, and their cards")

LOCALE_CHECK = validate.Regexp(rf"^{LOCALE}\Z", error="Not a language tag, such as fr or pt-BR.")
_EXAMPLE = {
    "email": "ana@example.com",
    "first_name": "Ana",
    "locale": "fr",
    "consents": [{"channel": "email", "purpose": "offers", "granted": True, "text_version": "2026-11"}],
}


class Tags(fields.List[Any]):
    """The programme's own words about a member."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            Text(high=members.TAG_MAX), validate=validate.Length(max=members.TAGS_MAX),
            metadata={"description": "Your own words about the member, which segments may ask for", "example": ["vip"]},
            **kwargs,
        )  # fmt: skip


class OwnFields(fields.Raw):
    """The programme's own facts about a member, which the domain reads."""

    def __init__(self, **kwargs: Any) -> None:
        most = members.FIELD_NUMBER_MAX
        value = {
            "type": ["string", "number", "boolean", "null"], "maxLength": members.FIELD_TEXT_MAX,
            "pattern": members.FIELD_TEXT, "minimum": -most, "maximum": most,
        }  # fmt: skip
        metadata = {
            "type": "object", "maxProperties": members.FIELDS_MAX, "additionalProperties": value,
            "propertyNames": {"pattern": members.FIELD_NAME},
            "description": "Your own facts about the member: texts, numbers, true or false. In a change, null takes one"
            " away and what is not named stays",
            "example": {"favourite": "espresso", "visits_before": 12},
        }  # fmt: skip
        super().__init__(metadata=metadata, **kwargs)


class MemberIn(Body):
    """A person to enrol; everything is optional."""

    email = Text(high=320, metadata={"format": "email"})
    phone = Text(high=40, metadata={"description": "With the country's prefix: +33 6 12 34 56 78"})
    first_name = Text(high=100)
    last_name = Text(high=100)
    birth_on = fields.Date()
    locale = fields.String(validate=LOCALE_CHECK)
    external_id = Text(metadata={"description": "The person's id in your own system"})
    referral_code = Text(high=64)
    tags = Tags()
    own_fields = OwnFields(data_key="fields", attribute="fields")
    consents = fields.List(fields.Nested(ConsentIn), validate=validate.Length(max=20))


class MemberChange(Body):
    """What to change of a member; null takes a field away. `tags` are all its tags; `fields` are those to change."""

    email = Text(high=320, allow_none=True, metadata={"format": "email"})
    phone = Text(high=40, allow_none=True)
    first_name = Text(high=100, allow_none=True)
    last_name = Text(high=100, allow_none=True)
    birth_on = fields.Date(allow_none=True)
    locale = fields.String(validate=LOCALE_CHECK, allow_none=True)
    external_id = Text(allow_none=True)
    tags = Tags()
    own_fields = OwnFields(data_key="fields", attribute="fields")
    consents = fields.List(fields.Nested(ConsentIn), validate=validate.Length(max=20))


class MemberCard(Body):
    """The member's current card."""

    id = Id("card", required=True)
    number = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(["active", "blocked"]))


class MemberAccount(Body):
    """What a member holds in one purse: points, stamps, or minor units of the programme's currency."""

    id = Id("account", required=True, attribute="account.id")
    purse_id = Id("purse", required=True, attribute="purse.id")
    code = fields.String(required=True, attribute="purse.code")
    name = fields.String(required=True, attribute="purse.name")
    kind = fields.String(required=True, attribute="purse.kind")
    balance = fields.Integer(required=True)
    pending = fields.Integer(required=True, attribute="account.pending")
    held = fields.Integer(required=True, attribute="account.held")
    debt = fields.Integer(required=True, attribute="account.debt")
    goal = fields.Integer(attribute="purse.goal")
    earned_total = fields.Integer(required=True, attribute="account.earned_total")
    burnt_total = fields.Integer(required=True, attribute="account.burnt_total")


class Member(Body):
    """A member, with the current card and what the member holds."""

    id = Id("member", required=True, attribute="member.id")
    email = fields.String(attribute="member.email")
    phone = fields.String(attribute="member.phone")
    first_name = fields.String(attribute="member.first_name")
    last_name = fields.String(attribute="member.last_name")
    birth_on = fields.Date(attribute="member.birth_on")
    locale = fields.String(attribute="member.locale")
    external_id = fields.String(attribute="member.external_id")
    joined_at = Instant(required=True, attribute="member.joined_at")
    has_app = fields.Function(
        lambda view: view.member.customer_id is not None,
        metadata={"type": "boolean", "description": "Whether the person signed in to the app with a proved contact"},
    )
    card = fields.Nested(MemberCard)
    tags = fields.List(fields.String(), required=True, attribute="member.tags")
    own_fields = fields.Dict(
        keys=fields.String(), values=fields.Raw(), required=True, data_key="fields", attribute="member.fields"
    )
    accounts = fields.List(fields.Nested(MemberAccount), required=True)


class MembersQuery(PageQuery):
    """`?query=&limit=&after=`."""

    query = Text(
        metadata={
            "description": "An e-mail address, a phone number, an external id or a card's number, whole; or the"
            " beginning of a first or last name, two letters at least, with or without accents. One page is answered."
        }
    )
    segment_id = Id("segment", metadata={"description": "Only who is in this segment now"})


class MemberConsents(Body):
    """What a member allows."""

    data = fields.List(fields.Nested(Consent), required=True)


@blp.operation(
    "GET", "/members", scopes=scopes.MEMBERS, summary="List or find members", query=MembersQuery(),
    answer=page_schema(Member, "MemberPage"),
)  # fmt: skip
def list_members(call: Call) -> Any:
    """List the members, newest first, or those of a segment, or find those whom `query` means."""
    limit = call.query["limit"]
    if "segment_id" in call.query:
        rows = _of_segment(call, call.query["segment_id"], limit)
    elif "query" in call.query:
        rows = member_search.search(call.session, call.query["query"], limit=limit)
    else:
        rows = members.page(call.session, limit=limit, after=decode_id(call.query.get("after")))
    page = page_of(rows, limit, lambda row: encode_id(row.id))
    return {**page, "data": members.views(call.session, page["data"])}


@blp.operation(
    "POST", "/members", scopes=scopes.MEMBERS, summary="Enrol a member", status=201, body=MemberIn(), answer=Member(),
    example=_EXAMPLE, problems=[409],
)  # fmt: skip
def create_member(call: Call) -> Any:
    """Enrol a person: a card and an account in each purse are made, and `member.joined` is published."""
    said = statements(call.body.pop("consents", None))
    member = members.enrol(
        call.session, call.database.keyring, source=_source(call), staff_id=call.principal.staff_id, statements=said,
        **call.body,
    )  # fmt: skip
    _note(call, "member.enrolled", member.id)
    return members.view(call.session, member)


@blp.operation(
    "GET", "/members/<id(member):member_id>", scopes=scopes.MEMBERS, summary="Get a member", answer=Member(),
    with_etag=True,
)  # fmt: skip
def get_member(call: Call, member_id: UUID) -> Any:
    """Get a member with card and accounts."""
    return members.view(call.session, members.get(call.session, member_id))


@blp.operation(
    "PATCH", "/members/<id(member):member_id>", scopes=scopes.MEMBERS, summary="Change a member", body=MemberChange(),
    answer=Member(), example={"last_name": "Martin", "birth_on": None}, problems=[409],
)  # fmt: skip
def change_member(call: Call, member_id: UUID) -> Any:
    """Change the fields that are given; consents are added to those that the member gave before."""
    said = statements(call.body.pop("consents", None))
    member = members.change(call.session, members.get(call.session, member_id), values=call.body)
    consents.record(call.session, member.id, said, source=_source(call), staff_id=call.principal.staff_id)
    _note(call, "member.changed", member.id, fields=sorted(call.body))
    return members.view(call.session, member)


@blp.operation(
    "GET", "/members/<id(member):member_id>/consents", scopes=scopes.MEMBERS_ALL, summary="Get a member's consents",
    answer=MemberConsents(),
)  # fmt: skip
def list_member_consents(call: Call, member_id: UUID) -> Any:
    """Get what the member allows now; what was never spoken of is not allowed."""
    return {"data": consents.current(call.session, members.get(call.session, member_id).id)}


def _of_segment(call: Call, segment_id: UUID, limit: int) -> list[MemberRow]:
    if "query" in call.query:
        raise invalid_field("?/query", "Find by `query` or list a segment, not both.")
    if not call.principal.scopes & scopes.MEMBERS_ALL:
        raise ForbiddenError("Segments are not for tills.", needed=sorted(scopes.MEMBERS_ALL))
    segment = segments.get(call.session, segment_id)
    return segment_lists.members_page(call.session, segment, limit=limit, after=decode_id(call.query.get("after")))


def _source(call: Call) -> str:
    return "staff" if call.principal.kind == "staff" else "api"


def _note(call: Call, action: str, member_id: UUID, **data: Any) -> None:
    audits.record(
        call.session, action=action, subject=ids.show("member", member_id), staff_id=call.principal.staff_id,
        api_key_id=call.principal.api_key_id, data=data,
    )  # fmt: skip
