"""Handing a pass out: the card's pass is found or made, its face read, and its platform makes a file or a link."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update

from app import clock, ids
from app.config import Settings
from app.db import Database, Session
from app.errors import NotFoundError
from app.models import Card, Pass, WalletCredential
from app.services import cards, pass_links, pass_updates, passes, wallet_credentials
from wallet.platforms import PLATFORMS, Asked, Credential, Handout, Platform
from wallet.updates import looking

SECOND_LOOK = timedelta(seconds=5)
"""When a new pass is looked at once more: what happened while it was made is on it then."""


def platform_of(kind: str) -> Platform:
    """Return a wallet by its name; raise NotFoundError for one that is none of ours."""
    if PLATFORMS.get(kind) is None:
        PLATFORMS.load("wallet.platforms")
    found = PLATFORMS.get(kind)
    if found is None:
        raise NotFoundError(f"There is no wallet of this name; there are: {', '.join(PLATFORMS)}.")
    return found


def hand_out(
    database: Database, program_id: UUID, card_id: UUID, kind: str, *, customer_id: UUID | None = None
) -> Handout:
    """Return what puts the card into a wallet; opens its own transactions, none of them while it is made.

    With `customer_id` it is the customer's own call. Raises NotFoundError, CardBlockedError, CardReplacedError, and
    WalletNotSetUpError where the programme has no credentials for this wallet.
    """
    platform = platform_of(kind)
    with database.transaction(program_id, customer_id=customer_id) as session:
        card = cards.shown(cards.get(session, card_id))
        credentials, asked = prepare(session, database, platform, card)
    return platform.hand_out(database.settings, credentials, asked)


def prepare(
    session: Session, database: Database, platform: Platform, card: Card, *, voucher_id: UUID | None = None
) -> tuple[list[Credential], Asked]:
    """Find or make the card's pass, and note that it is handed out as it is now; the caller commits.

    With `voucher_id` it is the pass of that voucher, which must be one of the card's member.
    """
    wallet_credentials.need(session, platform.kind)
    credentials = looking.credentials(session, database, platform.kind)
    types = list(dict.fromkeys(platform.type_of(one) for one in credentials))
    row = passes.issue(
        session, database.keyring, card=card, platform=platform.kind, pass_type_ids=types, voucher_id=voucher_id
    )
    face = looking.faces_of(session, database, [row])[row.id]
    _note(session, row, face.digest(), carries_face=platform.carries_face)
    asked = Asked(
        row=row, face=face, token=passes.token_of(database.keyring, row), service_url=service_url(database.settings)
    )
    return credentials, asked


def set_up(session: Session, database: Database, platform: Platform, document: Mapping[str, Any]) -> WalletCredential:
    """Check an uploaded credential whole and keep it, sealed; the caller commits. Raises InvalidError."""
    checked = platform.check(database.settings, document, clock.now())
    opened = Credential(id=ids.new_id(), program_id=session.program, facts=checked.facts, secret=checked.secret)
    return wallet_credentials.put(
        session, database.keyring, platform=platform.kind, type_id=platform.type_of(opened), facts=checked.facts,
        secret=checked.secret,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link to a pass, as its receiver sees it."""

    platform: str
    url: str
    expires_at: datetime


def links(session: Session, settings: Settings, card: Card) -> list[Link]:
    """Make a one-time link to the card for each wallet that the programme is set up for; the caller commits.

    No pass is made before somebody opens one: of those who join, not everybody wants one.
    """
    found = []
    for kind in wallet_credentials.platforms(session):
        made = pass_links.make(session, card, platform=kind)
        found.append(Link(kind, link_url(settings, made.token), made.expires_at))
    return found


def link_url(settings: Settings, token: str) -> str:
    """Return the address of a one-time link."""
    return f"{public_url(settings)}/passes/{token}"


def service_url(settings: Settings) -> str:
    """Return where phones ask for news of their passes; Wallet appends `/v1/…` itself."""
    return f"{public_url(settings)}/passkit"


def public_url(settings: Settings) -> str:
    """Return this server's address as others know it."""
    return settings.base_url or f"http://{settings.host}:{settings.port}"


def _note(session: Session, row: Pass, digest: bytes, *, carries_face: bool) -> None:
    """Note which face was handed out, and have the engine look at it: at once where a platform must know of it."""
    # A phone that registers makes the face unknown too (`pass_registrations`): that is for the engine to find.
    new = row.face_hash is None and row.saved_at is None
    values: dict[str, object] = {"handed_revision": row.revision}
    if new and carries_face:
        values["face_hash"] = digest
    session.execute(
        update(Pass).where(Pass.id == row.id).values(**values), execution_options={"synchronize_session": False}
    )
    if new or digest != row.face_hash:
        settle = SECOND_LOOK if new and carries_face else timedelta()
        pass_updates.mark(session, session.program, Pass.id == row.id, reason="handed_out", settle=settle)
