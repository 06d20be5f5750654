"""Members and customers for a test's world."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app import clock, ids
from app.db import Database
from app.models import Customer, CustomerSession, Member, Purse
from app.services import members
from tests.world import World


@dataclass(frozen=True)
class Person:
    """A customer who is signed in to the app on one device."""

    id: UUID
    email: str
    session_id: UUID
    headers: dict[str, str]


def make_customer(database: Database, **fields: Any) -> Person:
    """Make a customer with a proved e-mail address, signed in."""
    customer_id = ids.new_id()
    values = {"email": f"{customer_id.hex}@people.example", **fields}
    token = f"acu_{ids.secret_text()}"
    later = clock.now().replace(year=clock.now().year + 1)
    with database.transaction(customer_id=customer_id) as session:
        session.add(Customer(id=customer_id, **values))
        session.flush()
        signed_in = CustomerSession(
            customer_id=customer_id, access_hash=ids.digest(token), access_expires_at=later,
            refresh_hash=ids.secret_bytes(32), expires_at=later,
        )  # fmt: skip
        session.add(signed_in)
    return Person(customer_id, values["email"], signed_in.id, {"Authorization": f"Bearer {token}"})


def enrol(world: World, **fields: Any) -> Member:
    """Enrol a member in the world's programme, as staff do."""
    with world.database.transaction(world.program_id) as session:
        return members.enrol(session, world.database.keyring, **{"source": "staff", **fields})


def make_purse(world: World, **fields: Any) -> UUID:
    """Make a purse of ten stamps, or as `fields` say."""
    values = {"code": f"p{ids.new_id().hex[-8:]}", "name": "Tampons", "kind": "stamps", "goal": 10, **fields}
    with world.database.transaction(world.program_id) as session:
        purse = Purse(**values)
        session.add(purse)
        session.flush()
        return purse.id
