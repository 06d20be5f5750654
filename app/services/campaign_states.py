"""The life of a campaign: scheduled, approved, paused, resumed, cancelled.

    draft ─schedule→ awaiting_approval ─approve→ scheduled ─(engine)→ running ─(engine)→ finished
      └────schedule──────────────────────────────↗   ↕ pause, resume ↕
    cancel: from any of these but draft and finished

A step sets the campaign's status and the state of its open runs in one transaction, so that no worker sees one without
the other; workers read the run's state with each claim. Steps expect the campaign to be held.
"""

from uuid import UUID

from sqlalchemy import func, select

from app import clock, ids
from app.db import Session
from app.errors import ConflictError, ForbiddenError
from app.models import Campaign, CampaignRun, Member, Program
from app.offers import schedules
from app.parameters import Errors
from app.services import campaign_settings, campaigns, events, programs, segments
from app.services.campaigns import OPEN_RUNS, need_status

EVERYBODY_FROM = 100
"""In a smaller programme a segment often holds all members, and no harm is done."""


class CampaignReachesNobodyError(ConflictError):
    """No member is in the audience."""

    slug = "campaign-reaches-nobody"
    title = "The campaign would reach nobody"


class CampaignReachesEverybodyError(ConflictError):
    """Every member is in the audience, and nobody said that this is meant; `recipients` says how many."""

    slug = "campaign-reaches-everybody"
    title = "The campaign would reach everybody"


class CampaignChangedError(ConflictError):
    """The campaign is not the version that was read; `version` says which it is."""

    slug = "campaign-changed"
    title = "The campaign was changed"


class ApprovalByAnotherError(ForbiddenError):
    """Who made, changed or scheduled a campaign does not approve it."""

    slug = "approval-by-another"
    title = "Somebody else has to approve it"


def schedule(
    session: Session,
    campaign: Campaign,
    *,
    staff_id: UUID | None = None,
    confirm_all: bool = False,
    faults: Errors | None = None,
) -> Campaign:
    """Let a draft go ahead at its time; above the programme's threshold it waits for another person first.

    `faults` are what was found wrong with its addresses, for which no transaction waits. Raises CampaignStateError,
    CampaignNotReadyError, CampaignReachesNobodyError, and CampaignReachesEverybodyError without `confirm_all`.
    """
    need_status(campaign, ("draft",), "scheduled")
    program = programs.get(session)
    campaigns.check_ready(session, campaign, program, faults=faults)
    count = campaigns.recipients(session, campaign.definition)
    # A trigger finds its members one by one, some of them in years.
    if campaign.kind != "triggered":
        _check_reach(session, campaign, count, confirm_all=confirm_all)
    campaign.scheduled_by = staff_id
    campaigns.sign(campaign, staff_id)
    if needs_approval(program, count):
        _move(session, campaign, "awaiting_approval")
    else:
        _go_on(session, campaign, program, "campaign.scheduled")
    return campaign


def _check_reach(session: Session, campaign: Campaign, count: int, *, confirm_all: bool) -> None:
    if count == 0:
        raise CampaignReachesNobodyError("No member is in its audience now: change `segment_id` or `where`.")
    if confirm_all:
        return
    named = bool(campaign.definition.get("audience"))
    if named and (count < EVERYBODY_FROM or count < _members(session)):
        return
    detail = f"It would go to all {count:,} members: name an audience, or send `confirm_all: true`."
    raise CampaignReachesEverybodyError(detail, recipients=count)


def _members(session: Session) -> int:
    with segments.in_time():
        query = select(func.count()).select_from(Member).where(Member.program_id == session.program)
        return int(session.scalar(query) or 0)


def needs_approval(program: Program, count: int) -> bool:
    """Return whether so many recipients want a second person."""
    above = campaign_settings.approval_above(program)
    return above is not None and count > above


def hold_back(session: Session, campaign: Campaign) -> bool:
    """Let a due campaign wait for a second person when its audience grew above the threshold since it was let go.

    The engine asks before each run of a held campaign, so that a list that is filled after the scheduling is no way
    around an approval. Returns whether it waits now.
    """
    let_go_by_one = campaign.approved_version == campaign.version and campaign.approved_by is None
    program = programs.get(session)
    if not let_go_by_one or campaign_settings.approval_above(program) is None:
        return False
    if not needs_approval(program, campaigns.recipients(session, campaign.definition)):
        return False
    for run in open_runs(session, campaign):
        run.state = "paused"
    campaign.next_run_at = None
    _move(session, campaign, "awaiting_approval", "campaign.paused")
    return True


def approve(session: Session, campaign: Campaign, *, staff_id: UUID, version: int) -> Campaign:
    """Let a campaign go that waits for a second person; doing it twice is doing it once.

    Raises CampaignStateError, CampaignChangedError when `version` is not the one that stands, ApprovalByAnotherError,
    and CampaignNotReadyError when its time is over meanwhile.
    """
    done = (campaign.approved_by, campaign.approved_version) == (staff_id, version)
    if done and campaign.status in {"scheduled", "running"}:
        return campaign
    need_status(campaign, ("awaiting_approval",), "approved")
    if version != campaign.version:
        detail = f"It is at version {campaign.version} now: read it again, then approve it."
        raise CampaignChangedError(detail, version=campaign.version)
    if ids.show("staff", staff_id) in campaign.authors or staff_id in {campaign.created_by, campaign.scheduled_by}:
        raise ApprovalByAnotherError("You made, changed or scheduled it: ask somebody else to approve it.")
    begun = bool(campaigns.own_runs(session, campaign))
    campaign.approved_by = staff_id
    _go_on(session, campaign, programs.get(session), "campaign.resumed" if begun else "campaign.scheduled")
    return campaign


def pause(session: Session, campaign: Campaign) -> Campaign:
    """Stop a campaign until it is resumed: nothing is claimed from now on. Raises CampaignStateError."""
    if campaign.status == "paused":
        return campaign
    need_status(campaign, ("scheduled", "running"), "paused")
    for run in open_runs(session, campaign):
        run.state = "paused"
    _move(session, campaign, "paused", "campaign.paused")
    return campaign


def resume(
    session: Session, campaign: Campaign, *, staff_id: UUID | None = None, faults: Errors | None = None
) -> Campaign:
    """Let a paused campaign go on where it was; one that was changed meanwhile may wait for approval again.

    Runs that were missed are not made up for. Raises CampaignStateError, and CampaignNotReadyError when it has not
    begun and its time is over, or has `faults` in what was changed.
    """
    if campaign.status in {"scheduled", "running"}:
        return campaign
    need_status(campaign, ("paused",), "resumed")
    program = programs.get(session)
    changed = campaign.approved_version != campaign.version
    if changed:
        campaigns.refuse(faults or [])
    if changed and needs_approval(program, campaigns.recipients(session, campaign.definition)):
        campaign.scheduled_by = staff_id
        campaigns.sign(campaign, staff_id)
        _move(session, campaign, "awaiting_approval")
        return campaign
    _go_on(session, campaign, program, "campaign.resumed")
    return campaign


def _go_on(session: Session, campaign: Campaign, program: Program, event: str) -> None:
    """Let a campaign go for the first time, or on from where its runs were."""
    campaign.approved_version = campaign.version
    schedule, now = campaign.definition.get("schedule", {}), clock.now()
    if not campaigns.own_runs(session, campaign):
        campaigns.check_ready(session, campaign, program)
        campaign.next_run_at = schedules.first_run(schedule, now=now, zone=program.timezone)
        _move(session, campaign, "scheduled", event)
        return
    going = open_runs(session, campaign)
    for run in going:
        run.state = "running" if run.made_at is not None else "making"
    campaign.next_run_at = schedules.next_run(schedule, after=now, zone=program.timezone)
    if any(run.definition.get("test") is None for run in going) or campaign.next_run_at is not None:
        _move(session, campaign, "running", event)
    else:
        # All that it had begun was done while it was paused.
        _move(session, campaign, "finished", "campaign.finished")


def cancel(session: Session, campaign: Campaign) -> Campaign:
    """Stop a campaign for good: what was not sent is not sent any more. Raises CampaignStateError."""
    if campaign.status == "cancelled":
        return campaign
    need_status(campaign, ("awaiting_approval", "scheduled", "running", "paused"), "cancelled")
    campaign.next_run_at = None
    # The engine settles their messages, and then says when they were finished.
    for run in open_runs(session, campaign):
        run.state = "cancelled"
    _move(session, campaign, "cancelled", "campaign.cancelled")
    return campaign


def open_runs(session: Session, campaign: Campaign) -> list[CampaignRun]:
    """Return the runs of a held campaign that may send or be resumed, test sends among them, held too."""
    query = (
        select(CampaignRun)
        .where(CampaignRun.campaign_id == campaign.id, CampaignRun.state.in_(OPEN_RUNS))
        .order_by(CampaignRun.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(query))


def _move(session: Session, campaign: Campaign, status: str, event: str | None = None) -> None:
    campaign.status, campaign.updated_at = status, clock.now()
    if event is not None:
        events.publish(session, kind=event, data={"campaign": ids.show("campaign", campaign.id)})
    session.flush()
