"""Deliveries of both kinds as one list, newest first: those that tell of an event, and those of campaigns.

Each table is asked by an index for no more than a page, wherever the page lies: `delivery` by programme or member, and
`campaign_delivery` by member or by campaign and state, one small question for each pair of them. A run's rows lie close
together there, since ids are made in the order of time: what was made before and after it is not read.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Select, String, column, select, true, union_all, values
from sqlalchemy.orm import aliased

from app import ids
from app.db import Database, Session
from app.errors import NotFoundError
from app.models import Campaign, CampaignDelivery, CampaignRun, Delivery
from app.services.campaign_outcomes import ID_SLACK, first_id, tests_of

STATES = ("queued", "sending", "sent", "opened", "failed", "skipped", "unknown", "held_out", "cancelled")
"""Every state of a delivery; those that tell of an event are neither held out nor cancelled."""
CHANNELS = ("push", "inbox", "email", "wallet", "console")
_LAST = UUID(int=2**128 - 1)
BATCH = 1_000
"""How many rows of an export are in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A delivery as people outside see it; `kind` is `campaign`, or the event that it tells of, with its texts."""

    id: UUID
    member_id: UUID
    kind: str
    channel: str
    status: str
    due_at: datetime
    attempts: int
    campaign_id: UUID | None = None
    run_id: UUID | None = None
    variant: str | None = None
    reason: str | None = None
    sent_at: datetime | None = None
    opened_at: datetime | None = None
    title: str | None = None
    body: str | None = None
    test: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which deliveries; what is None is not asked. `tests` says whether those of test sends are among them."""

    campaign_id: UUID | None = None
    member_id: UUID | None = None
    status: str | None = None
    channel: str | None = None
    run_id: UUID | None = None
    variant: str | None = None
    tests: bool = True

    @property
    def is_of_campaigns(self) -> bool:
        """Whether what is asked leaves out the deliveries that tell of events."""
        return any(value is not None for value in (self.campaign_id, self.run_id, self.variant))


def page(session: Session, wanted: Wanted, *, limit: int, after: UUID | None = None) -> list[Sent]:
    """Return up to `limit` + 1 deliveries, newest first, behind `after`."""
    count = limit + 1
    streams: list[Iterable[Sent]] = [_campaigns_page(session, wanted, count, after)]
    if not wanted.is_of_campaigns:
        streams.append(_events_page(session, wanted, limit=limit, after=after))
    return list(islice(heapq.merge(*streams, key=lambda row: row.id, reverse=True), count))


def get(session: Session, delivery_id: UUID) -> Sent:
    """Return a delivery of either kind; raise NotFoundError."""
    found = session.scalar(select(CampaignDelivery).where(CampaignDelivery.id == delivery_id))
    if found is not None:
        return _marked(session, [_of_campaign(found)])[0]
    other = session.scalar(select(Delivery).where(Delivery.id == delivery_id))
    if other is None:
        raise NotFoundError("No such delivery.", delivery=ids.show("delivery", delivery_id))
    return _of_event(other)


def every(database: Database, program_id: UUID, wanted: Wanted) -> Iterator[list[Sent]]:
    """Yield all deliveries in batches: those of each campaign, the last first, then those of events, newest first.

    Each batch is read in a transaction of its own, so a reader that is slow keeps no transaction open and no more than
    a batch in memory. What is made meanwhile is not among them; a row tells its state of when its batch was read.
    """
    if wanted.member_id is not None:
        yield from _batches(database, program_id, partial(page, wanted=wanted))
        return
    with database.transaction(program_id) as session:
        campaigns = select(Campaign.id).order_by(Campaign.id.desc())
        if wanted.campaign_id is not None:
            campaigns = campaigns.where(Campaign.id == wanted.campaign_id)
        if wanted.run_id is not None:
            campaigns = campaigns.where(Campaign.id == _campaign_of(wanted.run_id))
        found = session.scalars(campaigns).all()
    for campaign_id in found:
        own = replace(wanted, campaign_id=campaign_id)
        yield from _batches(database, program_id, partial(page, wanted=own))
    if not wanted.is_of_campaigns:
        yield from _batches(database, program_id, partial(_events_page, wanted=wanted))


def _batches(database: Database, program_id: UUID, read: Callable[..., list[Sent]]) -> Iterator[list[Sent]]:
    after: UUID | None = None
    while True:
        with database.transaction(program_id) as session:
            rows = read(session, limit=BATCH, after=after)
        yield rows[:BATCH]
        if len(rows) <= BATCH:
            return
        after = rows[BATCH - 1].id


def _events_page(session: Session, wanted: Wanted, *, limit: int, after: UUID | None) -> list[Sent]:
    return [_of_event(row) for row in session.scalars(_events_rows(wanted, limit + 1, after))]


def _events_rows(wanted: Wanted, count: int, after: UUID | None) -> Select[Delivery]:
    query = select(Delivery).order_by(Delivery.id.desc()).limit(count)
    for attribute, value in (
        (Delivery.member_id, wanted.member_id),
        (Delivery.state, wanted.status),
        (Delivery.channel, wanted.channel),
    ):
        if value is not None:
            query = query.where(attribute == value)
    return query if after is None else query.where(Delivery.id < after)


def _campaigns_page(session: Session, wanted: Wanted, count: int, after: UUID | None) -> list[Sent]:
    run = _run(session, wanted.run_id) if wanted.run_id is not None and wanted.member_id is None else None
    rows = session.scalars(_campaigns_rows(wanted, count, after, run))
    return _marked(session, [_of_campaign(row) for row in rows])


def _marked(session: Session, rows: list[Sent]) -> list[Sent]:
    """Return the rows, those of test sends marked."""
    asked = select(CampaignRun.id).where(
        CampaignRun.id.in_({row.run_id for row in rows}), CampaignRun.definition["test"].is_not(None)
    )
    tests = set(session.scalars(asked)) if rows else set()
    return [replace(row, test=True) if row.run_id in tests else row for row in rows]


@dataclass(frozen=True, slots=True)
class _Run:
    """A run's campaign, and the ids between which its rows lie."""

    campaign_id: UUID
    first: UUID
    last: UUID


def _run(session: Session, run_id: UUID) -> _Run | None:
    """Return where the rows of a run lie: from when it was begun, to when it was finished if it was.

    Where the clock was held away from the machine's, by which some ids are made, nothing is said of the end.
    """
    asked = select(CampaignRun.campaign_id, CampaignRun.created_at, CampaignRun.finished_at)
    run = session.execute(asked.where(CampaignRun.id == run_id)).one_or_none()
    if run is None:
        return None
    stamped = datetime.fromtimestamp((run_id.int >> 80) / 1000, UTC)
    last = _LAST
    if run.finished_at is not None and abs(stamped - run.created_at) < ID_SLACK:
        last = first_id(max(run.finished_at, run.created_at) + ID_SLACK)
    return _Run(run.campaign_id, first_id(min(stamped, run.created_at) - ID_SLACK), last)


def _campaign_of(run_id: UUID) -> Any:
    return select(CampaignRun.campaign_id).where(CampaignRun.id == run_id).scalar_subquery()


def _campaigns_rows(wanted: Wanted, count: int, after: UUID | None, run: _Run | None = None) -> Select[Any]:
    newest = select(CampaignDelivery).order_by(CampaignDelivery.id.desc())
    for attribute, value in (
        (CampaignDelivery.channel, wanted.channel),
        (CampaignDelivery.run_id, wanted.run_id),
        (CampaignDelivery.variant, wanted.variant),
    ):
        if value is not None:
            newest = newest.where(attribute == value)
    if not wanted.tests and wanted.campaign_id is not None:
        newest = newest.where(CampaignDelivery.run_id.not_in(tests_of(wanted.campaign_id)))
    if wanted.status in {"queued", "sending"}:
        in_hand = CampaignDelivery.lease_until.is_not(None)
        newest = newest.where(in_hand if wanted.status == "sending" else ~in_hand)
        wanted = replace(wanted, status="queued")
    if after is not None:
        newest = newest.where(CampaignDelivery.id < after)
    if run is not None:
        return _newest_of_run(wanted, newest, count, run)
    if wanted.member_id is None:
        return _newest_of_places(wanted, newest, count)
    # A member's rows are few: other conditions are looked at row by row.
    newest = newest.where(CampaignDelivery.member_id == wanted.member_id)
    if wanted.campaign_id is not None:
        newest = newest.where(CampaignDelivery.campaign_id == wanted.campaign_id)
    if wanted.status is not None:
        newest = newest.where(CampaignDelivery.state == wanted.status)
    return newest.limit(count)


def _newest_of_run(wanted: Wanted, newest: Select[Any], count: int, run: _Run) -> Select[Any]:
    """Select the newest rows of a run: those of each state between the run's ids, and the newest of these.

    Each state is named, so that the planner knows which are rare, and reads no run's rows for a state that it has not.
    """
    row = CampaignDelivery
    states = STATES if wanted.status is None else (wanted.status,)
    own = newest.where(
        row.id.between(run.first, run.last),
        # Another campaign's run is none of this one's.
        row.campaign_id == (wanted.campaign_id or run.campaign_id),
    )
    each = [own.with_only_columns(row.id).where(row.state == state).limit(count) for state in states]
    found = union_all(*(select(one.subquery()) for one in each)).subquery("found")
    return (
        select(row)
        .where(row.id.in_(select(found.c.id).order_by(found.c.id.desc()).limit(count)))
        .order_by(row.id.desc())
    )


def _newest_of_places(wanted: Wanted, newest: Select[Any], count: int) -> Select[Any]:
    """Select the newest rows over all places, a place being a campaign and a state: each is a run of the index.

    The newest `count` rows lie in the `count` places whose first rows are newest, so no others are read.
    """
    states = STATES if wanted.status is None else (wanted.status,)
    of_state = values(column("state", String), name="of_state").data([(state,) for state in states])
    campaigns = select(Campaign.id)
    if wanted.campaign_id is not None:
        campaigns = campaigns.where(Campaign.id == wanted.campaign_id)
    if wanted.run_id is not None:
        campaigns = campaigns.where(Campaign.id == _campaign_of(wanted.run_id))
    campaign = campaigns.subquery("campaign_of_place")
    first = (
        newest.with_only_columns(CampaignDelivery.id)
        .where(CampaignDelivery.campaign_id == campaign.c.id, CampaignDelivery.state == of_state.c.state)
        .limit(1)
        .lateral("first")
    )
    place = (
        select(campaign.c.id, of_state.c.state)
        .select_from(campaign.join(of_state, true()).join(first, true()))
        .order_by(first.c.id.desc())
        .limit(count)
        .subquery("place")
    )
    each = newest.where(CampaignDelivery.campaign_id == place.c.id, CampaignDelivery.state == place.c.state)
    row = aliased(CampaignDelivery, each.limit(count).lateral("each_place"))
    return select(row).select_from(place).join(row, true()).order_by(row.id.desc()).limit(count)


def _of_campaign(row: CampaignDelivery) -> Sent:
    # A row in a worker's hand is a queued one with a lease.
    status = "sending" if row.state == "queued" and row.lease_until is not None else row.state
    return Sent(
        id=row.id, member_id=row.member_id, kind="campaign", channel=row.channel, status=status, due_at=row.due_at,
        attempts=row.attempts, campaign_id=row.campaign_id, run_id=row.run_id, variant=row.variant, reason=row.reason,
        sent_at=row.sent_at, opened_at=row.opened_at,
    )  # fmt: skip


def _of_event(row: Delivery) -> Sent:
    return Sent(
        id=row.id, member_id=row.member_id, kind=row.kind, channel=row.channel, status=row.state, due_at=row.due_at,
        attempts=row.attempts, reason=row.reason, sent_at=row.sent_at, opened_at=row.opened_at, title=row.title,
        body=row.body,
    )  # fmt: skip
