"""Looking at marked passes: their faces as they are now, compared with what was shown, and revised if they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, LargeBinary, Text, Uuid, column, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.db import Database, Session
from app.db.base import UtcInstant
from app.models import Pass, PassRevision
from app.services import pass_messages, wallet_credentials
from wallet import faces
from wallet.card_face import CardFace
from wallet.platforms import Courier, Credential, Job, Message

SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Looked:
    """What a look found: jobs for those whose platform must be told, and the passes for which nothing is to be done."""

    credentials: Sequence[Credential] = ()
    jobs: Sequence[Job] = ()
    unchanged: Sequence[UUID] = ()


@dataclass(frozen=True)
class _Read:
    """What one transaction read of the marked passes."""

    rows: Mapping[UUID, Pass]
    faces: Mapping[UUID, CardFace]
    credentials: Sequence[Credential] = ()
    messages: Mapping[UUID, Sequence[Message]] = field(default_factory=dict)

    def differs(self, row: Pass) -> bool:
        """Tell whether the pass's face is another than what was shown."""
        face = self.faces[row.id]
        return face.digest() != row.face_hash or state_of(face) != row.state


def look(database: Database, program_id: UUID, platform: str, pass_ids: Sequence[UUID], courier: Courier) -> Looked:
    """Look at passes of one programme and platform; those that changed have their next revision when this returns.

    What telling needs is gathered after the revision is there for all to see: a phone that registers later sees it too.
    """
    with database.transaction(program_id) as session:
        read = _read(session, database, platform, pass_ids)
    changed = [row for row in read.rows.values() if read.differs(row)]
    rows = dict(read.rows)
    if changed:
        with database.across_programs() as session:
            rows |= _revise(session, program_id, changed, read.faces)
    due = [row for row in rows.values() if row.revision > row.pushed_revision or row.id in read.messages]
    jobs: list[Job] = []
    if due and read.credentials:
        with database.transaction(program_id) as session:
            gathered = courier.gather(session, due)
        jobs = [
            Job(row=row, face=read.faces[row.id], gathered=gathered.get(row.id), messages=read.messages.get(row.id, ()))
            for row in due
        ]
    told = {job.row.id for job in jobs}
    return Looked(read.credentials, jobs, [key for key in pass_ids if key not in told])


def credentials(session: Session, database: Database, platform: str) -> list[Credential]:
    """Return the programme's live credentials, opened, the newest first."""
    return [
        Credential(
            id=row.id, program_id=row.program_id, facts=row.facts,
            secret=wallet_credentials.unseal(database.keyring, row),
        )
        for row in wallet_credentials.live(session, platform)
    ]  # fmt: skip


def faces_of(session: Session, database: Database, rows: Sequence[Pass]) -> dict[UUID, CardFace]:
    """Return the faces of passes as they are now, by the pass's id: of its voucher where it has one, else its card."""
    of_cards = faces.of_cards(session, database.keyring, {row.card_id for row in rows if row.voucher_id is None})
    vouchers = {row.voucher_id for row in rows if row.voucher_id is not None}
    of_vouchers = faces.of_vouchers(session, database.keyring, vouchers) if vouchers else {}
    found = {}
    for row in rows:
        face = of_cards.get(row.card_id) if row.voucher_id is None else of_vouchers.get(row.voucher_id)
        if face is not None:
            found[row.id] = face
    return found


def state_of(face: CardFace) -> str:
    """Return the state of a pass that shows this face."""
    return "voided" if face.voided else "active"


def _read(session: Session, database: Database, platform: str, pass_ids: Sequence[UUID]) -> _Read:
    query = select(Pass).where(Pass.id.in_(pass_ids), Pass.platform == platform, Pass.state != "removed")
    rows = list(session.scalars(query.order_by(Pass.id)))
    found = faces_of(session, database, rows)
    rows = [row for row in rows if row.id in found]
    untold = pass_messages.untold(session, [row.id for row in rows])
    messages = {
        pass_id: [Message(id=one.id, text=one.text, created_at=one.created_at) for one in some]
        for pass_id, some in untold.items()
    }
    for row in rows:
        session.expunge(row)
    return _Read({row.id: row for row in rows}, found, credentials(session, database, platform), messages)


def _revise(
    session: Session, program_id: UUID, rows: Sequence[Pass], shown: Mapping[UUID, CardFace]
) -> dict[UUID, Pass]:
    """Give the passes the programme's next revision; return them as they are then. The worker role's session.

    The counter's row is held until the transaction ends, so that revisions become visible in their order.
    """
    counter = insert(PassRevision).values(program_id=program_id, revision=1)
    revision = session.scalar(
        counter.on_conflict_do_update(
            index_elements=["program_id"], set_={"revision": PassRevision.revision + 1}
        ).returning(PassRevision.revision)
    )
    assert revision is not None
    new = _new_faces(rows, shown)
    moved = session.execute(
        update(Pass)
        .where(Pass.program_id == program_id, Pass.id == new.c.pass_id, Pass.state != "removed")
        .values(
            face_hash=new.c.face_hash,
            state=new.c.state,
            revision=revision,
            # HTTP's dates have whole seconds: two changes within one would look like none to `If-Modified-Since`.
            changed_at=func.greatest(
                literal(clock.now().replace(microsecond=0), UtcInstant), Pass.changed_at + literal(SECOND)
            ),
        )
        .returning(Pass.id, Pass.changed_at, Pass.pushed_revision),
        execution_options={"synchronize_session": False},
    )
    known = {row.id: row for row in rows}
    return {
        one.id: _moved(known[one.id], shown[one.id], revision, one.changed_at, one.pushed_revision) for one in moved
    }


def _moved(row: Pass, face: CardFace, revision: int, changed_at: datetime, pushed_revision: int) -> Pass:
    # The row is nobody's any more: it was read in a session that has ended, and this one wrote beside it.
    row.face_hash, row.state, row.revision = face.digest(), state_of(face), revision
    row.changed_at, row.pushed_revision = changed_at, pushed_revision
    return row


def _new_faces(rows: Sequence[Pass], shown: Mapping[UUID, CardFace]) -> Any:
    return (
        func.unnest(
            literal([row.id for row in rows], ARRAY(Uuid)),
            literal([shown[row.id].digest() for row in rows], ARRAY(LargeBinary)),
            literal([state_of(shown[row.id]) for row in rows], ARRAY(Text)),
        )
        .table_valued(
            column("pass_id", Uuid), column("face_hash", LargeBinary), column("state", Text), name="new_faces"
        )
        .render_derived()
    )
