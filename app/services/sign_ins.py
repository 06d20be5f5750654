"""Signing in, staying signed in, signing out: staff by password, customers by one-time code.

These take the database instead of a session: a try must be committed before it is judged, a password is hashed with
no transaction open, and a stolen token's family stays revoked although the request is refused.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select

from app import clock, ids
from app.db import Database, Session
from app.errors import AssiduError
from app.models import Customer, CustomerSession, Device, Program, Staff, StaffSession
from app.services import audits, devices, one_time_codes, passwords, second_factors, tokens


class RefusedError(AssiduError):
    """The address, the password, the code or the token is wrong: which of them is not said."""

    slug = "sign-in-refused"
    title = "Sign-in refused"


class TotpRequiredError(RefusedError):
    """The password is right and the second factor is on: its code is needed too."""

    slug = "totp-required"
    title = "The code of your authenticator app is needed"


@dataclass(frozen=True, slots=True)
class StaffSignIn:
    """A staff member who signed in."""

    pair: tokens.Pair
    staff: Staff
    program: Program


@dataclass(frozen=True, slots=True)
class CustomerSignIn:
    """A customer who signed in."""

    pair: tokens.Pair
    customer: Customer


def staff(database: Database, *, email: str, password: str, totp: str | None = None) -> StaffSignIn:
    """Sign a staff member in; raise RefusedError, or TotpRequiredError when only the second factor lacks.

    `email` is normalised. An unknown address costs the same look-ups and the same hash as a wrong password.
    """
    with database.transaction() as session:
        door = func.staff_by_email(email).table_valued("program_id", "id")
        found = session.execute(select(door)).one_or_none()
    program_id, staff_id = (found.program_id, found.id) if found else (ids.new_id(), ids.new_id())
    with database.transaction(program_id) as session:
        known = session.scalar(select(Staff.password_hash).where(Staff.id == staff_id))
    right = passwords.matches(known or passwords.NOBODYS_HASH, password)
    if not right or known is None:
        raise RefusedError("The address or the password is wrong.")
    with database.transaction(program_id) as session:
        return _begin_staff_session(database, session, staff_id=staff_id, password_hash=known, totp=totp)


def _begin_staff_session(
    database: Database, session: Session, *, staff_id: UUID, password_hash: str, totp: str | None
) -> StaffSignIn:
    query = select(Staff).where(Staff.id == staff_id, Staff.archived_at.is_(None)).with_for_update()
    member = session.scalars(query).one_or_none()
    if member is None or member.password_hash != password_hash:
        raise RefusedError("The address or the password is wrong.")
    if member.totp_confirmed_at is not None:
        if not totp:
            raise TotpRequiredError("Send `totp`: the six digits that your authenticator app shows.")
        if not second_factors.accept(session, database.keyring, member, code=totp):
            raise RefusedError("The code of the authenticator app is wrong or was used; wait for the next.")
    pair, columns = tokens.begin(database.keyring, tokens.STAFF, now=clock.now())
    session.add(StaffSession(staff_id=member.id, **columns))
    audits.record(session, action="staff.signed_in", subject=ids.show("staff", member.id), staff_id=member.id)
    return StaffSignIn(pair, member, session.scalars(select(Program).where(Program.id == session.program)).one())


def customer(database: Database, *, contact: one_time_codes.Contact, code: str) -> CustomerSignIn:
    """Sign a customer in by the code that was sent, making the customer at the first time; raise RefusedError."""
    contact_hash, challenge, known = _begin_try(database, contact)
    right = passwords.matches(challenge.code_hash if challenge else passwords.NOBODYS_HASH, code)
    if not right or challenge is None:
        raise RefusedError("The code is wrong, used or too old; ask for a new one.")
    now = clock.now()
    with database.transaction(customer_id=known or ids.new_id(), contact_hash=contact_hash) as session:
        if not one_time_codes.use(session, challenge):
            raise RefusedError("The code is wrong, used or too old; ask for a new one.")
        person = _the_customer(session, contact)
        pair, columns = tokens.begin(database.keyring, tokens.CUSTOMER, now=now)
        session.add(CustomerSession(customer_id=person.id, **columns))
    return CustomerSignIn(pair, person)


def _begin_try(
    database: Database, contact: one_time_codes.Contact
) -> tuple[bytes, one_time_codes.Challenge | None, UUID | None]:
    """Count a try; return the hash that the contact's code is kept under, the code, and the customer if known."""
    contact_hash, challenge, known = b"", None, None
    # One key but while the secret key is rotated; the newest code's comes first.
    for keys in database.keyring.each():
        if challenge is not None:
            break
        contact_hash = keys.contact_hash(contact.text)
        with database.transaction(contact_hash=contact_hash) as session:
            challenge = one_time_codes.begin_try(session)
            known = session.scalar(select(func.customer_by_contact(contact.email, contact.phone)))
    return contact_hash, challenge, known


def _the_customer(session: Session, contact: one_time_codes.Contact) -> Customer:
    assert session.customer_id is not None
    person = session.get(Customer, session.customer_id)
    if person is None:
        person = Customer(id=session.customer_id, email=contact.email, phone=contact.phone)
        session.add(person)
        session.flush()
    return person


@dataclass(frozen=True, slots=True)
class Families:
    """Where one kind's tokens are kept, and how to reach a family of them."""

    kind: tokens.Kind
    model: type[StaffSession] | type[CustomerSession]
    owner: Callable[[UUID], Any]
    open: Callable[[Database, UUID], AbstractContextManager[Session]]


STAFF = Families(
    kind=tokens.STAFF,
    model=StaffSession,
    owner=func.staff_session_program,
    open=lambda database, owner: database.transaction(owner),
)
CUSTOMER = Families(
    kind=tokens.CUSTOMER,
    model=CustomerSession,
    owner=func.customer_session_customer,
    open=lambda database, owner: database.transaction(customer_id=owner),
)


def families_of(token: str) -> Families:
    """Return whose families a refresh token says it is of; one that says nothing is looked for among the staff's."""
    return CUSTOMER if token.startswith(tokens.CUSTOMER.refresh) else STAFF


def refresh(database: Database, families: Families, token: str) -> tokens.Pair:
    """Return the pair that replaces a refresh token; raise RefusedError for one that is over.

    A token that was replaced before revokes its whole family, except within the grace of a lost answer.
    """
    family_id = tokens.family(database.keyring, families.kind, token)
    owner = _owner(database, families, family_id)
    pair = None
    if family_id is not None and owner is not None:
        with families.open(database, owner) as session:
            row = _locked(session, families, family_id)
            pair = tokens.rotate(
                database.keyring, families.kind, row,
                family_id=family_id, began_at=row.created_at, refresh=token, now=clock.now(),
            )  # fmt: skip
            if pair is None:
                end(session, row)
            elif isinstance(row, CustomerSession):
                devices.heard_of(session, row.customer_id, row.id)
    if pair is None:
        raise RefusedError("This refresh token is unknown, used or over; sign in again.")
    return pair


def revoke(database: Database, families: Families, token: str) -> None:
    """Sign out whoever holds this refresh token; an unknown one is already signed out (RFC 7009 §2.2)."""
    family_id = tokens.family(database.keyring, families.kind, token)
    owner = _owner(database, families, family_id)
    if family_id is None or owner is None:
        return
    with families.open(database, owner) as session:
        end(session, _locked(session, families, family_id))


def end(session: Session, row: StaffSession | CustomerSession) -> None:
    """End one sign-in. Of a customer, forget its devices too: nobody's pushes go to a phone that signed out."""
    if row.revoked_at is None:
        row.revoked_at = clock.now()
    if isinstance(row, CustomerSession):
        session.execute(delete(Device).where(Device.session_id == row.id))


def forget_old(session: Session) -> int:
    """Drop sign-ins that ended a token's life ago; return how many. For the worker's session across programmes."""
    before = clock.now() - tokens.REFRESH_LIVES
    gone = 0
    for model in (StaffSession, CustomerSession):
        gone += session.execute(delete(model).where(model.expires_at < before)).rowcount  # type: ignore[attr-defined]
    return gone


def _owner(database: Database, families: Families, family_id: UUID | None) -> UUID | None:
    if family_id is None:
        return None
    with database.transaction() as session:
        owner: UUID | None = session.scalar(select(families.owner(family_id)))
    return owner


def _locked(session: Session, families: Families, family_id: UUID) -> StaffSession | CustomerSession:
    row = session.get_one(families.model, family_id, with_for_update=True)
    assert isinstance(row, StaffSession | CustomerSession)
    return row
