"""The life of a campaign, whatever people and the engine do in whatever order: no illegal step, no half start."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from app import clock
from app.db import Database, Session
from app.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from app.models import Campaign, CampaignRun, Event, Member, Program, Staff
from app.services import campaign_states, campaigns
from tests.world import World, make_staff, make_world

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
WHO = st.integers(0, 2)
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
        self.authors: set[UUID] = set()
        self.large = False

    @initialize(kind=st.sampled_from(sorted(SCHEDULES)), large=st.booleans())
    def begin(self, kind: str, large: bool) -> None:  # noqa: FBT001 - hypothesis passes by name
        self.large = large
        world = make_world(self.database)
        self.program_id = world.program_id
        with clock.held(self.now), self.database.transaction(self.program_id) as session:
            session.get_one(Program, self.program_id).campaign_settings = {"approval_above": THRESHOLD}
            session.add_all(Member(joined_at=self.now) for _ in range(3 if large else 1))
            make_staff(session, role="owner")
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

    def is_in(*statuses: str) -> Any:
        """Let a rule act only where it has something to do, so that a few steps lead far."""
        return precondition(lambda self: self.statuses[-1] in statuses)

    @is_in("draft")
    @rule(who=WHO)
    def schedule(self, who: int) -> None:
        self.act(lambda session, campaign: campaign_states.schedule(
            session, campaign, staff_id=self.people[who], confirm_all=True
        ))  # fmt: skip

    @is_in("awaiting_approval")
    @rule(who=WHO, stale=st.booleans())
    def approve(self, who: int, stale: bool) -> None:  # noqa: FBT001
        before, _ = self.stands()
        version = before.version - stale
        done = self.act(lambda session, campaign: campaign_states.approve(
            session, campaign, staff_id=self.people[who], version=version
        ))  # fmt: skip
        if done:
            assert version == before.version
            assert self.people[who] not in self.authors

    @is_in("scheduled", "running")
    @rule()
    def pause(self) -> None:
        assert self.act(campaign_states.pause)
        assert self.act(campaign_states.pause)

    @is_in("paused")
    @rule(who=WHO)
    def resume(self, who: int) -> None:
        self.act(lambda session, campaign: campaign_states.resume(session, campaign, staff_id=self.people[who]))

    @is_in("draft", "awaiting_approval", "paused")
    @rule(who=WHO, percent=st.integers(0, 50))
    def change(self, who: int, percent: int) -> None:
        before, _ = self.stands()
        done = self.act(lambda session, campaign: campaigns.change(
            session, campaign, values={"holdout_percent": percent}, staff_id=self.people[who]
        ))  # fmt: skip
        after, _ = self.stands()
        assert (after.version > before.version) == (after.definition != before.definition)
        if done and after.version > before.version:
            self.authors.add(self.people[who])

    @is_in("scheduled", "running")
    @rule()
    def engine_begins(self) -> None:
        campaign, _ = self.stands()
        self.now = max(self.now, campaign.next_run_at or self.now)
        assert self.act(_begin_due)

    @is_in("running")
    @rule(made=st.booleans())
    def engine_goes_on(self, made: bool) -> None:  # noqa: FBT001
        assert self.act(lambda session, campaign: _go_on(session, campaign, made=made))

    @rule(what=st.sampled_from(["schedule", "approve", "pause", "resume", "cancel", "change", "archive", "wait"]))
    def anything(self, what: str) -> None:
        """Do anything wherever the campaign stands: what may not be done is refused and changes nothing."""
        before, runs = self.stands()
        steps: dict[str, Any] = {
            "schedule": lambda session, campaign: campaign_states.schedule(session, campaign, staff_id=self.people[0]),
            "approve": lambda session, campaign: campaign_states.approve(
                session, campaign, staff_id=self.people[0], version=campaign.version
            ),
            "pause": campaign_states.pause,
            "resume": lambda session, campaign: campaign_states.resume(session, campaign, staff_id=self.people[0]),
            "cancel": campaign_states.cancel,
            "change": lambda session, campaign: campaigns.change(session, campaign, values={"channels": ["inbox"]}),
            "archive": lambda _session, campaign: campaigns.archive(campaign),
        }
        if what == "wait":
            self.now += timedelta(hours=36)
            return
        if not self.act(steps[what]):
            after, left = self.stands()
            assert (after.status, after.version, after.next_run_at) == (
                before.status, before.version, before.next_run_at,
            )  # fmt: skip
            assert [run.state for run in left] == [run.state for run in runs]

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
            assert campaign.approved_by not in self.authors
            assert campaign.approved_by != campaign.scheduled_by
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


def test_an_audience_that_grew_after_the_scheduling_wants_a_second_person(world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        session.get_one(Program, world.program_id).campaign_settings = {"approval_above": THRESHOLD}
        session.add(Member(joined_at=START))
        content = {"name": "A", "content": {"fr": WORDS, "en": WORDS}}
        campaign = campaigns.create(session, name="A", document={"channels": ["console"], "variants": [content]})
        campaign_states.schedule(session, campaign, confirm_all=True)
        few = campaign_states.hold_back(session, campaign)
        session.add_all(Member(joined_at=START) for _ in range(THRESHOLD))
        session.flush()
        many = campaign_states.hold_back(session, campaign)
        waiting = (campaign.status, campaign.next_run_at)
        owner = session.scalars(select(Staff.id).where(Staff.role == "owner")).one()
        campaign_states.approve(session, campaign, staff_id=owner, version=1)
        approved = campaign_states.hold_back(session, campaign)

    assert (few, many, approved) == (False, True, False)
    assert waiting == ("awaiting_approval", None)
    assert campaign.status == "scheduled"


def test_a_draft_has_no_hour_even_if_it_was_scheduled_paused_and_resumed_before(world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        session.get_one(Program, world.program_id).campaign_settings = {"approval_above": 0}
        session.add(Member(joined_at=START))
        content = {"name": "A", "content": {"fr": WORDS, "en": WORDS}}
        document = {"channels": ["console"], "variants": [content], "schedule": {"cron": "0 9 * * *"}}
        campaign = campaigns.create(session, name="A", document=document)
        campaign_states.schedule(session, campaign, confirm_all=True)
        owner = session.scalars(select(Staff.id).where(Staff.role == "owner")).one()
        campaign_states.approve(session, campaign, staff_id=owner, version=campaign.version)
        campaign_states.pause(session, campaign)
        campaigns.change(session, campaign, values={"holdout_percent": 1})
        campaign_states.resume(session, campaign)
        waiting = campaign.status
        campaigns.change(session, campaign, values={"holdout_percent": 2})

    assert (waiting, campaign.status, campaign.next_run_at) == ("awaiting_approval", "draft", None)


def test_a_campaign_lives_by_its_law(database: Database) -> None:
    class Life(CampaignLife):
        pass

    Life.database = database
    case = Life.TestCase
    case.settings = settings(
        max_examples=15, stateful_step_count=20, deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )  # fmt: skip
    case().runTest()
