"""Passes without a wallet company: a platform that remembers what it was told, and passes of guests on it."""

# ruff: noqa: ARG002 - a platform and a courier have methods of one shape, whatever they use of it

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from app import clock, ids
from app.config import Settings
from app.db import Database, Session
from app.models import Pass, PassUpdate
from app.services import cards, wallet_credentials
from tests.world import World
from tests.world_till import Guest
from wallet import handing
from wallet.platforms import Asked, CheckedCredential, Credential, Handout, Job, Told

SENT = Told(outcome="sent")


@dataclass
class ListeningCourier:
    """Remembers each job it delivers; `answer` says what becomes of it."""

    answer: Callable[[Job], Told] = field(default=lambda _: SENT)
    jobs: list[Job] = field(default_factory=list)
    gathered: list[UUID] = field(default_factory=list)
    recorded: int = 0
    holding: threading.Event | None = None
    closed: bool = False

    def gather(self, session: Session, rows: Sequence[Pass]) -> Mapping[UUID, Any]:
        self.gathered += [row.id for row in rows]
        return {row.id: session.program for row in rows}

    def deliver(self, program_id: UUID, credentials: Sequence[Credential], jobs: Sequence[Job]) -> list[Told]:
        assert credentials
        assert {job.gathered for job in jobs} == {program_id}
        self.jobs += jobs
        if self.holding is not None:
            self.holding.wait(20)
        return [self.answer(job) for job in jobs]

    def record(self, session: Session, jobs: Sequence[Job], told: Sequence[Told]) -> None:
        self.recorded += len(list(zip(jobs, told, strict=True)))

    def close(self) -> None:
        self.closed = True

    def told_of(self, pass_id: UUID) -> list[Job]:
        """Return the jobs of one pass."""
        return [job for job in self.jobs if job.row.id == pass_id]


@dataclass
class ListeningPlatform:
    """A wallet under the name of a real one."""

    courier: ListeningCourier = field(default_factory=ListeningCourier)
    kind: str = "apple"
    batch: int = 50
    carries_face: bool = True

    def check(self, settings: Settings, document: Mapping[str, Any], now: datetime) -> CheckedCredential:
        return CheckedCredential(facts=dict(document), secret=b"secret")

    def type_of(self, credential: Credential) -> str:
        return str(credential.facts["pass_type_id"])

    def hand_out(self, settings: Settings, credentials: Sequence[Credential], asked: Asked) -> Handout:
        return Handout(link=f"https://wallet.example/{asked.row.serial}")

    def complaints(
        self, settings: Settings, credentials: Sequence[Credential], asked: Asked | None, now: datetime
    ) -> list[str]:
        return []

    def open(self, settings: Settings) -> ListeningCourier:
        return self.courier


def set_up_wallet(world: World, *, kind: str = "apple") -> str:
    """Give the programme a credential that nothing was checked of; return its pass type."""
    pass_type_id = f"pass.example.{ids.new_id().hex}"
    with world.database.transaction(world.program_id) as session:
        wallet_credentials.put(
            session, world.database.keyring, platform=kind, type_id=pass_type_id, secret=b"secret",
            facts={"pass_type_id": pass_type_id},
        )  # fmt: skip
    return pass_type_id


def hand_pass(world: World, platform: ListeningPlatform, guest: Guest, *, told: bool = True) -> UUID:
    """Hand a guest's pass out; return its id. If `told`, it counts as one whose holder is told of changes."""
    with world.database.transaction(world.program_id) as session:
        card = cards.get(session, guest.card_id)
        _, asked = handing.prepare(session, world.database, platform, card)
        if told:
            session.execute(update(Pass).where(Pass.id == asked.row.id).values(google_inserted_at=clock.now()))
    return asked.row.id


def let_marks_be_due(database: Database, program_id: UUID) -> None:
    """Have everything that waits be due now, whatever it waits for; leases too."""
    with database.across_programs() as session:
        session.execute(
            update(PassUpdate).where(PassUpdate.program_id == program_id).values(due_at=clock.now()),
            execution_options={"synchronize_session": False},
        )


def pass_of(world: World, pass_id: UUID) -> Pass:
    """Return a pass as it is now."""
    with world.database.transaction(world.program_id) as session:
        return session.scalars(select(Pass).where(Pass.id == pass_id)).one()


def marks_of(world: World) -> list[PassUpdate]:
    """Return the programme's marks."""
    with world.database.transaction(world.program_id) as session:
        return list(session.scalars(select(PassUpdate).order_by(PassUpdate.pass_id)))
