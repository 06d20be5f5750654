"""The latest version of a pass, as phones with Apple's Wallet ask for it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select, update

from app import clock
from app.db import Database, Session
from app.models import Pass, PassUpdate
from app.services import passes
from app.services.pass_registrations import Proved
from app.services.wallet_credentials import WalletNotSetUpError
from wallet.handing import platform_of, service_url
from wallet.platforms import Asked, Credential
from wallet.updates import looking

KIND = "apple"


@dataclass(frozen=True, slots=True)
class Latest:
    """A pass as of `changed_at`; without `content` where the phone has this version already."""

    changed_at: datetime
    chunks: tuple[bytes, ...] | None = None


def look(database: Database, proved: Proved) -> Latest | None:
    """Return when a pass whose token was shown changed last, without making it; None for one that was removed."""
    with database.transaction(proved.program_id) as session:
        row = session.scalars(select(Pass).where(Pass.id == proved.pass_id)).one_or_none()
    return None if row is None or row.state == "removed" else Latest(row.changed_at)


def fetch(database: Database, proved: Proved, *, since: datetime | None) -> Latest | None:
    """Return the latest version of a pass whose token was shown, or only its time if it is not newer than `since`.

    None for a pass that was removed. Raises WalletNotSetUpError where the programme can no longer sign passes of its
    type. Opens its own transactions, none of them while the pass is made.
    """
    with database.transaction(proved.program_id) as session:
        row = session.scalars(select(Pass).where(Pass.id == proved.pass_id)).one_or_none()
        if row is None or row.state == "removed":
            return None
        if _is_known(row, since) and not _may_have_changed(session, row):
            _note(session, row)
            return Latest(row.changed_at)
        # The face is read after the row: it may be newer than `changed_at`, and then the phone is told once more.
        prepared = _prepare(session, database, row)
        _note(session, row)
    if prepared is None:
        return None
    handout = platform_of(KIND).hand_out(database.settings, *prepared)
    return Latest(row.changed_at, handout.chunks)


def _prepare(session: Session, database: Database, row: Pass) -> tuple[list[Credential], Asked] | None:
    platform = platform_of(KIND)
    credentials = [
        one for one in looking.credentials(session, database, KIND) if platform.type_of(one) == row.pass_type_id
    ]
    if not credentials:
        raise WalletNotSetUpError("Nobody can sign passes of this type any more.", platform=KIND)
    face = looking.faces_of(session, database, [row]).get(row.id)
    if face is None:
        return None
    token = passes.token_of(database.keyring, row)
    asked = Asked(row=row, face=face, token=token, service_url=service_url(database.settings))
    return credentials, asked


def _is_known(row: Pass, since: datetime | None) -> bool:
    # A time that has not come yet is none of ours, and would hide every change until then.
    return since is not None and row.changed_at <= since <= max(row.changed_at, clock.now())


def _may_have_changed(session: Session, row: Pass) -> bool:
    """Tell whether the update engine has still to look at the pass: its face may be newer than its time says."""
    return bool(session.scalar(select(exists().where(PassUpdate.pass_id == row.id))))


def _note(session: Session, row: Pass) -> None:
    session.execute(
        update(Pass)
        .where(Pass.id == row.id)
        .values(last_fetch_at=clock.now(), handed_revision=func.greatest(Pass.handed_revision, row.revision)),
        execution_options={"synchronize_session": False},
    )
