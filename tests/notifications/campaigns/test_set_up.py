"""What people set up over HTTP is what the engine sends: tests, the campaign itself, and what it holds back."""

import threading
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import select, update

from app import clock, ids
from app.config import Settings
from app.models import CampaignRun, Member, Program, SegmentMember
from notifications.campaigns import making, ticking
from tests.world import World
from tests.world_campaigns import VARIANTS, act, make_campaign, make_segment
from tests.world_engine import campaign_now, drainer_of, make_audience, run_now, states_of, withdraw
from tests.world_notifications import ScriptedChannel
from tests.world_segments import make_segment as make_static

MIDNIGHT_IN_PARIS = datetime(2027, 3, 9, 23, tzinfo=UTC)


def runs(world: World) -> list[CampaignRun]:
    with world.database.transaction(world.program_id) as session:
        return list(session.scalars(select(CampaignRun).order_by(CampaignRun.id)))


def drained(world: World, settings: Settings, run: CampaignRun, members: list[UUID]) -> list[str]:
    """Send what is due of a run to these members' phones and return the bodies."""
    channel = ScriptedChannel([f"phone-{member.hex}-0" for member in members])
    drainer_of(world.database, channel, settings=settings).drain(run.id, "push")
    return [message.body for message in channel.sent]


def test_a_test_reaches_the_named_member_and_leaves_the_campaign_a_draft(
    client: FlaskClient, world: World, settings: Settings
) -> None:
    named, *_others = make_audience(world, 3)
    campaign = make_campaign(client, world, channels=["push"])

    act(client, world, campaign, "test", to=[ids.show("member", named)])
    (run,) = runs(world)
    sent = drained(world, settings, run, [named])
    ticking.finish_done(world.database)

    assert sent == ["Bonjour Zoé !"]
    assert states_of(world, run.id) == {"sent": 1}
    assert run_now(world, run.id).state == "finished"
    assert campaign_now(world, run.campaign_id).status == "draft"


def test_a_test_comes_at_night_above_the_cap_and_at_once(client: FlaskClient, world: World, settings: Settings) -> None:
    named, refusing = make_audience(world, 2, timezone="Europe/Paris")
    withdraw(world, refusing)
    restrain(world, caps={"push": {"messages": 1, "days": 7}}, quiet_hours={"from": "21:00", "to": "08:00"})
    campaign = make_campaign(
        client, world, channels=["push"], rate_per_minute=1, caps={"messages": 1, "days": 7},
        send_window={"from": "10:00", "to": "11:00"}, variants=[{**VARIANTS[0], "name": name} for name in "AB"],
    )  # fmt: skip
    with clock.held(MIDNIGHT_IN_PARIS):
        act(client, world, campaign, "test", to=[ids.show("member", one) for one in (named, refusing)])

        sent = [body for run in runs(world) for body in drained(world, settings, run, [named, refusing])]

    assert sent == ["Bonjour Zoé !"] * 2
    assert [states_of(world, run.id) for run in runs(world)] == [{"sent": 1, "skipped/no_consent": 1}] * 2


def test_a_campaign_goes_to_its_segment_and_a_paused_one_to_nobody(
    client: FlaskClient, world: World, settings: Settings
) -> None:
    members = make_audience(world, 4)
    tag(world, members[:3])
    campaign = make_campaign(client, world, channels=["push"], segment_id=make_segment(client, world))
    act(client, world, campaign, "schedule")
    ticking.start_due(world.database)
    (run,) = runs(world)
    making.make(world.database, run.id)

    act(client, world, campaign, "pause")
    while_paused = drained(world, settings, run, members)
    act(client, world, campaign, "resume")
    after = drained(world, settings, run, members)
    ticking.finish_done(world.database)

    assert (while_paused, after) == ([], ["Bonjour Zoé !"] * 3)
    assert campaign_now(world, run.campaign_id).status == "finished"


def test_a_segment_that_is_edited_meanwhile_changes_no_run_that_is_being_made(
    client: FlaskClient, world: World
) -> None:
    members = make_audience(world, 6)
    tag(world, [*members[:2], *members[4:]])
    segment = make_segment(client, world)
    campaign = make_campaign(client, world, channels=["push"], segment_id=segment)
    act(client, world, campaign, "schedule")
    ticking.start_due(world.database)
    (run,) = runs(world)

    making.make(world.database, run.id, StopAfter(1), chunk=2)
    edit(client, world, segment, {"kind": "tag", "tags": ["nobody"]})
    half = states_of(world, run.id)
    making.make(world.database, run.id, chunk=2)

    assert (half, states_of(world, run.id)) == ({"queued": 2}, {"queued": 4})
    assert run_now(world, run.id).definition["audience"] == {
        "where": {"kind": "tag", "tags": ["regular"]}, "segment": {"id": segment, "version": 1},
    }  # fmt: skip
    assert campaign_now(world, run.campaign_id).definition["audience"] == {"segment_id": segment}


def test_who_is_added_to_a_static_list_while_rows_are_made_is_reached(client: FlaskClient, world: World) -> None:
    members = make_audience(world, 4)
    segment = ids.show("segment", make_list(world, members=members[:2]))
    campaign = make_campaign(client, world, channels=["push"], segment_id=segment)
    act(client, world, campaign, "schedule")
    ticking.start_due(world.database)
    (run,) = runs(world)

    making.make(world.database, run.id, StopAfter(1), chunk=2)
    with world.database.transaction(world.program_id) as session:
        session.add(SegmentMember(segment_id=ids.parse("segment", segment), member_id=members[3]))
    making.make(world.database, run.id, chunk=2)

    assert states_of(world, run.id) == {"queued": 3}


def test_an_audience_that_grew_after_the_scheduling_is_not_written_to(client: FlaskClient, world: World) -> None:
    members = make_audience(world, 4)
    tag(world, members[:1])
    with world.database.transaction(world.program_id) as session:
        session.get_one(Program, world.program_id).campaign_settings = {"approval_above": 2}
    campaign = make_campaign(client, world, channels=["push"], segment_id=make_segment(client, world))
    act(client, world, campaign, "schedule")

    tag(world, members)
    ticking.start_due(world.database)
    held = client.get(f"/v1/campaigns/{campaign['id']}", headers=world.as_("owner")).json
    act(client, world, campaign, "approve", who="owner", version=1)
    ticking.start_due(world.database)

    assert held["status"] == "awaiting_approval"
    assert [run.state for run in runs(world)] == ["making"]


class StopAfter(threading.Event):
    """A worker's wish to stop, which comes when so many ranges are made."""

    def __init__(self, ranges: int) -> None:
        super().__init__()
        self._left = ranges

    def is_set(self) -> bool:
        """Count down."""
        self._left -= 1
        return self._left < 0


def edit(client: FlaskClient, world: World, segment: str, where: dict[str, Any]) -> None:
    path, headers = f"/v1/segments/{segment}", world.as_("marketer")
    etag = client.get(path, headers=headers).headers["ETag"]
    answer = client.patch(path, json={"where": where}, headers=headers | {"If-Match": etag})
    assert answer.status_code == 200, answer.json


def make_list(world: World, *, members: list[UUID]) -> UUID:
    segment = make_static(world)
    with world.database.transaction(world.program_id) as session:
        session.add_all(SegmentMember(segment_id=segment, member_id=one) for one in members)
    return segment


def restrain(world: World, **rules: Any) -> None:
    with world.database.transaction(world.program_id) as session:
        session.get_one(Program, world.program_id).campaign_settings = rules


def tag(world: World, members: list[UUID]) -> None:
    with world.database.transaction(world.program_id) as session:
        session.execute(update(Member).where(Member.id.in_(members)).values(tags=["regular"]))
