"""What changed of a phone's passes since it asked last: Apple's lists, by a counter of the programme's changes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import update

from app import clock, ids
from app.db import Database
from app.db.hot import HotTransaction
from app.models import PassDevice
from app.services.pass_registrations import SEEN_EACH

TAG_MAX = 2000
"""Characters of a tag that are looked at: room for fifty programmes."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The serial numbers of passes that changed, and what the phone says next time to hear of what follows."""

    serials: Sequence[str]
    tag: str


def changes(database: Database, *, pass_type_id: str, library_id: str, since: str | None) -> Changes | None:
    """Return what changed of a phone's passes since a tag, all without one; None when nothing did, or nobody knows it.

    One statement reads serials and revisions, so that no change falls between them. A tag that is not ours, or that
    says more than we know (a database came back from a backup), is none.
    """
    held = _held(database, pass_type_id, library_id)
    newest: dict[UUID, int] = {}
    for one in held:
        newest[one.program_id] = max(one.revision, newest.get(one.program_id, 0))
    known = read_tag(since, newest)
    serials = [one.serial for one in held if one.revision > known.get(one.program_id, -1)]
    if not serials:
        return None
    _see(database, held)
    return Changes(serials, make_tag(newest))


def make_tag(newest: Mapping[UUID, int]) -> str:
    """Return a tag: the programme's counter, or each programme's, where several share a pass type.

    All of it may stand in an address as it is: nothing to be escaped, and nothing to be lost by who does not.
    """
    if len(newest) == 1:
        return str(next(iter(newest.values())))
    return ".".join(f"{program_id.hex}-{revision}" for program_id, revision in sorted(newest.items()))


def read_tag(tag: str | None, newest: Mapping[UUID, int]) -> dict[UUID, int]:
    """Return up to which revision a phone knows each programme's passes; nothing of what cannot be."""
    if tag is None or len(tag) > TAG_MAX:
        return {}
    known: dict[UUID, int] = {}
    if re.fullmatch(r"[0-9]{1,19}", tag):
        if len(newest) == 1:
            known = dict.fromkeys(newest, int(tag))
    else:
        for program, revision in re.findall(r"([0-9a-f]{32})-([0-9]{1,19})(?:\.|\Z)", tag):
            known[UUID(hex=program)] = int(revision)
    return {key: revision for key, revision in known.items() if revision <= newest.get(key, -1)}


@dataclass(frozen=True, slots=True)
class _Held:
    """A pass on a phone."""

    program_id: UUID
    device_id: UUID
    serial: str
    revision: int
    seen_at: datetime


def _held(database: Database, pass_type_id: str, library_id: str) -> list[_Held]:
    with database.hot.lend() as connection:
        rows = HotTransaction(connection).rows("wallet_device_passes", pass_type_id, ids.digest(library_id))
    return [
        _Held(UUID(program_id), UUID(device_id), str(serial), int(str(revision)), datetime.fromisoformat(str(seen_at)))
        for program_id, device_id, serial, revision, seen_at in rows
    ]


def _see(database: Database, held: Sequence[_Held]) -> None:
    """Note that a phone was heard of, if that was not noted lately."""
    now = clock.now()
    for program_id, device_id in {(one.program_id, one.device_id) for one in held if now - one.seen_at >= SEEN_EACH}:
        with database.transaction(program_id) as session:
            session.execute(
                update(PassDevice).where(PassDevice.id == device_id).values(last_seen_at=now),
                execution_options={"synchronize_session": False},
            )
