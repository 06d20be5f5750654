"""Use cases of passes: the card of a member, or a voucher, in one wallet; and what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.crypto import Keyring
from app.db import Session
from app.models import Card, Pass, PassRegistration, PassRevision, Program
from app.services import pass_lines
from app.services.pass_lines import Complaint

TOKEN_BITS = 192
"""Apple asks for 16 characters at least; this is 32, and nobody guesses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassState:
    """One pass as staff and its holder see it.

    `devices` is how many phones asked to be told of changes (Apple). `up_to_date` is whether the platform knows the
    pass's newest revision. `complaints` is what phones said of their trouble with it, the newest first.
    """

    id: UUID
    platform: str
    state: str
    voucher_id: UUID | None
    pass_type_id: str
    serial: str
    devices: int
    revision: int
    up_to_date: bool
    changed_at: datetime
    created_at: datetime
    saved_at: datetime | None
    removed_at: datetime | None
    last_push_at: datetime | None
    last_fetch_at: datetime | None
    last_error: str | None
    complaints: Sequence[Complaint] | None = None


def issue(
    session: Session, keyring: Keyring, *, card: Card, platform: str, pass_type_ids: list[str],
    voucher_id: UUID | None = None,
) -> Pass:  # fmt: skip
    """Return the card's (or voucher's) pass in a wallet, made when it is first wanted; it is the same ever after.

    `pass_type_ids` are those that can be signed for, the preferred first. A pass of a type that none can sign for any
    more begins anew, as another pass of the preferred type: phones that hold the old one hear no more of it.
    """
    _enter(session)
    row = find(session, card.id, platform, voucher_id=voucher_id)
    if row is None:
        session.execute(insert(Pass).values(_new(session, keyring, card, platform, pass_type_ids[0], voucher_id))
                        .on_conflict_do_nothing())  # fmt: skip
        row = find(session, card.id, platform, voucher_id=voucher_id)
        assert row is not None
    if row.pass_type_id not in pass_type_ids:
        session.execute(delete(PassRegistration).where(PassRegistration.pass_id == row.id))
        row.pass_type_id, row.serial = pass_type_ids[0], ids.new_id().hex
        row.face_hash = row.google_inserted_at = row.saved_at = row.removed_at = None
        session.flush()
    if row.state == "removed":
        row.state = "active"
        session.flush()
    return row


def find(session: Session, card_id: UUID, platform: str, *, voucher_id: UUID | None = None) -> Pass | None:
    """Return the pass of a card, or of one of its member's vouchers, in a wallet; None without one."""
    query = select(Pass).where(Pass.platform == platform)
    if voucher_id is not None:
        query = query.where(Pass.voucher_id == voucher_id)
    else:
        query = query.where(Pass.card_id == card_id, Pass.voucher_id.is_(None))
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def token_of(keyring: Keyring, row: Pass) -> str:
    """Return the token by which phones prove that they hold the pass; empty where the platform has none."""
    if row.token_sealed is None:
        return ""
    return keyring.unseal(row.token_sealed, context=token_context(row.id)).decode()


def token_context(pass_id: UUID) -> bytes:
    """Return what a pass's token is bound to at rest."""
    return b"wallet pass " + pass_id.bytes


def of_card(session: Session, card_id: UUID) -> list[PassState]:
    """Return the state of each of the card's passes, and after them those of its member's vouchers.

    Vouchers outlive a card: those that were handed out beside one that was replaced are its successor's, too.
    """
    devices = (
        select(func.count())
        .select_from(PassRegistration)
        .where(PassRegistration.program_id == Pass.program_id, PassRegistration.pass_id == Pass.id)
        .correlate(Pass)
        .scalar_subquery()
    )
    whose = select(Card.member_id).where(Card.id == card_id).scalar_subquery()
    query = (
        select(Pass, devices)
        .where(or_(Pass.card_id == card_id, and_(Pass.member_id == whose, Pass.voucher_id.is_not(None))))
        .order_by(Pass.voucher_id.is_not(None), Pass.platform, Pass.id)
    )
    states = [_state(row, count) for row, count in session.execute(query)]
    said = pass_lines.of_passes(session, [one.serial for one in states])
    return [replace(one, complaints=said.get(one.serial)) for one in states]


def _state(row: Pass, devices: int) -> PassState:
    return PassState(
        id=row.id, platform=row.platform, state=row.state, voucher_id=row.voucher_id, pass_type_id=row.pass_type_id,
        serial=row.serial, devices=devices, revision=row.revision, up_to_date=row.pushed_revision >= row.revision,
        changed_at=row.changed_at, created_at=row.created_at, saved_at=row.saved_at, removed_at=row.removed_at,
        last_push_at=row.last_push_at, last_fetch_at=row.last_fetch_at, last_error=row.last_error,
    )  # fmt: skip


def _enter(session: Session) -> None:
    """See that the programme has a counter; what its passes are made with now need not be taken to them later."""
    version = select(Program.config_version).where(Program.id == session.program).scalar_subquery()
    session.execute(
        insert(PassRevision)
        .values(program_id=session.program, revision=0, swept_version=version)
        .on_conflict_do_nothing(index_elements=["program_id"])
    )


def _new(
    session: Session, keyring: Keyring, card: Card, platform: str, pass_type_id: str, voucher_id: UUID | None
) -> dict[str, object]:
    now, pass_id, token = clock.now(), ids.new_id(), ids.secret_text(TOKEN_BITS)
    return {
        "id": pass_id, "program_id": session.program, "created_at": now, "card_id": card.id,
        "member_id": card.member_id, "voucher_id": voucher_id, "platform": platform, "pass_type_id": pass_type_id,
        "serial": pass_id.hex, "token_sealed": keyring.seal(token.encode(), context=token_context(pass_id)),
        "token_hash": ids.digest(token), "revision": 0, "pushed_revision": 0,
        "changed_at": now.replace(microsecond=0), "state": "active", "notified_count": 0,
    }  # fmt: skip
