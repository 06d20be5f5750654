"""What would stop a pass from opening on a phone, or from staying up to date there: in words, for each programme.

Nothing is written and nobody is asked but our own database: a sample pass is made as a person would get it, and
everything about it is looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.exceptions import InvalidTag
from sqlalchemy import func, select

from app import clock
from app.config import Settings
from app.db import Database, Session
from app.models import Card, Pass, PassLog, PassUpdate, Program, WalletCredential
from wallet import handing
from wallet.platforms import Asked, Credential, Platform
from wallet.platforms.apple import diagnosis, uploads
from wallet.updates import looking
from wire import faults

LATE = timedelta(minutes=10)
"""Marks that are due for so long are not worked on."""
LINES_SHOWN = 3
NOT_READABLE = (
    "The credential cannot be opened with this installation's ASSIDU_SECRET_KEY: it was kept under another. Upload it "
    "again."
)
NO_ADDRESS = (
    "ASSIDU_BASE_URL is not an https:// address: phones refuse to ask a pass's news anywhere else, so that a pass "
    "opens and never changes."
)
NO_CARD = "No member has a card yet: nothing to try a pass with."


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found out about one programme's passes for one wallet; without complaints all is well."""

    program: str
    platform: str
    complaints: list[str]


def examine(database: Database, *, slug: str | None = None) -> Iterator[Examined]:
    """Yield what is found of each programme with credentials (or the one named), one wallet after the other."""
    query = (
        select(Program.id, Program.slug, WalletCredential.platform)
        .join(WalletCredential, WalletCredential.program_id == Program.id)
        .where(WalletCredential.status == "live")
        .distinct()
        .order_by(Program.slug, WalletCredential.platform)
    )
    if slug is not None:
        query = query.where(Program.slug == slug)
    with database.across_programs() as session:
        rows = session.execute(query).all()
    for row in rows:
        found = complaints_of(database, row.id, handing.platform_of(row.platform))
        yield Examined(row.slug, row.platform, found)


def complaints_of(database: Database, program_id: UUID, platform: Platform) -> list[str]:
    """Return what is wrong with one programme's passes for one wallet, in sentences."""
    try:
        with database.transaction(program_id) as session:
            credentials = looking.credentials(session, database, platform.kind)
            asked = _sample(session, database, platform)
            running = list(_running(session, platform.kind))
    except InvalidTag:
        return [NOT_READABLE]
    found = _tried(database.settings, platform, credentials, asked)
    if asked is None:
        found.append(NO_CARD)
    if platform.kind == "apple" and urlsplit(handing.public_url(database.settings)).scheme != "https":
        found.append(NO_ADDRESS)
    return found + running


def examine_file(settings: Settings, path: Path) -> tuple[list[str], bool]:
    """Return what is wrong with a finished `.pkpass`, in sentences, and whether phones open it all the same.

    Raises OSError when the file cannot be read, ValueError when the installation's own authorities cannot.
    """
    found = diagnosis.of_package(path.read_bytes(), authorities=uploads.trusted(settings))
    return [finding.says for finding in found], not diagnosis.stopping(found)


def _sample(session: Session, database: Database, platform: Platform) -> Asked | None:
    """Return the newest card's pass as it would be handed out; whatever was written for it is taken back."""
    card = session.scalars(select(Card).where(Card.status == "active").order_by(Card.id.desc()).limit(1)).one_or_none()
    if card is None:
        return None
    _, asked = handing.prepare(session, database, platform, card)
    session.expunge(asked.row)
    session.rollback()
    return asked


def _tried(settings: Settings, platform: Platform, credentials: list[Credential], asked: Asked | None) -> list[str]:
    try:
        return platform.complaints(settings, credentials, asked, clock.now())
    except Exception as error:  # noqa: BLE001 - a doctor says what he could not do
        fault = faults.describe(error)
        return [f"A pass could not be made at all: {fault['error']} at {fault['at']}."]


def _running(session: Session, kind: str) -> Iterator[str]:
    """Say what the work of days shows: marks that nobody works on, refusals of the wallet's server, complaints."""
    late = select(func.count()).where(PassUpdate.platform == kind, PassUpdate.due_at < clock.now() - LATE)
    waiting = session.scalar(late.where(PassUpdate.program_id == session.program)) or 0
    if waiting:
        yield f"{waiting} passes have been waiting for ten minutes and more: no `assidu worker` is running."
    refused = (
        select(Pass.last_error, func.count())
        .where(Pass.platform == kind, Pass.last_error.is_not(None))
        .group_by(Pass.last_error)
        .order_by(func.count().desc())
    )
    for reason, count in session.execute(refused.limit(LINES_SHOWN)):
        yield f"The wallet's server did not take {count} passes: `{reason}`."
    if kind != "apple":
        return
    lines = select(PassLog.line).where(PassLog.program_id == session.program).order_by(PassLog.id.desc())
    for line in session.scalars(lines.limit(LINES_SHOWN)):
        yield f"A phone complained: {line}"
