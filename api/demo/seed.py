"""The demo's data: made once, all of it or nothing, and found again afterwards by the programme's slug."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, update

from api.demo import cafe, document
from api.demo.history import History
from api.demo.people import people
from app import clock, ids
from app.codes.grammar import static_code
from app.db import Database, Session
from app.models import ApiKey, Card, Member, Purse, Reward, Staff, Store
from app.services import cards, staff


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What only the demo's document knows: the database keeps hashes."""

    passwords: dict[str, str]
    till_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the demo's document says of the programme, read from the database."""

    program_id: UUID
    stores: list[Store]
    purses: list[Purse]
    rewards: list[Reward]
    member: Member
    card: Card
    code: str


def find(database: Database) -> UUID | None:
    """Return the demo's programme, or None where it was not made yet."""
    with database.transaction() as session:
        found: UUID | None = session.scalar(select(func.program_by_slug(document.SLUG)))
    return found


def make(database: Database) -> tuple[UUID, Secrets]:
    """Make the programme and its three months in one transaction; return its id and its secrets."""
    program_id = ids.new_id()
    now = clock.now()
    passwords = {role: cafe.new_password() for role in document.ROLES}
    with database.transaction(program_id) as session:
        made = cafe.set_up(session, passwords)
        till_key = cafe.make_till_key(session)
        session.flush()
        History(session, database.keyring, made).live(now)
    return program_id, Secrets(passwords=passwords, till_key=till_key)


def renew_secrets(database: Database, program_id: UUID) -> Secrets:
    """Give the demo's staff new passwords and the tills a new key: the document that knew them is gone."""
    passwords = {role: cafe.new_password() for role in document.ROLES}
    with database.transaction(program_id) as session:
        for role, password in passwords.items():
            person = session.scalars(select(Staff).where(Staff.email == document.address_of(role))).one()
            staff.change(session, person, values={"password": password})
        session.execute(update(ApiKey).where(ApiKey.name == "Tills").values(revoked_at=clock.now()))
        till_key = cafe.make_till_key(session)
    return Secrets(passwords=passwords, till_key=till_key)


def read(database: Database, program_id: UUID) -> Contents:
    """Return what the document tells of the programme."""
    with database.transaction(program_id) as session:
        member = _regular(session)
        card = cards.of_members(session, [member.id])[member.id]
        return Contents(
            program_id=program_id,
            stores=list(session.scalars(select(Store).where(Store.archived_at.is_(None)).order_by(Store.id))),
            purses=list(session.scalars(select(Purse).where(Purse.archived_at.is_(None)).order_by(Purse.id))),
            rewards=list(session.scalars(select(Reward).where(Reward.status == "live").order_by(Reward.id))),
            member=member,
            card=card,
            code=static_code(cards.token_of(database.keyring, card)),
        )


def _regular(session: Session) -> Member:
    """Return the member whose card is shown: the most faithful, or whoever came first if that one was erased."""
    found = session.scalars(select(Member).where(Member.email == people()[0].email)).one_or_none()
    return found or session.scalars(select(Member).order_by(Member.id).limit(1)).one()
