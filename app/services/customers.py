"""Customers: who they say they are, their memberships, and their rights to see and to erase what is held."""

from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from app import clock
from app.db import Database, Session
from app.errors import NotFoundError, invalid_field
from app.models import Customer, CustomerSession, Device, Member, Pass
from app.services import claims, memberships, pass_updates

SHOWN_ON_CARDS = frozenset({"locale"})
"""What of a customer shows on cards in wallets: those of members without a language of their own speak the app's.
A name does not: that on a card is the one which its programme was given."""


def get(session: Session) -> Customer:
    """Return the customer whose session this is; raise NotFoundError, also for one who was erased."""
    return _present(session.get(Customer, session.customer_id))


def _hold(session: Session) -> Customer:
    # A request is known to come from somebody for a few seconds after they erased themselves: it writes nothing back.
    # Registering a phone changes its owner's language from within: it holds the row's key, which this leaves alone.
    query = select(Customer).where(Customer.id == session.customer_id).with_for_update(key_share=True)
    return _present(session.scalars(query).one_or_none())


def _present(person: Customer | None) -> Customer:
    if person is None or person.erased_at is not None:
        raise NotFoundError("No such customer.")
    return person


def change(database: Database, customer_id: UUID, *, values: dict[str, Any]) -> Customer:
    """Set names, locale, time zone; a contact changes by signing in with the new one. Raises InvalidError."""
    if values.get("timezone") is not None and values["timezone"] not in available_timezones():
        raise invalid_field("#/timezone", "Not a time zone of the IANA database, such as Europe/Paris.")
    with database.transaction(customer_id=customer_id) as session:
        person = _hold(session)
        for name, value in values.items():
            setattr(person, name, value)
    if values.keys() & SHOWN_ON_CARDS:
        # Only now: who looks at a card that was marked must find what was changed.
        for program_id in program_ids(database, customer_id):
            with database.transaction(program_id, customer_id=customer_id) as session:
                _mark_passes(session, customer_id)
    return person


def _mark_passes(session: Session, customer_id: UUID) -> None:
    whose = select(Member.id).where(Member.program_id == session.program, Member.customer_id == customer_id)
    pass_updates.mark(session, session.program, Pass.member_id.in_(whose), reason="customer")


def link(database: Database, customer: Customer) -> int:
    """Tie the memberships that were made under the customer's verified contact to it; return how many.

    A card from a poster is settled with it: see `claims`.

    One programme at a time: nothing joins across programmes. A programme that already has this customer as another
    member keeps the two apart: merging is for its staff.
    """
    with database.transaction() as session:
        door = func.members_by_contact(customer.email, customer.phone).table_valued("program_id", "id")
        found = session.execute(select(door)).all()
    linked = 0
    for program_id, member_id in found:
        try:
            with database.transaction(program_id, customer_id=customer.id) as session:
                done = _link_one(session, member_id)
                if done:
                    claims.settle(session, database.keyring, member_id)
            linked += done
        except IntegrityError:
            # Linked by another sign-in of the same person at this very moment.
            continue
    return linked


def _link_one(session: Session, member_id: UUID) -> int:
    other = aliased(Member)
    done = session.execute(
        update(Member)
        .where(
            Member.id == member_id,
            Member.customer_id.is_(None),
            ~exists().where(other.program_id == session.program, other.customer_id == session.customer_id),
        )
        .values(customer_id=session.customer_id)
        .execution_options(synchronize_session=False)
    )
    return done.rowcount  # type: ignore[attr-defined,no-any-return]


def program_ids(database: Database, customer_id: UUID) -> list[UUID]:
    """Return the programmes that the customer is a member of, in a steady order."""
    with database.transaction() as session:
        door = func.memberships(customer_id).table_valued("program_id", "member_id", "card_id")
        return sorted(set(session.scalars(select(door.c.program_id))))


def erase(database: Database, customer_id: UUID) -> None:
    """Erase the customer: contact, names, devices and sign-ins; memberships are let go.

    What a programme knows of its member stays with the programme, which answers for it: erasing that is asked there.
    Safe to repeat: the customer's own row, and with it the sign-in, goes last.
    """
    for program_id in program_ids(database, customer_id):
        with database.transaction(program_id, customer_id=customer_id) as session:
            _mark_passes(session, customer_id)
            session.execute(update(Member).where(Member.customer_id == customer_id).values(customer_id=None))
    now = clock.now()
    with database.transaction(customer_id=customer_id) as session:
        # The sign-ins first: who registers a phone holds theirs.
        session.execute(
            update(CustomerSession)
            .where(CustomerSession.customer_id == customer_id, CustomerSession.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        session.execute(delete(Device).where(Device.customer_id == customer_id))
        person = session.scalars(
            select(Customer).where(Customer.id == customer_id).with_for_update(key_share=True)
        ).one()
        if person.erased_at is not None:
            return
        for name in ("email", "phone", "first_name", "last_name", "locale", "timezone"):
            setattr(person, name, None)
        person.erased_at = now


def export(database: Database, customer_id: UUID) -> dict[str, Any]:
    """Return everything held about the customer, for the right of access and portability (GDPR art. 15 and 20)."""
    with database.transaction(customer_id=customer_id) as session:
        document: dict[str, Any] = {
            "exported_at": clock.now(),
            "profile": get(session),
            "devices": list(session.scalars(select(Device).order_by(Device.id))),
            "sign_ins": list(session.scalars(select(CustomerSession).order_by(CustomerSession.id))),
        }
    document["memberships"] = [_membership(database, one, customer_id) for one in program_ids(database, customer_id)]
    return document


def _membership(database: Database, program_id: UUID, customer_id: UUID) -> dict[str, Any]:
    with memberships.read_once(database, program_id, customer_id) as session:
        member = session.scalars(select(Member).where(Member.customer_id == customer_id)).one()
        return memberships.held(session, member)
