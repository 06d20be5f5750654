"""People who sign in: staff with a password, customers with a code from the outbox, addresses nobody else uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient

from app import clock, ids
from app.db import Database
from app.models import Customer, CustomerSession, Member
from app.services import mails, staff, tokens
from tests.world import World

PASSWORD = "trois grands crèmes"


@dataclass(frozen=True)
class SignedIn:
    """A customer who is signed in."""

    id: str
    email: str
    access: str
    refresh: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request by this customer."""
        return {"Authorization": f"Bearer {self.access}"}


def new_address() -> str:
    """Return an e-mail address that nobody has."""
    return f"ana-{ids.new_id().hex}@cafe.example"


def new_phone() -> str:
    """Return a mobile number in E.164 that nobody has, as far as chance goes."""
    return f"+33612{ids.digits(6)}"


def somewhere() -> dict[str, str]:
    """Return a WSGI environment of a client address of its own, which has all its tries left."""
    return {"REMOTE_ADDR": f"2001:db8:{ids.secret_bytes(2).hex()}:{ids.secret_bytes(2).hex()}::1"}


def make_person(world: World, *, role: str = "owner", **values: Any) -> str:
    """Make a staff member with `PASSWORD`; return the address."""
    address = new_address()
    with world.database.transaction(world.program_id) as session:
        staff.create(session, email=address, name="Ana", role=role, password=PASSWORD, **values)
    return address


def make_customer(database: Database) -> SignedIn:
    """Make a customer who is signed in, without the ways over HTTP."""
    customer_id, address = ids.new_id(), new_address()
    pair, columns = tokens.begin(database.keyring, tokens.CUSTOMER, now=clock.now())
    with database.transaction(customer_id=customer_id) as session:
        session.add(Customer(id=customer_id, email=address))
        session.flush()
        session.add(CustomerSession(customer_id=customer_id, **columns))
    return SignedIn(ids.show("customer", customer_id), address, pair.access, pair.refresh)


def make_membership(world: World, **values: Any) -> str:
    """Make a member of the world's programme; return the public id."""
    with world.database.transaction(world.program_id) as session:
        member = Member(joined_at=clock.now(), **values)
        session.add(member)
    return ids.show("member", member.id)


def letters_to(database: Database, address: str) -> list[dict[str, Any]]:
    """Return what was sent to an address or a number, oldest first."""
    return [one for one in mails.Postbox(database.settings.outbox_file).read() if one.get("to") == address]


def ask_code(client: FlaskClient, database: Database, contact: Mapping[str, str]) -> str:
    """Ask for a code over HTTP and read it in the outbox."""
    answer = client.post("/v1/customers/codes", json=dict(contact), environ_base=somewhere())
    assert answer.status_code == 202
    return str(letters_to(database, contact.get("email") or contact["phone"])[-1]["code"])


def sign_in(client: FlaskClient, database: Database, contact: Mapping[str, str]) -> dict[str, Any]:
    """Sign a customer in over HTTP; return the answer's body."""
    code = ask_code(client, database, contact)
    answer = client.post("/v1/customers/sessions", json={**contact, "code": code}, environ_base=somewhere())
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json
    return body
