"""The life of a campaign, whatever people and the engine do in whatever order: no illegal step, no half start."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

import tests.world as worlds
from app import clock, ids
from app.db import Database, Session
from app.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from app.models import Campaign, CampaignRun, Event, Member, Program, Staff
from app.services import campaign_states, campaigns

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
THRESHOLD = 2
WORDS = {"title": "Bonjour", "body": 'Un café, {{ first_name | "l\'ami" }} ?'}
REFUSALS = (ConflictError, ForbiddenError, InvalidError, NotFoundError)
OPEN = ("making", "running", "paused")
SENDING = ("making", "running")
MOVES = {
    "draft": {"awaiting_approval", "scheduled", "archived"},
    "awaiting_approval": {"scheduled", "running", "finished", "draft", "paused", "cancelled"},
    "scheduled": {"running", "paused", "cancelled"},
    "running": {"paused", "finished", "cancelled"},
    "paused": {"scheduled", "running", "awaiting_approval", "finished", "cancelled"},
    "finished": {"archived"},
    "cancelled": {"archived"},
    "archived": set[str](),
}
"""From where a campaign may go where, as the issue says it."""
SCHEDULES: dict[str, dict[str, Any]] = {
    "at once": {},
    "later": {"schedule": {"at": (START + timedelta(days=2)).isoformat()}},
    "weekly": {"schedule": {"cron": "0 18 * * 5"}},
    "triggered": {"trigger": {"event": "member.joined"}},
}


class CampaignLife(RuleBasedStateMachine):
    """Three people and the engine act on one campaign in the real database."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.statuses = ["draft"]
        self.people: list[UUID] = []
        self.large = False

    @initialize(kind=st.sampled_from(sorted(SCHEDULES)), large=st.booleans())
    def begin(self, kind: str, large: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        self.large = large
        world = worlds.make_world(self.database)
        self.program_id = world.program_id
        with clock.held(self.now), self.database.transaction(self.program_id) as session:
            session.get_one(Program, self.program_id).campaign_settings = {"approval_above": THRESHOLD}
            session.add_all(Member(joined_at=self.now) for _ in range(3 if large else 1))
            worlds.make_staff(session, role="owner")
            self.people = list(session.scalars(select(Staff.id).where(Staff.role != "cashier").order_by(Staff.id)))
            content = {"name": "A", "content": {"fr": WORDS, "en": WORDS}}
            document = {"channels": ["console"], "variants": [content], **SCHEDULES[kind]}
            self.campaign_id = campaigns.create(session, name="Avent", document=document, staff_id=self.people[0]).id

    def act(self, step: Any) -> bool:
        """Do one thing in a transaction of its own, as a request does; say whether it was done."""
        with clock.held(self.now):
            try:
                with self.database.transaction(self.program_id) as session:
                    campaign = campaigns.hold(session, self.campaign_id)
                    step(session, campaign)
            except REFUSALS:
                return False
        return True

    def stands(self) -> tuple[Campaign, list[CampaignRun]]:
        with self.database.transaction(self.program_id) as session:
            runs = session.scalars(select(CampaignRun).order_by(CampaignRun.id)).all()
            return session.get_one(Campaign, self.campaign_id), list(runs)

    def alive(self) -> bool:
        return self.statuses[-1] != "archived"

    @precondition(alive)
    @rule(who=st.integers(0, 2), confirm=st.booleans())
    def schedule(self, who: int, confirm: bool) -> None:  # noqa: FBT001
        done = self.act(lambda session, campaign: campaign_states.schedule(
            session, campaign, staff_id=self.people[who], confirm_all=confirm
        ))  # fmt: skip
        assert not done or self.statuses[-1] == "draft"

    @precondition(alive)
    @rule(who=st.integers(0, 2), stale=st.booleans())
    def approve(self, who: int, stale: bool) -> None:  # noqa: FBT001
        before, _ = self.stands()
        version = before.version - stale
        done = self.act(lambda session, campaign: campaign_states.approve(
            session, campaign, staff_id=self.people[who], version=version
        ))  # fmt: skip
        if done and before.status == "awaiting_approval":
            assert version == before.version
            assert self.people[who] not in {before.created_by, before.scheduled_by}
            assert ids.show("staff", self.people[who]) not in before.authors

    @precondition(alive)
    @rule(again=st.booleans())
    def pause(self, again: bool) -> None:  # noqa: FBT001
        done = self.act(campaign_states.pause)
        if done and again:
            assert self.act(campaign_states.pause)

    @precondition(alive)
    @rule(who=st.integers(0, 2))
    def resume(self, who: int) -> None:
        self.act(lambda session, campaign: campaign_states.resume(session, campaign, staff_id=self.people[who]))

    @precondition(alive)
    @rule()
    def cancel(self) -> None:
        if self.act(campaign_states.cancel):
            assert self.act(campaign_states.cancel)
            campaign, runs = self.stands()
            assert campaign.status == "cancelled"
            assert not [run for run in runs if run.state in OPEN]

    @precondition(alive)
    @rule(who=st.integers(0, 2), percent=st.integers(0, 50))
    def change(self, who: int, percent: int) -> None:
        before, _ = self.stands()
        done = self.act(lambda session, campaign: campaigns.change(
            session, campaign, values={"holdout_percent": percent}, staff_id=self.people[who]
        ))  # fmt: skip
        after, _ = self.stands()
        assert not done or before.status in {"draft", "awaiting_approval", "paused"}
        assert (after.version > before.version) == (after.definition != before.definition)

    @precondition(lambda self: self.statuses[-1] in {"draft", "finished", "cancelled"})
    @rule()
    def archive(self) -> None:
        assert self.act(lambda _session, campaign: campaigns.archive(campaign))

    @rule(hours=st.integers(1, 96))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def engine_begins(self) -> None:
        self.act(_begin_due)

    @rule(made=st.booleans())
    def engine_goes_on(self, made: bool) -> None:  # noqa: FBT001
        self.act(lambda session, campaign: _go_on(session, campaign, made=made))

    @invariant()
    def it_went_only_where_it_may(self) -> None:
        if not self.people:
            return
        campaign, _ = self.stands()
        if campaign.status != self.statuses[-1]:
            assert campaign.status in MOVES[self.statuses[-1]], (self.statuses, campaign.status)
            self.statuses.append(campaign.status)

    @invariant()
    def status_and_runs_agree(self) -> None:
        if not self.people:
            return
        campaign, runs = self.stands()
        if campaign.status in {"draft", "scheduled"}:
            assert runs == []
        if campaign.status != "running":
            assert not [run for run in runs if run.state in SENDING], campaign.status
        if campaign.status == "running":
            assert not [run for run in runs if run.state == "paused"]
        if campaign.status == "scheduled":
            assert campaign.next_run_at is not None
        if campaign.status in {"draft", "cancelled", "archived"}:
            assert campaign.next_run_at is None

    @invariant()
    def what_goes_to_many_was_approved_by_another(self) -> None:
        if not self.people or not self.large:
            return
        campaign, runs = self.stands()
        if campaign.status in {"scheduled", "running"}:
            assert campaign.approved_by is not None
            assert campaign.approved_version == campaign.version
            assert ids.show("staff", campaign.approved_by) not in campaign.authors
        assert not runs or "awaiting_approval" in self.statuses

    def teardown(self) -> None:
        if not self.people:
            return
        with self.database.transaction(self.program_id) as session:
            kinds = list(session.scalars(select(Event.kind).where(Event.kind.like("campaign.%")).order_by(Event.id)))
        assert kinds.count("campaign.scheduled") <= 1 + self.statuses.count("draft")
        assert kinds.count("campaign.cancelled") == ("cancelled" in self.statuses)


def _begin_due(session: Session, campaign: Campaign) -> None:
    """Begin the due run, as `notifications.campaigns` does."""
    due = campaign.next_run_at
    if campaign.status not in {"scheduled", "running"} or due is None or due > clock.now():
        return
    session.add(CampaignRun(campaign_id=campaign.id, starts_at=due, definition=campaign.definition))
    campaign.status, campaign.next_run_at = "running", None
    if campaign.kind == "recurring":
        campaign.next_run_at = clock.now() + timedelta(days=7)


def _go_on(session: Session, campaign: Campaign, *, made: bool) -> None:
    """Make the rows of open runs, or finish those whose rows are made; a triggered run stays."""
    for run in campaign_states.open_runs(session, campaign):
        if run.state == "making" and made:
            run.state, run.made_at = "running", clock.now()
        elif run.state == "running" and not made and campaign.kind != "triggered":
            run.state, run.finished_at = "finished", clock.now()
    session.flush()
    if campaign.status == "running" and campaign.next_run_at is None:
        left = campaign_states.open_runs(session, campaign)
        campaign.status = campaign.status if left else "finished"


def test_a_campaign_lives_by_its_law(database: Database) -> None:
    class Life(CampaignLife):
        pass

    Life.database = database
    case = Life.TestCase
    case.settings = settings(
        max_examples=25, stateful_step_count=25, deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )  # fmt: skip
    case().runTest()
