"""`PUT /members/{id}/consents`: staff write down what a member said, with the proof of where and to which text."""

from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from api import scopes
from api.fields import Body
from api.operation import Blueprint, Call
from api.resources.consents import ConsentIn, statements
from api.resources.members import MemberConsents
from app import ids
from app.services import audits, consents, members

blp = Blueprint("member_consents", __name__, url_prefix="/v1", description="What members allow, written by staff")

_EXAMPLE = {
    "source": "paper",
    "consents": [{"channel": "email", "purpose": "offers", "granted": True, "text_version": "2026-11"}],
}


class MemberConsentsIn(Body):
    """What a member said, and where."""

    source = fields.String(
        required=True,
        validate=validate.OneOf(consents.SOURCES_OF_STAFF),
        metadata={"description": "Where the member said so: at the counter, on paper, on the phone, on a web site"},
    )
    consents = fields.List(fields.Nested(ConsentIn), required=True, validate=validate.Length(min=1, max=20))


@blp.operation(
    "PUT", "/members/<id(member):member_id>/consents", scopes=scopes.MEMBERS, summary="Write down what a member allows",
    body=MemberConsentsIn(), answer=MemberConsents(), example=_EXAMPLE,
)  # fmt: skip
def put_member_consents(call: Call, member_id: UUID) -> Any:
    """Write down what the member said; what is not named stays, and every statement is kept as proof.

    A consent that is given needs `text_version`, the text that the member was shown; one that is taken back needs none.
    """
    said = statements(call.body["consents"])
    member = members.get(call.session, member_id)
    consents.write_down(
        call.session, member.id, said, source=call.body["source"], staff_id=call.principal.staff_id
    )  # fmt: skip
    audits.record(
        call.session, action="member.consented", subject=ids.show("member", member.id),
        staff_id=call.principal.staff_id, api_key_id=call.principal.api_key_id, data={"source": call.body["source"]},
    )  # fmt: skip
    return {"data": consents.current(call.session, member.id)}
