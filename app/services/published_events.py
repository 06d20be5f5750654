"""Reading what was published: the pull twin of webhooks, for whoever cannot be called.

Ids order events by when they were written, and a transaction that wrote early may commit late. A reader that moves on
behind the newest id it saw would then never see the late one. So nothing is shown that is younger than `SETTLE`, or
younger than `SETTLE` before the oldest transaction that is still open: whatever may yet appear has a later id. The
promise needs the clocks of web machines and the database to agree within `SETTLE`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import column, func, select, table

from app import ids
from app.db import Session
from app.errors import NotFoundError
from app.models import Event

SETTLE = timedelta(seconds=2)
SCANNED_MAX = 5000
"""How many events one page with a filter looks at: a rare kind is found over several pages, none of them slow."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_activity = table("pg_stat_activity", column("xact_start"), column("datname"), column("usename"))


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, the id to go on from (`next_id`, None when there is no more now), and one to return to (`last_id`)."""

    rows: list[Event]
    next_id: UUID | None
    last_id: UUID | None


def get(session: Session, event_id: UUID) -> Event:
    """Return the event, also one that a page does not show yet; raise NotFoundError."""
    event = session.scalars(select(Event).where(Event.id == event_id)).one_or_none()
    if event is None:
        raise NotFoundError("No such event in this programme.", event=ids.show("event", event_id))
    return event


def page(
    session: Session,
    *,
    limit: int,
    after: UUID | None = None,
    newest: bool = False,
    kind: str | None = None,
    member_id: UUID | None = None,
    since: datetime | None = None,
) -> EventPage:
    """Return up to `limit` events behind `after`, oldest first, or newest first; of a kind, a member, an instant on."""
    # A statement of its own before the rows are read: what commits between the two is older than the horizon.
    horizon = session.scalars(select(func.uuid_from_instant(_horizon()))).one()
    query = select(Event.id, Event.kind, Event.member_id).where(Event.id < horizon)
    if since is not None:
        query = query.where(Event.id >= func.uuid_from_instant(max(since, _EPOCH)))
    if after is not None:
        query = query.where(Event.id < after if newest else Event.id > after)
    order = Event.id.desc() if newest else Event.id
    filtered = kind is not None or member_id is not None
    window = session.execute(query.order_by(order).limit(SCANNED_MAX if filtered else limit + 1)).all()
    found = [
        row.id
        for row in window
        if (kind is None or row.kind == kind) and (member_id is None or row.member_id == member_id)
    ]
    shown = found[:limit]
    rows = list(session.scalars(select(Event).where(Event.id.in_(shown)).order_by(order))) if shown else []
    if len(found) > limit:
        return EventPage(rows, shown[-1], shown[-1])
    seen = window[-1].id if window else after
    return EventPage(rows, seen if filtered and len(window) == SCANNED_MAX else None, seen)


def _horizon() -> object:
    # Our role's sessions, of which this is one: only they write events, and others' are not ours to see.
    oldest = (
        select(func.min(_activity.c.xact_start))
        .where(_activity.c.datname == func.current_database(), _activity.c.usename == func.current_user())
        .scalar_subquery()
    )
    # Down to the millisecond, which is as finely as ids tell the time.
    return func.date_trunc("milliseconds", oldest - SETTLE)
