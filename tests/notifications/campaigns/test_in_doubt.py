"""A push that may have been sent, and is not sent again after all, is `unknown`: nobody can say it was not sent."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app import clock
from app.config import Settings
from app.models import CampaignDelivery, CampaignRun
from notifications.campaigns import ticking
from notifications.campaigns.verdicts import ATTEMPTS_MAX
from notifications.channels.protocol import SendResult
from tests.world import World
from tests.world_engine import begin, drainer_of, make_audience, set_run, withdraw
from tests.world_notifications import ScriptedChannel

LOST = SendResult(outcome="unknown", reason="timeout")
REFUSED = SendResult(outcome="retry", reason="unavailable")
DAY = timedelta(days=1)


def cancel(world: World, run_id: UUID, _member: UUID) -> None:
    set_run(world, run_id, "cancelled")
    ticking.settle_cancelled(world.database)


def lose_consent(world: World, _run_id: UUID, member: UUID) -> None:
    withdraw(world, member)


def stay_quiet(world: World, run_id: UUID, _member: UUID) -> None:
    with world.database.transaction(world.program_id) as session:
        run = session.scalars(select(CampaignRun).where(CampaignRun.id == run_id)).one()
        hours = {"quiet_hours": {"from": "08:00", "to": "20:00"}, "send_window": {"from": "10:00", "to": "12:00"}}
        run.definition = run.definition | hours


def wear_out(world: World, run_id: UUID, _member: UUID) -> None:
    """Let it be the last attempt, which is refused for certain."""
    with world.database.transaction(world.program_id) as session:
        of_run = update(CampaignDelivery).where(CampaignDelivery.run_id == run_id)
        session.execute(of_run.values(attempts=ATTEMPTS_MAX))


@pytest.mark.parametrize(
    ("happens", "otherwise"),
    [(cancel, "cancelled"), (lose_consent, "skipped"), (stay_quiet, "skipped"), (wear_out, "failed")],
)
@pytest.mark.parametrize("first", [LOST, REFUSED])
def test_what_may_have_been_sent_is_never_said_not_to_have_been(
    world: World,
    settings: Settings,
    first: SendResult,
    happens: Callable[[World, UUID, UUID], None],
    otherwise: str,
) -> None:
    with clock.held(clock.now()):
        (member,) = make_audience(world, 1)
        run_id = begin(world)
        phone = f"phone-{member.hex}-0"
        channel = ScriptedChannel([phone], {phone: [first, REFUSED, REFUSED]})
        drainer = drainer_of(world.database, channel, settings=settings)
        # Tried again, and surely not sent this time: the first attempt is not forgotten.
        for _ in range(2):
            drainer.drain(run_id, "push")
            clock.advance(DAY)
        assert row_of(world, run_id).state == "queued"

        happens(world, run_id, member)
        drainer.drain(run_id, "push")

        row = row_of(world, run_id)
        if first is LOST:
            assert (row.state, row.reason) == ("unknown", "timeout")
        else:
            assert (row.state, row.reason == "timeout") == (otherwise, False)


def row_of(world: World, run_id: UUID) -> CampaignDelivery:
    with world.database.transaction(world.program_id) as session:
        return session.scalars(select(CampaignDelivery).where(CampaignDelivery.run_id == run_id)).one()
