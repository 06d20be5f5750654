"""Use cases of staff: the people who work in the console and at the tills."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from app import clock, ids
from app.db import Session
from app.errors import ConflictError, NotFoundError, invalid_field
from app.models import Staff, StaffSession, StaffStore, Store
from app.services import contacts, passwords

ROLES = ("owner", "marketer", "cashier")


class AddressTakenError(ConflictError):
    """Somebody signs in with this address already, here or in another programme."""

    slug = "address-taken"
    title = "This address signs in already"


class LastOwnerError(ConflictError):
    """The programme would be left without an owner."""

    slug = "last-owner"
    title = "A programme keeps an owner"


def create(
    session: Session,
    *,
    email: str,
    name: str,
    role: str,
    password: str,
    store_ids: Sequence[UUID] = (),
    locale: str | None = None,
) -> Staff:
    """Let a person work here; raise AddressTakenError, or InvalidError about the address, password or stores."""
    address = contacts.email(email)
    passwords.check_strength(password, email=address)
    person = Staff(
        email=address, name=name, role=role, password_hash=passwords.make_hash(password), locale=locale
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(person)
    except IntegrityError:
        raise AddressTakenError("Use another address: one address signs in to one programme only.") from None
    set_stores(session, person, store_ids)
    return person


def get(session: Session, staff_id: UUID) -> Staff:
    """Return the person; raise NotFoundError, also when they have left."""
    person = session.scalars(select(Staff).where(Staff.id == staff_id, Staff.archived_at.is_(None))).one_or_none()
    if person is None:
        raise NotFoundError("Nobody by this id works in this programme.", staff=ids.show("staff", staff_id))
    return person


def page(session: Session, *, limit: int, after: UUID | None = None) -> list[Staff]:
    """Return up to `limit` + 1 people who work here, oldest first, behind `after`."""
    query = select(Staff).where(Staff.archived_at.is_(None)).order_by(Staff.id).limit(limit + 1)
    if after is not None:
        query = query.where(Staff.id > after)
    return list(session.scalars(query))


def store_ids(session: Session, people: Sequence[Staff]) -> dict[UUID, list[UUID]]:
    """Return the stores that each person is bound to; nobody's list lacks, an empty one means all stores."""
    found: dict[UUID, list[UUID]] = {person.id: [] for person in people}
    query = select(StaffStore).where(StaffStore.staff_id.in_(found)).order_by(StaffStore.store_id)
    for row in session.scalars(query):
        found[row.staff_id].append(row.store_id)
    return found


def change(session: Session, person: Staff, *, values: dict[str, Any], keep: UUID | None = None) -> Staff:
    """Set name, role, locale, stores, password; a new password ends the person's sign-ins but `keep`.

    Raises LastOwnerError when the only owner would become something else.
    """
    if values.get("role", person.role) != person.role:
        _check_owner_remains(session, person)
    for name in ("name", "role", "locale"):
        if name in values:
            setattr(person, name, values[name])
    if "store_ids" in values:
        set_stores(session, person, values["store_ids"])
    if "password" in values:
        passwords.check_strength(values["password"], email=person.email)
        person.password_hash = passwords.make_hash(values["password"])
        end_sign_ins(session, person, keep=keep)
    return person


def change_own_password(session: Session, person: Staff, *, current: str, new: str, keep: UUID | None) -> None:
    """Set a new password for somebody who knows the current one; other sign-ins of theirs end."""
    if not passwords.matches(person.password_hash, current):
        raise invalid_field("#/current_password", "Not your current password.")
    change(session, person, values={"password": new}, keep=keep)


def archive(session: Session, person: Staff) -> None:
    """Let the person leave: what they did stays, they sign in no more. Raises LastOwnerError."""
    _check_owner_remains(session, person)
    person.archived_at = clock.now()
    end_sign_ins(session, person)


def set_stores(session: Session, person: Staff, wanted: Sequence[UUID]) -> None:
    """Bind the person to these stores, and to no others; raise InvalidError for one that is not the programme's."""
    known = set(session.scalars(select(Store.id).where(Store.id.in_(wanted))))
    for position, store_id in enumerate(wanted):
        if store_id not in known:
            raise invalid_field(f"#/store_ids/{position}", "No such store in this programme.")
    session.flush()
    session.execute(delete(StaffStore).where(StaffStore.staff_id == person.id))
    session.add_all(StaffStore(staff_id=person.id, store_id=store_id) for store_id in sorted(known))
    session.flush()


def end_sign_ins(session: Session, person: Staff, *, keep: UUID | None = None) -> None:
    """Sign the person out everywhere but in the sign-in `keep`."""
    query = update(StaffSession).where(StaffSession.staff_id == person.id, StaffSession.revoked_at.is_(None))
    if keep is not None:
        query = query.where(StaffSession.id != keep)
    session.execute(query.values(revoked_at=clock.now()).execution_options(synchronize_session=False))


def _check_owner_remains(session: Session, person: Staff) -> None:
    # Owners are locked in one order, so that two who archive each other cannot both succeed.
    query = select(Staff.id).where(Staff.role == "owner", Staff.archived_at.is_(None)).order_by(Staff.id)
    owners = set(session.scalars(query.with_for_update()))
    if owners <= {person.id} and person.role == "owner":
        raise LastOwnerError("Make somebody else an owner first.")
