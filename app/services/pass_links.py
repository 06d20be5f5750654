"""Links that hand out a pass once: for mails, posters and screens, where nobody is signed in.

Mail programs and their scanners open every link, and nothing comes of that: a person opens it by a press. Who pressed
is given a ticket, by which the pass is fetched for two minutes, as often as that person's phone likes: phones may ask
twice for one file, and Google may have to be told of a card first.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from app import clock, ids
from app.crypto import Keyring
from app.db import Database, Session
from app.errors import ConflictError, NotFoundError
from app.models import Card, PassLink

LIFE = timedelta(minutes=10)
TICKET_LIFE = timedelta(minutes=2)
TOKEN_BITS = 192


class LinkUsedError(ConflictError):
    """The link was used, or its ten minutes are over: ask for another."""

    slug = "link-used"
    title = "This link was used already, or is too old"


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A new link's token, which is kept nowhere, and when it ends."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class FoundLink:
    """Whose pass a link hands out, in which wallet, until when, and when it was used."""

    program_id: UUID
    card_id: UUID
    platform: str
    expires_at: datetime
    used_at: datetime | None

    def is_open(self) -> bool:
        """Say whether it is unused and in time."""
        return self.used_at is None and clock.now() < self.expires_at


def make(session: Session, card: Card, *, platform: str) -> MadeLink:
    """Make a link to one card's pass; the caller shows it once."""
    made = MadeLink(ids.secret_text(TOKEN_BITS), clock.now() + LIFE)
    row = PassLink(token_hash=ids.digest(made.token), card_id=card.id, platform=platform, expires_at=made.expires_at)
    session.add(row)
    session.flush()
    return made


def find(database: Database, token: str) -> FoundLink:
    """Return the link of a token, open or not; raise NotFoundError."""
    door = func.wallet_link(ids.digest(token)).table_valued(
        "program_id", "card_id", "platform", "expires_at", "used_at"
    )
    with database.transaction() as session:
        row = session.execute(select(door)).one_or_none()
    if row is None:
        raise NotFoundError("No such link.")
    return FoundLink(row.program_id, row.card_id, row.platform, row.expires_at, row.used_at)


def use(session: Session, keyring: Keyring, token: str) -> str:
    """Use the link up, in its programme's session; return the ticket. Raises LinkUsedError when somebody was faster."""
    now = clock.now()
    used = session.scalar(
        update(PassLink)
        .where(PassLink.token_hash == ids.digest(token), PassLink.used_at.is_(None), PassLink.expires_at > now)
        .values(used_at=now)
        .returning(PassLink.platform),
        execution_options={"synchronize_session": False},
    )
    if used is None:
        raise LinkUsedError
    return _ticket(keyring, token, now)


def follow(database: Database, token: str, ticket: str) -> FoundLink:
    """Return the link that this ticket was given for; raise NotFoundError, and LinkUsedError once the ticket ended."""
    link = find(database, token)
    if link.used_at is None:
        raise NotFoundError("No such ticket.")
    if not hmac.compare_digest(_ticket(database.keyring, token, link.used_at).encode(), ticket.encode()):
        raise NotFoundError("No such ticket.")
    if clock.now() - link.used_at >= TICKET_LIFE:
        raise LinkUsedError
    return link


def _ticket(keyring: Keyring, token: str, used_at: datetime) -> str:
    said = f"{token} {used_at.astimezone(UTC).isoformat()}"
    return hmac.new(keyring.derive("pass link tickets"), said.encode(), hashlib.sha256).hexdigest()[:32]
