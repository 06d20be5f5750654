"""Use cases of members: enrolling, finding and changing them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from app import clock, ids
from app.crypto import Keyring
from app.db import Session
from app.errors import ConflictError, InvalidError, NotFoundError, invalid_field
from app.models import Card, Member
from app.services import accounts, cards, consents, contacts, events, holdings, pass_updates
from app.services.consents import Statement
from app.services.holdings import Holding

BORN_FROM = date(1900, 1, 1)

TAGS_MAX = 50
TAG_MAX = 50
FIELDS_MAX = 50
FIELD_NAME = "^[a-z][a-z0-9_]{0,39}$"
FIELD_TEXT_MAX = 200
FIELD_TEXT = r"^[^\u0000-\u001f\u007f-\u009f]*$"
FIELD_NUMBER_MAX = 2**53 - 1
"""Beyond it programs that read JSON numbers as doubles lose digits (RFC 8259 §6)."""

SHOWN_ON_CARDS = frozenset({"first_name", "last_name", "locale"})
"""What of a member stands on cards in wallets, which are looked at when it changes."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class MemberExistsError(ConflictError):
    """Somebody of this programme has the address, the number or the external id; `member` is the id."""

    slug = "member-exists"
    title = "Already a member"


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member with the current card, if there is one, and what the member holds."""

    member: Member
    card: Card | None
    accounts: list[Holding]


def enrol(
    session: Session,
    keyring: Keyring,
    *,
    source: str,
    email: str | None = None,
    phone: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
    birth_on: date | None = None,
    locale: str | None = None,
    external_id: str | None = None,
    statements: Iterable[Statement] = (),
    customer_id: UUID | None = None,
    staff_id: UUID | None = None,
    referral_code: str | None = None,
    tags: Iterable[str] = (),
    fields: object = None,
) -> Member:
    """Make a member with a card and an account in each purse, and publish `member.joined`.

    Contacts are normalised here. Whoever has the app and proved one of the contacts finds the card there:
    `customer_id` names the customer where that is known; from a poster without one, the contact is unproved and the
    card is marked so. A referral code is handed on with the fact. Raises InvalidError, and MemberExistsError when one
    of what must be unique is taken, also when two tills enrol the same person at once.
    """
    check_birth(birth_on)
    values: dict[str, Any] = {
        "email": contacts.email(email) if email else None,
        "phone": contacts.phone(phone) if phone else None,
        "external_id": external_id,
    }
    if customer_id is None and source != "join":
        # Not from a poster: there anybody can write anybody's address, and would hold a code of that person's card.
        customer_id = session.scalar(select(func.customer_by_contact(values["email"], values["phone"])))
    values |= {"customer_id": customer_id}
    # One guarded statement: a twin of this request waits here for the other's commit, then finds the row.
    made = session.scalars(
        insert(Member)
        .values(
            id=ids.new_id(),
            program_id=session.program,
            created_at=clock.now(),
            joined_at=clock.now(),
            first_name=first_name,
            last_name=last_name,
            birth_on=birth_on,
            locale=locale,
            tags=list(dict.fromkeys(tags)),
            fields=merged_fields({}, fields),
            **values,
        )
        .on_conflict_do_nothing()
        .returning(Member)
    ).one_or_none()
    if made is None:
        raise _exists(session, values)
    unproved = source == "join" and customer_id is None and (made.email or made.phone) is not None
    card = cards.issue(session, keyring, made, unproved=unproved)
    accounts.open_all(session, made.id)
    consents.record(session, made.id, statements, source=source, staff_id=staff_id)
    data = {"member": ids.show("member", made.id), "card": ids.show("card", card.id), "source": source}
    if referral_code is not None:
        data["referral_code"] = referral_code
    events.publish(session, kind="member.joined", data=data, member_id=made.id)
    return made


def get(session: Session, member_id: UUID) -> Member:
    """Return the member; raise NotFoundError."""
    member = session.scalars(select(Member).where(Member.id == member_id)).one_or_none()
    if member is None:
        raise NotFoundError("No such member in this programme.", member=ids.show("member", member_id))
    return member


def of_customer(session: Session, customer_id: UUID) -> Member:
    """Return the customer's enrolment in the session's programme; raise NotFoundError."""
    member = session.scalars(select(Member).where(Member.customer_id == customer_id)).one_or_none()
    if member is None:
        raise NotFoundError("You are not a member of this programme.")
    return member


def views(session: Session, rows: list[Member]) -> list[MemberView]:
    """Return the members with their cards and holdings, by two more statements for all of them."""
    member_ids = [member.id for member in rows]
    if not member_ids:
        return []
    their_cards = cards.of_members(session, member_ids)
    held = holdings.of_members(session, member_ids)
    return [MemberView(member, their_cards.get(member.id), held[member.id]) for member in rows]


def view(session: Session, member: Member) -> MemberView:
    """Return one member with card and holdings."""
    return views(session, [member])[0]


def page(session: Session, *, limit: int, after: UUID | None = None) -> list[Member]:
    """Return up to `limit` + 1 members, newest first, behind `after`."""
    query = select(Member).order_by(Member.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(Member.id < after)
    return list(session.scalars(query))


def change(session: Session, member: Member, *, values: Mapping[str, Any]) -> Member:
    """Set the given fields, None taking one away; raise InvalidError or MemberExistsError as `enrol` does."""
    values = dict(values)
    check_birth(values.get("birth_on"))
    if "tags" in values:
        values["tags"] = list(dict.fromkeys(values["tags"]))
    if "fields" in values:
        # Two systems may each set a field of their own at once.
        session.refresh(member, ["fields"], with_for_update=True)
        values["fields"] = merged_fields(member.fields, values["fields"])
    if values.get("email"):
        values["email"] = contacts.email(values["email"])
    if values.get("email", member.email) != member.email:
        values["email_gone_at"] = None
    if values.get("phone"):
        values["phone"] = contacts.phone(values["phone"])
    try:
        with session.begin_nested():
            for name, value in values.items():
                setattr(member, name, value)
            session.flush()
    except IntegrityError:
        raise _exists(session, values, but=member.id) from None
    if values.keys() & SHOWN_ON_CARDS:
        pass_updates.mark_member(session, member.id, reason="member")
    return member


def check_birth(birth_on: date | None) -> None:
    """Raise InvalidError for a birthday to come or of the century before the last."""
    if birth_on is not None and not BORN_FROM <= birth_on <= clock.now().date():
        raise invalid_field("#/birth_on", f"From {BORN_FROM} to today.")


def merged_fields(known: Mapping[str, Any], said: object) -> dict[str, Any]:
    """Return the fields with what is said of some of them, None taking one away; raise InvalidError."""
    if said is None:
        return dict(known)
    if not isinstance(said, Mapping):
        raise invalid_field("#/fields", "Is an object of texts, numbers, true and false.")
    errors: list[dict[str, str]] = []
    for name, value in said.items():
        fault = _field_fault(name, value)
        if fault:
            place = str(name).replace("~", "~0").replace("/", "~1")
            errors.append({"pointer": f"#/fields/{place}", "detail": fault})
    merged = {name: value for name, value in {**known, **said}.items() if value is not None}
    if not errors and len(merged) > FIELDS_MAX:
        errors.append({"pointer": "#/fields", "detail": f"A member has at most {FIELDS_MAX} fields."})
    if errors:
        raise InvalidError("Some fields of the member are not valid; `errors` names each.", errors=errors)
    return merged


def _field_fault(name: str, value: object) -> str | None:
    if not re.fullmatch(FIELD_NAME, name):
        return "A field's name has 1 to 40 small letters, digits and _, a letter first."
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        readable = len(value) <= FIELD_TEXT_MAX and re.fullmatch(FIELD_TEXT, value) and not _SURROGATE.search(value)
        return None if readable else f"A text has at most {FIELD_TEXT_MAX} characters, none of them control characters."
    if isinstance(value, int | float):
        return None if abs(value) <= FIELD_NUMBER_MAX else "A number is at most 9007199254740991, either way."
    return "Is a text, a number, true or false."


def _exists(session: Session, values: Mapping[str, Any], *, but: UUID | None = None) -> MemberExistsError:
    for name in ("email", "phone", "external_id", "customer_id"):
        if values.get(name) is None:
            continue
        taken = session.scalar(select(Member.id).where(getattr(Member, name) == values[name], Member.id != but))
        if taken is not None:
            field = "email" if name == "customer_id" else name
            return MemberExistsError(
                "Somebody of this programme has it already: use that member.",
                errors=[{"pointer": f"#/{field}", "detail": "Is taken."}],
                member=ids.show("member", taken),
            )
    return MemberExistsError("Somebody of this programme has it already.")
