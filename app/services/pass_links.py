"""Links that hand out a pass once: for mails and posters, where nobody is signed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from app import clock, ids
from app.db import Database, Session
from app.errors import ConflictError, NotFoundError
from app.models import Card, PassLink

LIFE = timedelta(minutes=10)
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
class OpenLink:
    """Whose pass a link hands out, and in which wallet."""

    program_id: UUID
    card_id: UUID
    platform: str


def make(session: Session, card: Card, *, platform: str) -> MadeLink:
    """Make a link to one card's pass; the caller shows it once."""
    made = MadeLink(ids.secret_text(TOKEN_BITS), clock.now() + LIFE)
    row = PassLink(token_hash=ids.digest(made.token), card_id=card.id, platform=platform, expires_at=made.expires_at)
    session.add(row)
    session.flush()
    return made


def look(database: Database, token: str) -> OpenLink:
    """Return what the link leads to, unused and in time; raise NotFoundError or LinkUsedError. Nothing is used up."""
    door = func.wallet_link(ids.digest(token)).table_valued(
        "program_id", "card_id", "platform", "expires_at", "used_at"
    )
    with database.transaction() as session:
        row = session.execute(select(door)).one_or_none()
    if row is None:
        raise NotFoundError("No such link.")
    if row.used_at is not None or row.expires_at <= clock.now():
        raise LinkUsedError
    return OpenLink(row.program_id, row.card_id, row.platform)


def use(session: Session, token: str) -> None:
    """Use the link up, in its programme's session; raise LinkUsedError when somebody was faster."""
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
