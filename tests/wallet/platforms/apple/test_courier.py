"""Taking changed passes to APNs: what becomes of a pass, of what became of the pushes to its phones."""

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from app import clock, ids
from app.config import Settings
from app.db import Database
from app.models import Pass
from app.services import pass_registrations
from app.services.pass_registrations import Address
from tests.world import World
from tests.world_passkit import OTHER, SHARED, apple, devices_of, identity_of, issue, make_phone
from tests.world_till import make_cafe, make_guest
from wallet.card_face import CardFace, Colours
from wallet.platforms import Credential, Job, Told
from wallet.platforms.apple import courier as module
from wallet.platforms.apple.courier import AppleCourier, summarise
from wallet.platforms.apple.keys import AppleKeys
from wallet.platforms.apple.push import PushResult
from wallet.stand_in.apns import ApnsStandIn

PROGRAM = ids.new_id()
FACE = CardFace(
    program_name="Café", description="Carte", title="Café", locale="fr", locales=("fr",),
    colours=Colours(background="#ffffff", foreground="#000000", label="#000000"),
)  # fmt: skip
SENT, GONE = PushResult(outcome="sent"), PushResult(outcome="gone", reason="unregistered")
LATER = PushResult(outcome="retry", reason="service_unavailable", retry_after_seconds=1.0)
UNSURE = PushResult(outcome="unknown", reason="timeout", retry_after_seconds=1.0)
NEVER = PushResult(outcome="refused", reason="payload_too_large")


def test_each_pass_is_told_of_by_the_credential_of_its_type(courier: AppleCourier, apns: ApnsStandIn) -> None:
    jobs = [make_job(SHARED, "01"), make_job(OTHER, "02", "03"), make_job(SHARED), make_job("pass.example.none", "04")]
    told = courier.deliver(PROGRAM, [credential(SHARED), credential(OTHER)], jobs)
    assert [(one.outcome, one.reason) for one in told] == [
        ("sent", None), ("sent", None), ("sent", "nobody"), ("refused", "no_credential"),
    ]  # fmt: skip
    assert {(push.topic, push.token[:2]) for push in apns.pushes} == {(SHARED, "01"), (OTHER, "02"), (OTHER, "03")}


def test_the_newest_of_two_certificates_speaks(courier: AppleCourier, apns: ApnsStandIn) -> None:
    ended = apple().issue(SHARED, at=clock.now() - timedelta(days=500))
    old = credential(SHARED, identity=ended)
    assert courier.deliver(PROGRAM, [credential(SHARED), old], [make_job(SHARED, "01")]) == [
        Told(outcome="sent", found={})
    ]
    assert len(apns.pushes) == 1


def test_a_credential_that_cannot_be_used_waits_and_the_others_do_not(courier: AppleCourier, apns: ApnsStandIn) -> None:
    broken = dataclasses.replace(credential(OTHER), secret=b"{}")
    told = courier.deliver(PROGRAM, [broken, credential(SHARED)], [make_job(OTHER, "01"), make_job(SHARED, "02")])
    assert [(one.outcome, one.reason) for one in told] == [("retry", "credential_unusable"), ("sent", None)]
    assert [push.topic for push in apns.pushes] == [SHARED]


def test_threads_share_the_connection_of_a_credential(courier: AppleCourier, apns: ApnsStandIn) -> None:
    mine = credential(SHARED)

    def deliver(number: int) -> list[Told]:
        return courier.deliver(PROGRAM, [mine], [make_job(SHARED, f"{number:02}{place:02}") for place in range(20)])

    with ThreadPoolExecutor(4) as threads:
        told = [one for batch in threads.map(deliver, range(8)) for one in batch]
    assert {one.outcome for one in told} == {"sent"}
    assert len(apns.pushes) == 160
    assert apns.connections_opened == 1


def test_only_so_many_connections_are_kept_and_none_is_cut_off(
    courier: AppleCourier, apns: ApnsStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLIENTS_MAX", 2)
    credentials = [credential(SHARED) for _ in range(5)]  # each under an id of its own
    for one in [*credentials, *credentials]:
        assert courier.deliver(PROGRAM, [one], [make_job(SHARED, "01")])[0].outcome == "sent"
    assert len(courier._clients) == 2
    assert len(apns.pushes) == 10


@pytest.mark.parametrize(
    ("results", "outcome", "reason"),
    [
        ([SENT, SENT], "sent", None), ([SENT, GONE], "sent", None), ([GONE, GONE], "sent", "nobody"),
        ([SENT, LATER], "retry", "service_unavailable"), ([GONE, UNSURE], "unknown", "timeout"),
        ([NEVER, LATER], "retry", "service_unavailable"), ([UNSURE, LATER], "retry", "service_unavailable"),
        ([NEVER, NEVER], "refused", "payload_too_large"), ([NEVER, SENT], "sent", None),
    ],
)  # fmt: skip
def test_what_became_of_the_phones_becomes_one_thing(
    results: list[PushResult], outcome: str, reason: str | None
) -> None:
    told = summarise([(address(f"{place:02}"), result) for place, result in enumerate(results)])
    assert (told.outcome, told.reason) == (outcome, reason)
    assert len(told.found) == results.count(GONE)


def test_a_phone_that_gave_its_token_anew_after_it_went_stays(
    database: Database, world: World, client: FlaskClient
) -> None:
    cafe = make_cafe(world)
    held = issue(cafe, make_guest(cafe), SHARED)
    phone = make_phone(client)
    phone.add(held)
    key = ids.digest(phone.push_token)
    with database.transaction(world.program_id) as session:
        assert pass_registrations.forget(session, {key: clock.now() - timedelta(minutes=5)}) == 0
    assert len(devices_of(cafe, held)) == 1
    with database.transaction(world.program_id) as session:
        assert pass_registrations.forget(session, {key: datetime(2100, 1, 1, tzinfo=UTC)}) == 1
    assert devices_of(cafe, held) == []


def test_a_phone_under_two_ids_is_pushed_to_once(
    database: Database, world: World, client: FlaskClient, courier: AppleCourier
) -> None:
    cafe = make_cafe(world)
    held = issue(cafe, make_guest(cafe), SHARED)
    before, after = make_phone(client), make_phone(client)
    after.push_token = before.push_token.upper()
    before.add(held)
    after.add(held)
    row = make_row(SHARED)
    with database.transaction(world.program_id) as session:
        row.id = session.query(Pass.id).where(Pass.serial == held.serial).scalar()
        gathered = courier.gather(session, [row])
    assert [one.token.lower() for one in gathered[row.id]] == [before.push_token]


def make_row(pass_type_id: str) -> Pass:
    return Pass(
        card_id=ids.new_id(), member_id=ids.new_id(), platform="apple", pass_type_id=pass_type_id,
        serial=ids.new_id().hex, changed_at=clock.now().replace(microsecond=0),
    )  # fmt: skip


def make_job(pass_type_id: str, *phones: str) -> Job:
    gathered: Any = [address(phone) for phone in phones]
    return Job(row=make_row(pass_type_id), face=FACE, gathered=gathered or None)


def address(name: str) -> Address:
    token = name.ljust(64, "0")
    return Address(token, ids.digest(token))


def credential(pass_type_id: str, *, identity: Any = None) -> Credential:
    identity = identity or identity_of(pass_type_id)
    keys = AppleKeys(
        certificate_pem=identity.certificate_pem, key_pem=identity.key_pem, intermediate_pem=apple().intermediate_pem
    )
    facts = {"pass_type_id": pass_type_id, "team_id": "ASSIDU0001"}
    return Credential(id=ids.new_id(), program_id=UUID(int=0), facts=facts, secret=keys.written())


@pytest.fixture
def apns(tmp_path: Path) -> Iterator[ApnsStandIn]:
    with ApnsStandIn(tmp_path, apple().root_pem.decode()) as stand_in:
        yield stand_in


@pytest.fixture
def courier(settings: Settings, apns: ApnsStandIn) -> Iterator[AppleCourier]:
    opened = AppleCourier(dataclasses.replace(settings, apns_endpoint=apns.url, apns_ca_file=str(apns.ca_file)))
    yield opened
    opened.close()
