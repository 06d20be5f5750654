"""Several Firebase projects: each programme through its own, the others through the installation's."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from app import clock
from app.config import Settings
from app.db import Database
from app.models import PushCredential
from app.services import push_credentials
from notifications.channels.push_projects import LOOK_AGAIN, PushProjects, open_push
from notifications.sending import Sender
from notifications.stand_in import StandIn
from tests.notifications.conftest import make_message
from tests.notifications.test_deliveries import relay_all
from tests.world import World, make_world
from tests.world_notifications import deliveries_of, issue_voucher, make_person


@pytest.fixture
def push_settings(tmp_path: Path, stand_in: StandIn) -> Settings:
    return Settings(
        home=tmp_path,
        firebase_credentials=str(stand_in.service_account_file),
        firebase_endpoint=stand_in.url,
        firebase_ca_file=str(stand_in.ca_file),
    )


@pytest.fixture
def projects(push_settings: Settings, database: Database) -> Iterator[PushProjects]:
    opened = open_push(push_settings)
    opened.look_up_in(database)
    yield opened
    opened.close()


def give(world: World, stand_in: StandIn, settings: Settings, project: str) -> None:
    account = push_credentials.check(stand_in.add_project(project), token_uris=push_credentials.token_uris(settings))
    with world.database.transaction(world.program_id) as session:
        push_credentials.put(session, world.database.keyring, account=account)


def test_each_message_goes_through_its_programmes_project_and_answers_come_in_order(
    projects: PushProjects, stand_in: StandIn, push_settings: Settings, world: World
) -> None:
    other = make_world(world.database)
    give(world, stand_in, push_settings, "first-app")
    give(other, stand_in, push_settings, "second-app")
    whose = [world.program_id, None, other.program_id, make_world(world.database).program_id, world.program_id]
    results = projects.send([make_message(f"phone-{place}", program_id=program) for place, program in enumerate(whose)])
    named = [str(result.provider_id).split("/")[1] for result in results]
    assert named == ["first-app", "assidu-stand-in", "second-app", "assidu-stand-in", "first-app"]
    assert stand_in.posts_of("first-app") == ["phone-0", "phone-4"]


def test_a_quota_pauses_its_own_project_only(
    projects: PushProjects, stand_in: StandIn, push_settings: Settings, world: World
) -> None:
    give(world, stand_in, push_settings, "first-app")
    projects.send([make_message("phone-quota90-1", program_id=world.program_id)])
    mine, others = projects.send([make_message("phone-1", program_id=world.program_id), make_message("phone-2")])
    assert (mine.outcome, mine.reason, others.outcome) == ("retry", "quota_exceeded", "sent")
    assert projects.paused_until(world.program_id) is not None
    assert stand_in.posts_of("first-app") == ["phone-quota90-1"]


def test_a_programmes_quota_does_not_hold_up_vouchers_of_another(
    projects: PushProjects, stand_in: StandIn, push_settings: Settings, world: World
) -> None:
    other = make_world(world.database)
    give(world, stand_in, push_settings, "first-app")
    mine, theirs = make_person(world), make_person(other)
    stand_in.script(mine.addresses[0], ["quota"])
    sender = Sender(world.database, projects)
    for whose, person in ((world, mine), (other, theirs)):
        issue_voucher(whose, person.member_id)
        relay_all(world.database)
        sender.drain()
    assert [row.reason for row in deliveries_of(world, channel="push")] == ["quota_exceeded"]
    assert [row.state for row in deliveries_of(other, channel="push")] == ["sent"]


def test_a_credential_that_was_changed_is_used_within_a_minute(
    projects: PushProjects, stand_in: StandIn, push_settings: Settings, world: World
) -> None:
    message = make_message(program_id=world.program_id)
    with clock.held(clock.now()):
        projects.send([message])
        give(world, stand_in, push_settings, "first-app")
        clock.advance(LOOK_AGAIN)
        projects.send([message])
        clock.advance(timedelta(seconds=1))
        give(world, stand_in, push_settings, "second-app")
        clock.advance(LOOK_AGAIN)
        projects.send([message])
        with world.database.transaction(world.program_id) as session:
            push_credentials.remove(session)
        clock.advance(LOOK_AGAIN)
        projects.send([message])
    posts = [len(stand_in.posts_of(name)) for name in ("assidu-stand-in", "first-app", "second-app")]
    assert posts == [2, 1, 1]


def test_a_credential_that_cannot_be_read_holds_up_its_own_programme_only(
    projects: PushProjects, stand_in: StandIn, push_settings: Settings, world: World
) -> None:
    give(world, stand_in, push_settings, "first-app")
    with world.database.transaction(world.program_id) as session:
        session.execute(update(PushCredential).values(sealed=b"x" * 40))
    mine, others = projects.send([make_message("phone-1", program_id=world.program_id), make_message("phone-2")])
    assert (mine.outcome, mine.reason, others.outcome) == ("retry", "credential_unreadable", "sent")


def test_a_project_that_hangs_does_not_hold_up_the_others_longer_than_its_own_limit(
    projects: PushProjects, stand_in: StandIn, push_settings: Settings, world: World
) -> None:
    give(world, stand_in, push_settings, "first-app")
    results = projects.send(
        [make_message("phone-slow1-1", program_id=world.program_id), *(make_message(f"phone-{n}") for n in range(9))]
    )
    assert [result.outcome for result in results] == ["sent"] * 10
