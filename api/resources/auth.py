"""`/auth`: staff sign in, stay signed in, and sign out."""

from typing import Any

from marshmallow import fields, validate

from api import limits, problems, scopes
from api.fields import Body, Id, Secret, Text
from api.operation import Blueprint, Call
from api.resources.staff import StaffMember, shown
from app.services import contacts, passwords, sign_ins, tokens

problems.STATUSES[sign_ins.RefusedError] = 401

blp = Blueprint("auth", __name__, url_prefix="/v1", description="Signing in of staff")

_ACCESS = {"description": "Send it as `Authorization: Bearer …`"}
_REFRESH = {"description": "Trade it for the next pair before `expires_in` has passed; each works once"}


class StaffCredentials(Body):
    """What a staff member signs in with."""

    email = Text(required=True, high=254, metadata={"format": "email"})
    password = Secret(required=True, high=passwords.PASSWORD_MAX)
    totp = fields.String(
        validate=validate.Regexp(r"^[0-9]{6}\Z"), metadata={"description": "Code of the authenticator app, if it is on"}
    )


class RefreshToken(Body):
    """A refresh token."""

    refresh_token = fields.String(required=True, validate=validate.Length(min=1, max=200))


class TokenPair(Body):
    """An access token, and the refresh token that follows it."""

    access_token = fields.String(required=True, metadata=_ACCESS)
    token_type = fields.String(required=True, validate=validate.Equal("Bearer"))
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds that the access token lives"})
    refresh_token = fields.String(required=True, metadata=_REFRESH)


class SignedInProgram(Body):
    """The programme that a staff member signed in to."""

    id = Id("program", required=True)
    name = fields.String(required=True)
    slug = fields.String(required=True)
    currency = fields.String(required=True)
    timezone = fields.String(required=True)
    locale = fields.String(required=True)
    locales = fields.List(fields.String(), required=True)
    brand = fields.Dict(keys=fields.String(), required=True)


class StaffSignedIn(TokenPair):
    """A staff member who is signed in."""

    staff = fields.Nested(StaffMember, required=True)
    program = fields.Nested(SignedInProgram, required=True)


def pair_of(pair: tokens.Pair) -> dict[str, Any]:
    """Return a pair of tokens as the API shows it (the names are those of RFC 6749 §5.1)."""
    return {
        "access_token": pair.access,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
        "refresh_token": pair.refresh,
    }


@blp.operation(
    "POST", "/auth/token", scopes=scopes.PUBLIC, summary="Sign in as staff", program="none", key="ignored",
    body=StaffCredentials(), answer=StaffSignedIn(), problems=[401, 429],
    example={"email": "owner@cafe.example", "password": "trois cafés par jour"},
)  # fmt: skip
def create_staff_token(call: Call) -> Any:
    """Sign in to the one programme that the address belongs to. Wrong and unknown are answered alike.

    The access token lives 15 minutes; the refresh token 30 days from its last use, 90 days in all.
    """
    limits.check_client(call.database, limits.SIGN_IN_CLIENT)
    address = contacts.email(call.body["email"])
    limits.check(call.database, limits.SIGN_IN_ADDRESS, address)
    signed_in = sign_ins.staff(
        call.database, email=address, password=call.body["password"], totp=call.body.get("totp")
    )  # fmt: skip
    limits.forget(call.database, limits.SIGN_IN_ADDRESS, address)
    with call.database.transaction(signed_in.program.id) as session:
        person = shown(session, [signed_in.staff])[0]
    return pair_of(signed_in.pair) | {"staff": person, "program": signed_in.program}


@blp.operation(
    "POST", "/auth/refresh", scopes=scopes.PUBLIC, summary="Stay signed in as staff", program="none", key="ignored",
    body=RefreshToken(), answer=TokenPair(), problems=[401], example={"refresh_token": "rst_…"},
)  # fmt: skip
def refresh_staff_token(call: Call) -> Any:
    """Trade a refresh token for the next pair. If the answer is lost, ask again within 10 seconds: it is the same.

    A token that was traded earlier counts as stolen: everybody who holds a token of that sign-in is signed out. A
    customer's token is taken too, as by `POST /v1/customers/refresh`.
    """
    token = call.body["refresh_token"]
    return pair_of(sign_ins.refresh(call.database, sign_ins.families_of(token), token))


@blp.operation(
    "POST", "/auth/revoke", scopes=scopes.PUBLIC, summary="Sign out as staff", program="none", key="ignored",
    status=204, body=RefreshToken(), example={"refresh_token": "rst_…"},
)  # fmt: skip
def revoke_staff_token(call: Call) -> None:
    """Sign out: the refresh token and the access token of its sign-in die. An unknown token is no error (RFC 7009).

    A customer's token is taken too, as by `POST /v1/customers/revoke`.
    """
    token = call.body["refresh_token"]
    sign_ins.revoke(call.database, sign_ins.families_of(token), token)
