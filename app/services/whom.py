"""Whom a request means: a member by any of the names that a system of record may know."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute

from app import ids
from app.db import Session
from app.errors import InvalidError, NotFoundError
from app.models import Card, Member
from app.services import contacts, scans

NAMES = ("member_id", "external_member_id", "email", "phone", "card_id")


class UnknownMemberError(NotFoundError):
    """No member of the programme has the name."""

    slug = "unknown-member"
    title = "No such member"


def with_a_name(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body with the member's name in one of `NAMES`, where `external_id` alone says who is meant.

    Beside one of them it is the id of what happened.
    """
    if "external_id" not in body or any(body.get(name) is not None for name in NAMES):
        return body
    said = {name: value for name, value in body.items() if name != "external_id"}
    return said | {"external_member_id": body["external_id"]}


def named(session: Session, body: Mapping[str, Any]) -> Member:
    """Return the member whom exactly one field of `NAMES` names; raise InvalidError, UnknownMemberError."""
    given = [name for name in NAMES if body.get(name) is not None]
    if len(given) != 1:
        detail = f"Name the member by exactly one of {', '.join(NAMES)}."
        raise InvalidError(detail, errors=[{"pointer": f"#/{given[-1] if given else 'member_id'}", "detail": detail}])
    member = session.scalars(select(Member).where(_condition(session, given[0], body[given[0]]))).one_or_none()
    if member is None:
        raise UnknownMemberError(f"No member of this programme has this {given[0]}: enrol the person first.")
    return member


def _condition(session: Session, name: str, value: Any) -> ColumnElement[bool]:
    column, wanted = _column(session, name, value)
    condition: ColumnElement[bool] = column == wanted
    return condition


def _column(session: Session, name: str, value: Any) -> tuple[InstrumentedAttribute[Any], Any]:
    match name:
        case "member_id":
            return Member.id, value
        case "external_member_id":
            return Member.external_id, value
        case "email":
            return Member.email, contacts.email(value, "#/email")
        case "phone":
            return Member.phone, contacts.phone(value, "#/phone")
        case _:
            return Member.id, _holder(session, value)


def _holder(session: Session, card_id: UUID) -> UUID:
    card = session.scalars(select(Card).where(Card.id == card_id)).one_or_none()
    if card is None:
        raise NotFoundError("No such card in this programme.", card=ids.show("card", card_id))
    scans.check_status(card.status)
    return card.member_id
