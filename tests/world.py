"""A small world for a test: a programme with its places and people. Each test has its own, so nothing is cleaned up."""

from dataclasses import dataclass
from uuid import UUID

from app import clock, ids
from app.db import Database, Session
from app.models import ApiKey, Partner, Program, Staff, StaffSession, Store


@dataclass(frozen=True)
class World:
    """A programme and what a test needs to act in it. Tokens and keys are ready for an `Authorization` header."""

    database: Database
    program_id: UUID
    slug: str
    partner_id: UUID
    store_id: UUID
    other_store_id: UUID
    tokens: dict[str, str]
    till_key: str

    def as_(self, who: str) -> dict[str, str]:
        """Return the headers of `owner`, `marketer`, `cashier` or `till`."""
        return {"Authorization": f"Bearer {self.till_key if who == 'till' else self.tokens[who]}"}


def make_world(database: Database, *, timezone: str = "Europe/Paris", currency: str = "EUR") -> World:
    """Make a programme with a partner, two stores, an owner, a marketer, a cashier and a till's key."""
    program_id = ids.new_id()
    slug = f"cafe-{program_id.hex[-12:]}"
    with database.transaction(program_id) as session:
        session.add(
            Program(
                id=program_id,
                name="Café",
                slug=slug,
                currency=currency,
                timezone=timezone,
                locale="fr",
                locales=["fr", "en"],
            )
        )
        session.flush()
        partner = Partner(name="Café")
        session.add(partner)
        session.flush()
        stores = [Store(name=name, partner_id=partner.id) for name in ("Bastille", "Nation")]
        session.add_all(stores)
        session.flush()
        tokens = {role: make_staff(session, role=role) for role in ("owner", "marketer", "cashier")}
        till_key = f"ask_live_{ids.secret_text()}"
        session.add(ApiKey(name="Till", key_hash=ids.digest(till_key), hint=till_key[-4:], scopes=["till"]))
    return World(
        database=database, program_id=program_id, slug=slug, partner_id=partner.id, store_id=stores[0].id,
        other_store_id=stores[1].id, tokens=tokens, till_key=till_key,
    )  # fmt: skip


def make_staff(session: Session, *, role: str) -> str:
    """Make a staff member who is signed in; return the access token."""
    staff = Staff(email=f"{role}-{ids.new_id().hex}@cafe.example", name=role.title(), role=role, password_hash="x")
    session.add(staff)
    session.flush()
    token = f"ast_{ids.secret_text()}"
    session.add(
        StaffSession(
            staff_id=staff.id,
            access_hash=ids.digest(token),
            access_expires_at=clock.now().replace(year=clock.now().year + 1),
            refresh_hash=ids.secret_bytes(32),
            expires_at=clock.now().replace(year=clock.now().year + 1),
        )
    )
    return token
