"""Use cases of wallet credentials: what a programme signs passes and speaks with, sealed at rest, never shown again.

What an upload must be is the platform's to say (`wallet.platforms`); here it is kept, found, and watched as it ages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from app import clock, ids
from app.crypto import Keyring
from app.db import Session
from app.errors import ConflictError, NotFoundError
from app.models import WalletCredential
from app.services import config_versions

LIVE_MAX = 2
"""Live credentials of one pass type or issuer: the new one signs, the old one still speaks for what it signed."""
WARN_WITHIN = timedelta(days=30)


class WalletNotSetUpError(ConflictError):
    """The programme has no credentials for this wallet, so no pass can be signed."""

    slug = "wallet-not-set-up"
    title = "This wallet is not set up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A credential as its owner sees it; `warnings` are sentences, empty where all is well."""

    id: UUID
    platform: str
    status: str
    facts: Mapping[str, Any]
    created_at: datetime
    not_after: datetime | None
    warnings: list[str]


def put(
    session: Session, keyring: Keyring, *, platform: str, type_id: str, facts: Mapping[str, Any], secret: bytes
) -> WalletCredential:
    """Keep a checked credential as the newest of its `type_id` (pass type, issuer); retire the surplus.

    All passes are looked at again afterwards: they may have been waiting for it.
    """
    row = WalletCredential(platform=platform, sealed=b"", facts={**facts, "type_id": type_id})
    row.sealed = keyring.seal(secret, context=context_of(session.program, row.id))
    session.add(row)
    config_versions.grow(session)
    alike = [one for one in live(session, platform) if one.facts.get("type_id") == type_id]
    for surplus in alike[LIVE_MAX:]:
        surplus.status, surplus.sealed = "retired", b""
    session.flush()
    return row


def live(session: Session, platform: str) -> list[WalletCredential]:
    """Return the programme's live credentials for a platform, the newest first."""
    query = (
        select(WalletCredential)
        .where(WalletCredential.platform == platform, WalletCredential.status == "live")
        .order_by(WalletCredential.id.desc())
    )
    return list(session.scalars(query))


def platforms(session: Session) -> list[str]:
    """Return the platforms that the programme has live credentials for, by name."""
    query = select(WalletCredential.platform).where(WalletCredential.status == "live").distinct()
    return sorted(session.scalars(query))


def need(session: Session, platform: str) -> list[WalletCredential]:
    """Return what `live` does; raise WalletNotSetUpError when there is none."""
    rows = live(session, platform)
    if not rows:
        raise WalletNotSetUpError(
            "The programme's owner sets it up with `PUT /v1/program/wallet-credentials`.", platform=platform
        )
    return rows


def listed(session: Session) -> list[Shown]:
    """Return all live credentials, by platform, the newest first."""
    query = (
        select(WalletCredential)
        .where(WalletCredential.status == "live")
        .order_by(WalletCredential.platform, WalletCredential.id.desc())
    )
    return [shown(row) for row in session.scalars(query)]


def retire(session: Session, *, platform: str) -> None:
    """Forget a platform's credentials: no pass is made or changed with them any more. Raises NotFoundError."""
    retired = session.execute(
        update(WalletCredential)
        .where(
            WalletCredential.program_id == session.program, WalletCredential.platform == platform,
            WalletCredential.status == "live",
        )
        # The keys go too: what is retired is kept for its facts alone.
        .values(status="retired", sealed=b""),
        execution_options={"synchronize_session": False, "preserve_rowcount": True},
    )  # fmt: skip
    if not retired.rowcount:  # type: ignore[attr-defined]
        raise NotFoundError("This programme has no credentials for this wallet.", platform=platform)


def unseal(keyring: Keyring, row: WalletCredential) -> bytes:
    """Return the secret; raise cryptography's InvalidTag where it was changed, moved, or sealed with another key."""
    return keyring.unseal(row.sealed, context=context_of(row.program_id, row.id))


def shown(row: WalletCredential) -> Shown:
    """Return the credential as it may be seen, with what its owner should know."""
    return Shown(
        id=row.id, platform=row.platform, status=row.status, facts=row.facts, created_at=row.created_at,
        not_after=not_after(row.facts), warnings=warnings(row.facts, clock.now()),
    )  # fmt: skip


def not_after(facts: Mapping[str, Any]) -> datetime | None:
    """Return when the credential stops working by itself, None when it does not."""
    text = facts.get("not_after")
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def warnings(facts: Mapping[str, Any], now: datetime) -> list[str]:
    """Return what is to be said of the credential's age: from 30 days before its end."""
    ends = not_after(facts)
    if ends is None or ends - now > WARN_WITHIN:
        return []
    day = ends.date().isoformat()
    if ends <= now:
        return [f"It ended on {day}: no pass can be made or changed any more. Upload a new one."]
    days = (ends - now).days
    return [f"It ends on {day}, in {days} days. Upload a new one of the same pass type; the old one stays beside it."]


def watch(session: Session) -> list[tuple[UUID, Shown]]:
    """Return the live credentials of all programmes that end soon or have, unless a newer one of the kind is there.

    The worker role's session. Programmes with their credentials, in a steady order.
    """
    query = (
        select(WalletCredential)
        .where(WalletCredential.status == "live")
        .order_by(WalletCredential.program_id, WalletCredential.platform, WalletCredential.id.desc())
    )
    found: list[tuple[UUID, Shown]] = []
    newest: set[tuple[UUID, str, str]] = set()
    for row in session.scalars(query.execution_options(yield_per=500)):
        key = (row.program_id, row.platform, str(row.facts.get("type_id")))
        if key not in newest:
            newest.add(key)
            seen = shown(row)
            if seen.warnings:
                found.append((row.program_id, seen))
    return found


def public_id(row_id: UUID) -> str:
    """Return a credential's id as logs name it."""
    return ids.show("wallet_credential", row_id)


def context_of(program_id: UUID, row_id: UUID) -> bytes:
    """Return what a credential's secret is bound to at rest."""
    return b"wallet credential " + program_id.bytes + row_id.bytes
