"""Passes for phones with Apple's Wallet, issued, and changed as the update engine does it; and the phones."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import func, literal, select, update

from app import clock, ids
from app.db import Database
from app.models import Card, Pass, PassDevice, PassRegistration, PassRevision
from app.services import passes, wallet_credentials
from tests.passkit_device import Installed, Phone, Send, Told
from tests.world import World
from tests.world_passes import let_marks_be_due
from tests.world_till import Cafe, Guest
from wallet import handing
from wallet.platforms import PLATFORMS
from wallet.platforms.apple.authority import Authority, Identity
from wallet.platforms.apple.courier import AppleCourier
from wallet.platforms.apple.keys import AppleKeys
from wallet.updates.lanes import Lane


def through(client: FlaskClient) -> Send:
    """Send a phone's requests through Flask's client."""

    def send(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Told:
        answer = client.open(path, method=method, headers=dict(headers), data=body)
        return Told(answer.status_code, {name.lower(): value for name, value in answer.headers}, answer.data)

    return send


def make_phone(client: FlaskClient) -> Phone:
    """Return a phone that nobody knows."""
    return Phone(through(client))


def new_pass_type() -> str:
    """Return a pass type that nobody has."""
    return f"pass.example.{ids.new_id().hex}"


SHARED = "pass.example.shared"
OTHER = "pass.example.other"


@cache
def apple() -> Authority:
    """Return an authority in Apple's place; keys are slow to make."""
    return Authority.make()


@cache
def identity_of(pass_type_id: str) -> Identity:
    """Return the certificate of a pass type."""
    return apple().issue(pass_type_id)


def set_up_apple(world: World, pass_type_id: str = SHARED) -> str:
    """Give the programme a certificate of a pass type, by default one that all tests share; return the type."""
    identity = identity_of(pass_type_id)
    keys = AppleKeys(
        certificate_pem=identity.certificate_pem, key_pem=identity.key_pem, intermediate_pem=apple().intermediate_pem
    )
    facts = {"pass_type_id": pass_type_id, "team_id": "ASSIDU0001"}
    with world.database.transaction(world.program_id) as session:
        wallet_credentials.put(
            session,
            world.database.keyring,
            platform="apple",
            type_id=pass_type_id,
            facts=facts,
            secret=keys.written(),
        )
    return pass_type_id


def hand_out(cafe: Cafe, guest: Guest) -> bytes:
    """Hand a guest's Apple pass out; return its file."""
    made = handing.hand_out(cafe.world.database, cafe.world.program_id, guest.card_id, "apple")
    assert made.content is not None
    return made.content


def let_the_engine_work(database: Database, courier: AppleCourier, program_id: UUID) -> int:
    """Do what is due of one programme, whatever it waits for, as a worker's lane does; return the passes looked at."""
    let_marks_be_due(database, program_id)
    return Lane(database, PLATFORMS["apple"], courier).work_on(program_id)


def issue(cafe: Cafe, guest: Guest, pass_type_id: str) -> Installed:
    """Issue the Apple pass of a guest's card, without anybody to sign it; return what a phone would hold."""
    database = cafe.world.database
    with database.transaction(cafe.world.program_id) as session:
        card = session.scalars(select(Card).where(Card.id == guest.card_id)).one()
        row = passes.issue(session, database.keyring, card=card, platform="apple", pass_type_ids=[pass_type_id])
        return Installed(row.pass_type_id, row.serial, passes.token_of(database.keyring, row))


def change(cafe: Cafe, *installed: Installed) -> int:
    """Give passes the programme's next revision, as the update engine does when faces change; return it."""
    with cafe.world.database.across_programs() as session:
        revision: int = session.scalars(
            update(PassRevision)
            .where(PassRevision.program_id == cafe.world.program_id)
            .values(revision=PassRevision.revision + 1)
            .returning(PassRevision.revision)
        ).one()
        moved = func.greatest(clock.now().replace(microsecond=0), Pass.changed_at + literal(timedelta(seconds=1)))
        session.execute(
            update(Pass)
            .where(Pass.program_id == cafe.world.program_id, Pass.serial.in_([one.serial for one in installed]))
            .values(revision=revision, changed_at=moved, face_hash=ids.secret_bytes(32)),
            execution_options={"synchronize_session": False},
        )
    return revision


def row_of(cafe: Cafe, installed: Installed) -> Pass:
    """Return a pass's row as it is now."""
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        return session.scalars(select(Pass).where(Pass.serial == installed.serial)).one()


def devices_of(cafe: Cafe, installed: Installed) -> list[PassDevice]:
    """Return the phones that are registered for a pass."""
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        query = select(PassDevice).join(PassRegistration, PassRegistration.device_id == PassDevice.id)
        return list(session.scalars(query.join(Pass, Pass.id == PassRegistration.pass_id).where(
            Pass.serial == installed.serial).order_by(PassDevice.id)))  # fmt: skip


def count_devices(cafe: Cafe, pass_type_id: str) -> int:
    """Return how many phones the programme knows for a pass type."""
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        query = select(func.count()).select_from(PassDevice).where(PassDevice.pass_type_id == pass_type_id)
        return session.scalar(query) or 0
