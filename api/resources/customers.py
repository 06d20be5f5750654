"""`/customers` and `/me`: people sign in with a one-time code, see what is held about them, and may be erased."""

from typing import Any

from flask import request
from marshmallow import fields, validate

from api import limits, scopes
from api.customer_export import CustomerExport
from api.fields import Body, Id, Instant, Text
from api.operation import Blueprint, Call
from api.resources.auth import RefreshToken, TokenPair, pair_of
from api.resources.staff import LOCALE
from app.services import customers, mails, one_time_codes, sign_ins

blp = Blueprint("customers", __name__, url_prefix="/v1", description="Customers: signing in, and their rights")

_CODE = validate.Regexp(r"^[0-9]{6}\Z", error="A code is six digits.")


class ContactIn(Body):
    """Where a code is sent: `email` or `phone`, one of the two."""

    email = Text(high=254, metadata={"format": "email"})
    phone = Text(high=40, metadata={"description": "With its country's prefix: +33612345678"})


class CodeRequest(ContactIn):
    """Where to send a code, and in which language."""

    locale = fields.String(validate=LOCALE, metadata={"description": "`fr` or `en`; else `Accept-Language` says it"})


class CodeAnswer(ContactIn):
    """The code that was sent."""

    code = fields.String(required=True, validate=_CODE)


class Customer(Body):
    """A person, across programmes."""

    id = Id("customer", required=True)
    email = fields.String()
    phone = fields.String()
    first_name = fields.String()
    last_name = fields.String()
    locale = fields.String()
    timezone = fields.String()
    created_at = Instant(required=True)


class CustomerChange(Body):
    """What a person changes about themselves; null takes a value away."""

    first_name = Text(allow_none=True)
    last_name = Text(allow_none=True)
    locale = fields.String(validate=LOCALE, allow_none=True)
    timezone = Text(allow_none=True, metadata={"description": "Of the IANA database", "example": "Europe/Paris"})


class CustomerSignedIn(TokenPair):
    """A customer who is signed in."""

    customer = fields.Nested(Customer, required=True)


@blp.operation(
    "POST", "/customers/codes", scopes=scopes.PUBLIC, summary="Ask for a one-time code", program="none", key="ignored",
    status=202, body=CodeRequest(), problems=[429], example={"email": "ana@cafe.example", "locale": "fr"},
)  # fmt: skip
def create_customer_code(call: Call) -> None:
    """Send six digits to an e-mail address or a mobile phone. The answer is the same whether anybody is known there.

    The code lives 10 minutes and 5 tries, and ends when another is asked for. One contact is sent three in 10
    minutes; more are answered alike and not sent.
    """
    limits.check_client(call.database, limits.CODES_CLIENT)
    contact = one_time_codes.contact(email=call.body.get("email"), phone=call.body.get("phone"))
    locale = call.body.get("locale") or request.accept_languages.best_match(mails.LANGUAGES) or mails.LANGUAGES[0]
    one_time_codes.send(call.database, to=contact, locale=locale)


@blp.operation(
    "POST", "/customers/sessions", scopes=scopes.PUBLIC, summary="Sign in with a one-time code", program="none",
    key="ignored", body=CodeAnswer(), answer=CustomerSignedIn(), problems=[401, 429],
    example={"email": "ana@cafe.example", "code": "492039"},
)  # fmt: skip
def create_customer_session(call: Call) -> Any:
    """Sign in; the first time makes the customer. Memberships under the same contact become theirs.

    A card from a poster keeps its code when it is not older than a day; an older one is replaced, since whoever made it
    had not proved the contact. Either way the inbox says so.
    """
    limits.check_client(call.database, limits.GUESSES_CLIENT)
    contact = one_time_codes.contact(email=call.body.get("email"), phone=call.body.get("phone"))
    signed_in = sign_ins.customer(call.database, contact=contact, code=call.body["code"])
    customers.link(call.database, signed_in.customer)
    return pair_of(signed_in.pair) | {"customer": signed_in.customer}


@blp.operation(
    "POST", "/customers/refresh", scopes=scopes.PUBLIC, summary="Stay signed in as a customer", program="none",
    key="ignored", body=RefreshToken(), answer=TokenPair(), problems=[401], example={"refresh_token": "rcu_…"},
)  # fmt: skip
def refresh_customer_token(call: Call) -> Any:
    """Trade a refresh token for the next pair. If the answer is lost, ask again within 10 seconds: it is the same.

    A token that was traded earlier counts as stolen: everybody who holds a token of that sign-in is signed out.
    """
    return pair_of(sign_ins.refresh(call.database, sign_ins.CUSTOMER, call.body["refresh_token"]))


@blp.operation(
    "POST", "/customers/revoke", scopes=scopes.PUBLIC, summary="Sign out as a customer", program="none",
    key="ignored", status=204, body=RefreshToken(), example={"refresh_token": "rcu_…"},
)  # fmt: skip
def revoke_customer_token(call: Call) -> None:
    """Sign out: the tokens of this sign-in die and its devices get no more pushes. An unknown token is no error."""
    sign_ins.revoke(call.database, sign_ins.CUSTOMER, call.body["refresh_token"])


@blp.operation("GET", "/me", scopes=scopes.CUSTOMER, summary="Get myself", answer=Customer())
def get_me(call: Call) -> Any:
    """Get the customer who asks."""
    return customers.get(call.session)


@blp.operation(
    "PATCH", "/me", scopes=scopes.CUSTOMER, summary="Change myself", body=CustomerChange(), answer=Customer(),
    program="own", example={"first_name": "Ana", "locale": "fr", "timezone": "Europe/Paris"},
)  # fmt: skip
def change_me(call: Call) -> Any:
    """Change the fields that are given. A contact changes by signing in with the new one."""
    return customers.change(call.database, call.principal.customer_id, values=call.body)


@blp.operation("DELETE", "/me", scopes=scopes.CUSTOMER, summary="Erase myself", status=204)
def delete_me(call: Call) -> None:
    """Erase the customer: contact, names, devices, sign-ins, and the tie to memberships.

    What each programme holds of its member stays with that programme, which answers for it: ask there to erase it
    too (`GET /v1/me/export` names them). Signing in again with the same contact finds those memberships again.
    """
    customers.erase(call.database, call.principal.customer_id)


@blp.operation(
    "GET", "/me/export", scopes=scopes.CUSTOMER, summary="Get everything that is held about me",
    answer=CustomerExport(),
)  # fmt: skip
def export_me(call: Call) -> Any:
    """Get everything held about the customer: profile, devices, sign-ins, and each membership with its history."""
    return customers.export(call.database, call.principal.customer_id)
