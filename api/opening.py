"""Opening a programme from the command line: the programme, its first partner, and an owner who can sign in."""

from dataclasses import dataclass

from app import ids
from app.db import Database
from app.services import partners, programs, staff

PASSWORD_BITS = 120


@dataclass(frozen=True, slots=True)
class Opened:
    """A new programme's public id, and the owner's first password."""

    program_id: str
    password: str


def open_program(database: Database, *, name: str, slug: str, currency: str, timezone: str, owner_email: str) -> Opened:
    """Open a programme in one transaction; raise InvalidError, SlugTakenError or AddressTakenError."""
    program_id = ids.new_id()
    password = ids.secret_text(PASSWORD_BITS)
    with database.transaction(program_id) as session:
        programs.create(session, name=name, slug=slug, currency=currency, timezone=timezone)
        partners.create(session, name=name)
        staff.create(session, email=owner_email, name=owner_email.partition("@")[0], role="owner", password=password)
    return Opened(ids.show("program", program_id), password)
