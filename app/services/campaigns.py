"""Use cases of campaigns as they are set up: written, changed, counted, checked before they are scheduled, archived.

Who changes a campaign holds its row first, and then those of its runs; the engine does the same.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app import clock, ids, parameters
from app.db import Session
from app.errors import ConflictError, InvalidError, NotFoundError
from app.models import Campaign, CampaignRun, Member, Program, Reward, Segment
from app.offers import definitions, earlier, triggers
from app.parameters import Errors
from app.services import programs, references, segments

CHANGEABLE = ("draft", "awaiting_approval", "paused")
OPEN_RUNS = ("making", "running", "paused")


class CampaignStateError(ConflictError):
    """The status does not allow it; `campaign_status` says which it is, `allowed` from which it may be done."""

    slug = "campaign-state"
    title = "Not possible in the campaign's status"


class CampaignNotReadyError(InvalidError):
    """Something is missing or over, so the campaign cannot be scheduled; `errors` points into the campaign."""

    slug = "campaign-not-ready"
    title = "The campaign is not ready"


def need_status(campaign: Campaign, allowed: tuple[str, ...], verb: str) -> None:
    """Raise CampaignStateError unless the campaign has one of the statuses."""
    if campaign.status not in allowed:
        detail = f"It is {campaign.status}: only {', '.join(allowed)} can be {verb}."
        raise CampaignStateError(detail, campaign_status=campaign.status, allowed=list(allowed))


def create(
    session: Session,
    *,
    name: str,
    document: Mapping[str, Any],
    priority: int = 0,
    staff_id: UUID | None = None,
) -> Campaign:
    """Write a draft as `POST /campaigns` takes it; it may lack parts. Raises InvalidError."""
    definition = _read(session, document, was=None)
    campaign = Campaign(
        name=name, kind=definitions.kind_of(definition), definition=definition, priority=priority,
        segment_id=_segment_id(definition), created_by=staff_id,
    )  # fmt: skip
    sign(campaign, staff_id)
    session.add(campaign)
    session.flush()
    return campaign


def sign(campaign: Campaign, staff_id: UUID | None) -> None:
    """Note who made, changed or scheduled the campaign."""
    if staff_id is not None:
        campaign.authors = sorted({*campaign.authors, ids.show("staff", staff_id)})


def get(session: Session, campaign_id: UUID) -> Campaign:
    """Return the campaign, also one that is archived; raise NotFoundError."""
    return _found(session, campaign_id, lock=False)


def hold(session: Session, campaign_id: UUID) -> Campaign:
    """Return a campaign, to be changed by nobody else until the transaction ends.

    Raises NotFoundError, also for one that is archived.
    """
    campaign = _found(session, campaign_id, lock=True)
    if campaign.status == "archived":
        raise NotFoundError("This campaign is archived.", campaign=ids.show("campaign", campaign_id))
    return campaign


def _found(session: Session, campaign_id: UUID, *, lock: bool) -> Campaign:
    query = select(Campaign).where(Campaign.id == campaign_id).execution_options(populate_existing=True)
    campaign = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if campaign is None:
        raise NotFoundError("No such campaign in this programme.", campaign=ids.show("campaign", campaign_id))
    return campaign


def page(session: Session, *, limit: int, after: UUID | None = None, status: str | None = None) -> list[Campaign]:
    """Return up to `limit` + 1 campaigns that are not archived (or of one status), oldest first, behind `after`."""
    query = select(Campaign).order_by(Campaign.id).limit(limit + 1)
    query = query.where(Campaign.status == status) if status else query.where(Campaign.status != "archived")
    if after is not None:
        query = query.where(Campaign.id > after)
    return list(session.scalars(query))


def runs(session: Session, campaign: Campaign, *, limit: int, after: UUID | None = None) -> list[CampaignRun]:
    """Return up to `limit` + 1 runs of a campaign, test sends among them, oldest first, behind `after`."""
    query = select(CampaignRun).where(CampaignRun.campaign_id == campaign.id).order_by(CampaignRun.id).limit(limit + 1)
    if after is not None:
        query = query.where(CampaignRun.id > after)
    return list(session.scalars(query))


def own_runs(session: Session, campaign: Campaign) -> list[CampaignRun]:
    """Return the runs of a held campaign that are no test sends, held too."""
    query = (
        select(CampaignRun)
        .where(CampaignRun.campaign_id == campaign.id, CampaignRun.definition["test"].is_(None))
        .order_by(CampaignRun.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(query))


def document(campaign: Campaign) -> dict[str, Any]:
    """Return the campaign's definition as people write it, with its name and priority."""
    return {"name": campaign.name, "priority": campaign.priority, **definitions.written(campaign.definition)}


def change(
    session: Session,
    campaign: Campaign,
    *,
    values: Mapping[str, Any],
    name: str | None = None,
    priority: int | None = None,
    staff_id: UUID | None = None,
) -> Campaign:
    """Set the given parts of a held campaign; None takes one away. Its version grows when its definition does.

    One that waits for approval is a draft again, and one that was approved is to be approved anew. What has begun
    keeps its kind: a recurring one says the new text from its next run on, a triggered one at once, and one that runs
    once cannot change any more. Raises InvalidError, CampaignStateError.
    """
    need_status(campaign, CHANGEABLE, "changed")
    given = {**definitions.written(campaign.definition), **values}
    # A segment takes the place of conditions, and the reverse.
    for one, other in (("segment_id", "where"), ("where", "segment_id")):
        if values.get(one) is not None and other not in values:
            given.pop(other, None)
    definition = _read(session, given, was=campaign.definition, fresh="schedule" in values)
    campaign.name = name if name is not None else campaign.name
    campaign.priority = priority if priority is not None else campaign.priority
    if definition != campaign.definition:
        _redefine(session, campaign, definition)
        sign(campaign, staff_id)
    campaign.updated_at = clock.now()
    session.flush()
    return campaign


def _redefine(session: Session, campaign: Campaign, definition: dict[str, Any]) -> None:
    begun = own_runs(session, campaign)
    kind = definitions.kind_of(definition)
    if begun and campaign.kind == "once":
        raise CampaignStateError(
            "It has begun, and runs once: cancel it and write another.", campaign_status=campaign.status
        )
    if begun and kind != campaign.kind:
        raise CampaignStateError(
            f"It has begun, and stays {campaign.kind}: write another.", campaign_status=campaign.status
        )
    for run in begun:
        if kind == "triggered" and run.state in OPEN_RUNS:
            of_step = definitions.of_step(definition, run.definition.get("step", 0))
            run.definition = earlier.changed(run.definition, of_step, at=clock.now())
    campaign.definition, campaign.kind, campaign.segment_id = definition, kind, _segment_id(definition)
    campaign.version += 1
    campaign.approved_by = campaign.approved_version = None
    if campaign.status == "awaiting_approval":
        campaign.status = "paused" if begun else "draft"
        if not begun:
            # It was scheduled, paused and resumed before: a draft has no hour.
            campaign.next_run_at = None


def archive(campaign: Campaign) -> None:
    """Put a held campaign away; what it sent stays in the report. Raises CampaignStateError while it may still send."""
    need_status(campaign, ("draft", "finished", "cancelled"), "archived")
    campaign.status, campaign.next_run_at, campaign.updated_at = "archived", None, clock.now()


def _read(
    session: Session, raw: Mapping[str, Any], *, was: Mapping[str, Any] | None, fresh: bool = True
) -> dict[str, Any]:
    """Read a definition and look up what it names; `fresh` says that its schedule is new and must not be over."""
    definition = definitions.load(raw)
    program = programs.get(session)
    errors = definitions.foreign(definition, program.locales)
    if fresh:
        errors += definitions.past(definition.get("schedule", {}), now=clock.now(), zone=program.timezone)
    for pointer, tree in definitions.trees(definition):
        _check_tree(session, tree, pointer, errors)
    errors += _unknown(session, definition, was or {})
    errors += _unknown_of_trigger(session, definition.get("trigger"), (was or {}).get("trigger"))
    parameters.refuse(errors)
    return definition


def _check_tree(session: Session, tree: Any, pointer: str, errors: Errors) -> None:
    try:
        segments.check_where(session, tree, pointer=pointer)
    except InvalidError as error:
        errors += error.errors


def _unknown(session: Session, definition: Mapping[str, Any], was: Mapping[str, Any]) -> Errors:
    """Return a fault for a segment or reward that the programme has not; what was named before may be archived."""
    errors: Errors = []
    segment_id = _segment_id(definition)
    if segment_id is not None and segment_id != _segment_id(was) and not _is_open_segment(session, segment_id):
        errors.append({"pointer": "#/segment_id", "detail": "is no segment of this programme"})
    reward_id = definition.get("reward_id")
    if reward_id is not None and reward_id != was.get("reward_id") and _reward_status(session, reward_id) is None:
        errors.append({"pointer": "#/reward_id", "detail": "is no reward of this programme"})
    return errors


def _unknown_of_trigger(session: Session, trigger: Mapping[str, Any] | None, was: Mapping[str, Any] | None) -> Errors:
    if trigger is None or trigger == was:
        return []
    try:
        references.check(session, triggers.references(trigger, "#/trigger"))
    except InvalidError as error:
        return error.errors
    return []


def _segment_id(definition: Mapping[str, Any]) -> UUID | None:
    text = definition.get("audience", {}).get("segment_id")
    return ids.parse("segment", text) if text is not None else None


def _is_open_segment(session: Session, segment_id: UUID) -> bool:
    query = select(Segment.id).where(Segment.id == segment_id, Segment.archived_at.is_(None))
    return session.scalars(query).one_or_none() is not None


def _reward_status(session: Session, reward_id: str) -> str | None:
    query = select(Reward.status).where(Reward.id == ids.parse("reward", reward_id), Reward.status != "archived")
    return session.scalars(query).one_or_none()


def check_ready(session: Session, campaign: Campaign, program: Program, *, faults: Errors | None = None) -> None:
    """Raise CampaignNotReadyError with all that keeps the campaign from being scheduled; `faults` are known already."""
    definition = campaign.definition
    errors = definitions.gaps(definition, locales=program.locales, now=clock.now(), zone=program.timezone)
    errors += faults or []
    errors += definitions.foreign(definition, program.locales)
    segment_id = _segment_id(definition)
    if segment_id is not None and not _is_open_segment(session, segment_id):
        errors.append({"pointer": "#/segment_id", "detail": "is archived"})
    reward_id = definition.get("reward_id")
    if reward_id is not None and _reward_status(session, reward_id) != "live":
        errors.append({"pointer": "#/reward_id", "detail": "is not live, so that nobody could have it"})
    for pointer, tree in definitions.trees(definition):
        _check_tree(session, tree, pointer, errors)
    refuse(errors)


def refuse(faults: Errors) -> None:
    """Raise CampaignNotReadyError when there are faults."""
    if faults:
        first = faults[0]
        raise CampaignNotReadyError(f"{first['pointer']} {first['detail']}", errors=faults)


def recipients(session: Session, definition: Mapping[str, Any]) -> int:
    """Return how many members the audience holds now, whether or not a channel reaches them.

    Raises SegmentTooSlowError.
    """
    clause = segments.audience(session, definition.get("audience", {}))
    query = select(func.count()).select_from(Member).where(Member.program_id == session.program, clause)
    with segments.in_time():
        return int(session.scalar(query) or 0)
