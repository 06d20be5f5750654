"""`/staff`: the people of a programme, and what each may change about themselves."""

from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Flag, Id, Instant, Secret, Text
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from api.problems import UnauthenticatedError
from app import ids
from app.db import Session
from app.errors import NotFoundError
from app.models import Staff
from app.services import audits, passwords, second_factors, staff

blp = Blueprint("staff", __name__, url_prefix="/v1", description="People who work in the console and at the tills")

LOCALE = validate.Regexp(r"^[a-z]{2,3}(-[A-Z]{2})?\Z", error="Not a language such as fr or fr-CA.")
_ROLE = validate.OneOf(staff.ROLES)
_STORES = {"description": "Stores that a cashier works in; none: all of them"}
_EXAMPLE = {
    "email": "lea@cafe.example",
    "name": "Léa Martin",
    "role": "cashier",
    "password": "trois cafés par jour",
}


class StaffIn(Body):
    """A person who is to work here."""

    email = Text(required=True, high=254, metadata={"format": "email"})
    name = Text(required=True)
    role = fields.String(required=True, validate=_ROLE)
    password = Secret(required=True, high=passwords.PASSWORD_MAX, metadata={"minLength": passwords.PASSWORD_MIN})
    store_ids = fields.List(Id("store"), validate=validate.Length(max=1000), metadata=_STORES)
    locale = fields.String(validate=LOCALE)


class StaffChange(Body):
    """What to change of a person."""

    name = Text()
    role = fields.String(validate=_ROLE)
    password = Secret(high=passwords.PASSWORD_MAX, metadata={"minLength": passwords.PASSWORD_MIN})
    store_ids = fields.List(Id("store"), validate=validate.Length(max=1000), metadata=_STORES)
    locale = fields.String(validate=LOCALE)


class OwnStaffChange(Body):
    """What a person changes about themselves; a new password takes the current one."""

    name = Text()
    locale = fields.String(validate=LOCALE)
    current_password = Secret(high=passwords.PASSWORD_MAX)
    password = Secret(high=passwords.PASSWORD_MAX, metadata={"minLength": passwords.PASSWORD_MIN})


class StaffMember(Body):
    """A person who works here."""

    id = Id("staff", required=True)
    email = Text(required=True, high=254, metadata={"format": "email"})
    name = Text(required=True)
    role = fields.String(required=True, validate=_ROLE)
    store_ids = fields.List(Id("store"), required=True, metadata=_STORES)
    totp = Flag(required=True, metadata={"description": "Whether a second factor is asked for"})
    locale = fields.String()
    created_at = Instant(required=True)


class TotpKey(Body):
    """The key of a second factor, to be put into an authenticator app."""

    secret = fields.String(required=True, metadata={"description": "Base 32, to be typed"})
    uri = fields.String(required=True, metadata={"description": "`otpauth://…`, to be shown as a QR code"})


class TotpCode(Body):
    """A code that the authenticator app shows."""

    code = fields.String(required=True, validate=validate.Regexp(r"^[0-9]{6}\Z"))


def shown(session: Session, people: list[Staff]) -> list[dict[str, Any]]:
    """Return people as the API shows them."""
    bound = staff.store_ids(session, people)
    return [
        {
            "id": person.id, "email": person.email, "name": person.name, "role": person.role,
            "store_ids": bound[person.id], "totp": person.totp_confirmed_at is not None,
            "locale": person.locale, "created_at": person.created_at,
        }
        for person in people
    ]  # fmt: skip


def _audit(call: Call, action: str, person: Staff, **data: Any) -> None:
    audits.record(
        call.session, action=action, subject=ids.show("staff", person.id), data=data,
        staff_id=call.principal.staff_id, api_key_id=call.principal.api_key_id,
    )  # fmt: skip


def _me(call: Call) -> Staff:
    assert call.principal.id is not None
    try:
        return staff.get(call.session, call.principal.id)
    except NotFoundError:
        # Taken away a moment ago: the token is remembered for some seconds.
        raise UnauthenticatedError("You are not of the staff any more.") from None


@blp.operation(
    "GET", "/staff", scopes=scopes.OWNER_IN_PERSON, summary="List the staff",
    query=PageQuery(), answer=page_schema(StaffMember, "StaffPage"),
)  # fmt: skip
def list_staff(call: Call) -> Any:
    """List the people who work here, oldest first."""
    limit = call.query["limit"]
    people = staff.page(call.session, limit=limit, after=decode_id(call.query.get("after")))
    return page_of(shown(call.session, people), limit, lambda row: encode_id(row["id"]))


@blp.operation(
    "POST", "/staff", scopes=scopes.OWNER_IN_PERSON, summary="Add a person", status=201, problems=[409],
    body=StaffIn(), answer=StaffMember(), example=_EXAMPLE,
)  # fmt: skip
def create_staff(call: Call) -> Any:
    """Let a person sign in. One address signs in to one programme; a cashier may be bound to stores."""
    person = staff.create(call.session, **call.body)
    _audit(call, "staff.added", person, role=person.role)
    return shown(call.session, [person])[0]


@blp.operation("GET", "/staff/me", scopes=scopes.ANY_STAFF, summary="Get myself", answer=StaffMember())
def get_own_staff(call: Call) -> Any:
    """Get the person who asks."""
    return shown(call.session, [_me(call)])[0]


@blp.operation(
    "PATCH", "/staff/me", scopes=scopes.ANY_STAFF, summary="Change my name, language or password",
    body=OwnStaffChange(), answer=StaffMember(), example={"name": "Léa Martin", "locale": "fr"},
)  # fmt: skip
def change_own_staff(call: Call) -> Any:
    """Change the fields that are given. A new password signs you out everywhere else."""
    person = _me(call)
    values = dict(call.body)
    new, current = values.pop("password", None), values.pop("current_password", "")
    staff.change(call.session, person, values=values)
    if new is not None:
        staff.change_own_password(call.session, person, current=current, new=new, keep=call.principal.session_id)
    _audit(call, "staff.changed", person, fields=sorted(call.body))
    return shown(call.session, [person])[0]


@blp.operation(
    "POST", "/staff/me/totp", scopes=scopes.ANY_STAFF, summary="Set up a second factor", answer=TotpKey(),
    key="ignored", problems=[409],
)  # fmt: skip
def prepare_own_totp(call: Call) -> Any:
    """Get a key for an authenticator app. It is asked for once `POST /v1/staff/me/totp/confirm` has seen a code."""
    secret, uri = second_factors.prepare(call.database.keyring, _me(call))
    return {"secret": secret, "uri": uri}


@blp.operation(
    "POST", "/staff/me/totp/confirm", scopes=scopes.ANY_STAFF, summary="Turn the second factor on", status=204,
    body=TotpCode(), example={"code": "492039"}, key="ignored", problems=[409],
)  # fmt: skip
def confirm_own_totp(call: Call) -> None:
    """Turn the second factor on: the next sign-in asks for a code, each of which works once."""
    person = _me(call)
    second_factors.confirm(call.session, call.database.keyring, person, code=call.body["code"])
    _audit(call, "staff.totp_on", person)


@blp.operation(
    "GET", "/staff/<id(staff):staff_id>", scopes=scopes.OWNER_IN_PERSON, summary="Get a person", answer=StaffMember()
)
def get_staff(call: Call, staff_id: UUID) -> Any:
    """Get a person who works here."""
    return shown(call.session, [staff.get(call.session, staff_id)])[0]


@blp.operation(
    "PATCH", "/staff/<id(staff):staff_id>", scopes=scopes.OWNER_IN_PERSON, summary="Change a person", problems=[409],
    body=StaffChange(), answer=StaffMember(), example={"role": "marketer"},
)  # fmt: skip
def change_staff(call: Call, staff_id: UUID) -> Any:
    """Change the fields that are given. A new password signs the person out; the last owner stays one."""
    person = staff.change(call.session, staff.get(call.session, staff_id), values=call.body)
    _audit(call, "staff.changed", person, fields=sorted(call.body), role=person.role)
    return shown(call.session, [person])[0]


@blp.operation(
    "DELETE", "/staff/<id(staff):staff_id>", scopes=scopes.OWNER_IN_PERSON, summary="Let a person go", status=204,
    problems=[409],
)  # fmt: skip
def delete_staff(call: Call, staff_id: UUID) -> None:
    """Sign the person out for good; what they did stays. The last owner cannot go."""
    person = staff.get(call.session, staff_id)
    staff.archive(call.session, person)
    _audit(call, "staff.archived", person)


@blp.operation(
    "DELETE", "/staff/<id(staff):staff_id>/totp", scopes=scopes.OWNER_IN_PERSON, status=204,
    summary="Turn a person's second factor off",
)  # fmt: skip
def delete_staff_totp(call: Call, staff_id: UUID) -> None:
    """Turn the second factor off for somebody who lost their phone; they are signed out."""
    person = staff.get(call.session, staff_id)
    second_factors.turn_off(person)
    staff.end_sign_ins(call.session, person, keep=call.principal.session_id)
    _audit(call, "staff.totp_off", person)
