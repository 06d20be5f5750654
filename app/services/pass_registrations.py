"""Use cases of Apple's web service for passes: phones that register to hear of a pass's changes, and leave.

A phone proves itself with the pass's token, or, where Apple's protocol has no token, with its own id: 128 bits that it
made up and that we keep as a hash. Phones call without naming a programme: doors find it (`0005_wallet.sql`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, delete, exists, false, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.crypto import Keyring
from app.db import Database, Session
from app.db.hot import HotTransaction
from app.models import Pass, PassDevice, PassRegistration
from app.services import attempts, pass_updates
from app.services.attempts import Policy

DEVICES_MAX = 20
"""Phones that are told of one pass; the one that was not heard of for the longest time makes room."""
NEW_DEVICES = Policy("pass-registrations", 60, 600)
"""Phones that may come anew to one pass. One phone that went wrong registers hundreds of times a minute, under a new id
each time; its owner's network may be everybody's, so that it is the pass that waits."""
SEEN_EACH = timedelta(hours=1)
"""How exactly it is known when a phone was last heard of."""
_NOBODY = ids.digest("")


@dataclass(frozen=True, slots=True)
class Proved:
    """A pass whose token was shown."""

    program_id: UUID
    pass_id: UUID


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a registration: it is `new`, or known; or it must wait for `wait_seconds`."""

    new: bool = False
    wait_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a push reaches a phone."""

    token: str = field(repr=False)
    token_hash: bytes


def prove(database: Database, *, pass_type_id: str, serial: str, token: str) -> Proved | None:
    """Return the pass if the token is its own; None tells nobody whether there is such a pass."""
    with database.hot.lend() as connection:
        rows = HotTransaction(connection).rows("wallet_pass", pass_type_id, serial)
    program_id, pass_id, token_hash, platform = rows[0] if rows else ("", "", "", "")
    expected = bytes.fromhex(str(token_hash)[2:]) if platform == "apple" and token_hash else _NOBODY
    if not ids.same(ids.digest(token), expected) or not rows:
        return None
    return Proved(UUID(program_id), UUID(pass_id))


def register(
    session: Session, keyring: Keyring, *, pass_id: UUID, pass_type_id: str, library_id: str, push_token: str
) -> Registered:
    """Let a phone be told of a pass's changes, under the push token that it gave last."""
    place = _Place(ids.digest(library_id), pass_type_id, push_token)
    if _is_registered(session, keyring, place, pass_id):
        return Registered()
    standing = attempts.count(session, keyring, policy=NEW_DEVICES, subject=pass_id.hex)
    if not standing.allowed:
        return Registered(wait_seconds=standing.reset_seconds)
    device_id = _enter(session, keyring, place)
    now = clock.now()
    added = session.execute(
        insert(PassRegistration)
        .values(program_id=session.program, device_id=device_id, pass_id=pass_id, created_at=now)
        .on_conflict_do_nothing()
        .returning(PassRegistration.device_id)
    )
    if added.first() is None:
        return Registered()  # the same phone, at the same moment
    pass_updates.note_registered(session, pass_id)
    session.execute(
        update(Pass).where(Pass.id == pass_id).values(saved_at=func.coalesce(Pass.saved_at, now), removed_at=None),
        execution_options=_PLAIN,
    )
    _make_room(session, pass_id, device_id)
    return Registered(new=True)


def unregister(session: Session, *, pass_id: UUID, pass_type_id: str, library_id: str) -> None:
    """Tell a phone no more of a pass; forget the phone with its last one. What is not registered stays so."""
    # Locked first: a registration of another pass by this phone, at this moment, is seen by what follows, or waits.
    device_id = session.scalar(
        select(PassDevice.id)
        .where(PassDevice.library_id_hash == ids.digest(library_id), PassDevice.pass_type_id == pass_type_id)
        .with_for_update()
    )
    if device_id is not None:
        _drop(session, [device_id], pass_ids=[pass_id])


def addresses(session: Session, keyring: Keyring, pass_ids: Collection[UUID]) -> dict[UUID, list[Address]]:
    """Return where the phones of each pass are reached, each push token once: a phone may be known by two ids."""
    query = (
        select(PassRegistration.pass_id, PassDevice)
        .join(PassDevice, PassDevice.id == PassRegistration.device_id)
        .where(PassRegistration.pass_id.in_(pass_ids))
        .order_by(PassRegistration.pass_id, PassDevice.last_seen_at.desc())
    )
    found: dict[UUID, dict[bytes, Address]] = {}
    for pass_id, device in session.execute(query):
        of_pass = found.setdefault(pass_id, {})
        if device.push_token_hash not in of_pass:
            token = keyring.unseal(device.push_token_sealed, context=context_of(device.library_id_hash)).decode()
            of_pass[device.push_token_hash] = Address(token, device.push_token_hash)
    return {pass_id: list(of_pass.values()) for pass_id, of_pass in found.items()}


def forget(session: Session, gone: Mapping[bytes, datetime | None]) -> int:
    """Forget the phones behind push tokens that reach nobody, by the tokens' hashes; return how many.

    Where it is known since when they do not, a phone that was heard of later stays: it gave its token anew.
    """
    if not gone:
        return 0
    dated = [(key, at) for key, at in gone.items() if at is not None]
    undated = [key for key, at in gone.items() if at is None]
    earlier = or_(
        false(), *(and_(PassDevice.push_token_hash == key, PassDevice.last_seen_at <= at) for key, at in dated)
    )
    query = select(PassDevice.id).where(or_(PassDevice.push_token_hash.in_(undated), earlier))
    device_ids = list(session.scalars(query.order_by(PassDevice.id).with_for_update()))
    _drop(session, device_ids)
    return len(device_ids)


@dataclass(frozen=True, slots=True)
class _Place:
    """A phone, as it names itself for one pass type, and where it wants to be reached."""

    library_id_hash: bytes
    pass_type_id: str
    push_token: str = field(repr=False)

    @property
    def push_token_hash(self) -> bytes:
        return ids.digest(self.push_token.lower())

    def sealed(self, keyring: Keyring) -> bytes:
        return keyring.seal(self.push_token.encode(), context=context_of(self.library_id_hash))


def _is_registered(session: Session, keyring: Keyring, place: _Place, pass_id: UUID) -> bool:
    """Tell whether the phone is registered for the pass; keep its push token if it is another one."""
    query = (
        select(PassDevice.id, PassDevice.push_token_hash, PassDevice.last_seen_at)
        .join(PassRegistration, PassRegistration.device_id == PassDevice.id)
        .where(
            PassDevice.library_id_hash == place.library_id_hash,
            PassDevice.pass_type_id == place.pass_type_id,
            PassRegistration.pass_id == pass_id,
        )
    )
    known = session.execute(query).one_or_none()
    if known is None:
        return False
    now = clock.now()
    if known.push_token_hash == place.push_token_hash and now - known.last_seen_at < SEEN_EACH:
        return True
    kept = session.execute(
        update(PassDevice)
        .where(PassDevice.id == known.id)
        .values(
            push_token_sealed=place.sealed(keyring), push_token_hash=place.push_token_hash, last_seen_at=now
        )
        .returning(PassDevice.id),
        execution_options={"synchronize_session": False},
    )  # fmt: skip
    return kept.first() is not None  # else it was unregistered at this moment: it is registered anew


def _enter(session: Session, keyring: Keyring, place: _Place) -> UUID:
    values = {
        "push_token_sealed": place.sealed(keyring), "push_token_hash": place.push_token_hash,
        "last_seen_at": clock.now(),
    }  # fmt: skip
    device_id: UUID = session.scalars(
        insert(PassDevice)
        .values(
            id=ids.new_id(), created_at=clock.now(), program_id=session.program,
            library_id_hash=place.library_id_hash, pass_type_id=place.pass_type_id, **values,
        )
        .on_conflict_do_update(index_elements=["library_id_hash", "pass_type_id", "program_id"], set_=values)
        .returning(PassDevice.id)
    ).one()  # fmt: skip
    return device_id


def _make_room(session: Session, pass_id: UUID, newcomer: UUID) -> None:
    """Leave the pass its newcomer and the phones that were heard of last. The pass is locked by the caller."""
    surplus = (
        select(PassRegistration.device_id)
        .join(PassDevice, PassDevice.id == PassRegistration.device_id)
        .where(PassRegistration.pass_id == pass_id, PassRegistration.device_id != newcomer)
        .order_by(PassDevice.last_seen_at.desc(), PassDevice.id.desc())
        .offset(DEVICES_MAX - 1)
    )
    found = list(session.scalars(surplus))
    if found:
        locked = select(PassDevice.id).where(PassDevice.id.in_(found)).order_by(PassDevice.id).with_for_update()
        _drop(session, list(session.scalars(locked)), pass_ids=[pass_id])


def _drop(session: Session, device_ids: Sequence[UUID], *, pass_ids: Sequence[UUID] | None = None) -> None:
    """End registrations of locked phones, all or those for some passes; forget phones and note passes without any."""
    if not device_ids:
        return
    ended = delete(PassRegistration).where(PassRegistration.device_id.in_(device_ids))
    if pass_ids is not None:
        ended = ended.where(PassRegistration.pass_id.in_(pass_ids))
    left = set(session.scalars(ended.returning(PassRegistration.pass_id), execution_options=_PLAIN))
    of_device = exists().where(PassRegistration.device_id == PassDevice.id)
    session.execute(delete(PassDevice).where(PassDevice.id.in_(device_ids), ~of_device), execution_options=_PLAIN)
    _note_passes_without_phones(session, left)


def _note_passes_without_phones(session: Session, pass_ids: Collection[UUID]) -> None:
    # In the order of their ids, since the update engine may be writing many of them, too.
    order = select(Pass.id).where(Pass.id.in_(pass_ids)).order_by(Pass.id).with_for_update(key_share=True)
    locked = list(session.scalars(order))
    of_pass = exists().where(PassRegistration.pass_id == Pass.id)
    session.execute(
        update(Pass).where(Pass.id.in_(locked), ~of_pass).values(removed_at=clock.now()), execution_options=_PLAIN
    )


_PLAIN = {"synchronize_session": False}


def context_of(library_id_hash: bytes) -> bytes:
    """Return what a phone's push token is bound to at rest."""
    return b"pass device " + library_id_hash
