"""Claiming: due rows of one run and channel are taken under a lease, with all that is needed to send them."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app import clock, ids
from app.db import Session
from app.db.base import UtcInstant
from app.models import CampaignDelivery, CampaignRun, Customer, Device, Member
from app.services import mailboxes
from notifications.campaigns import arrays, rates, reach, rows
from notifications.campaigns.plans import CONSENTED, REPLACING, Plan
from notifications.channels.protocol import IN_DOUBT

LEASE = timedelta(seconds=60)
SENDING_STATES = ("making", "running")
BEGUN = "begun"
"""The reason of a row whose send was begun where a copy would be a second message, until its outcome is written."""
PLACE: ColumnElement[Any] = literal_column("campaign_delivery.ctid")
"""Where a row stands, until it is changed: found at once, where for its id the planner would read the whole table."""


Place = tuple[datetime, UUID]
"""Where a row stands among those that are due: the instant, and the row's id."""


class Phone(NamedTuple):
    """One of a member's devices."""

    id: str
    address: str
    address_kind: str
    platform: str


class Held(NamedTuple):
    """One row that is ours until the lease ends, and whom it is for. A tuple: there are thousands a second.

    `place` is where the row stood when it was claimed; PostgreSQL's `tid`.
    """

    id: UUID
    member_id: UUID
    customer_id: UUID | None
    attempts: int
    variant: str | None
    round: int
    place: str
    was_begun: bool
    consented: bool
    zone: str
    locales: tuple[str | None, ...]
    mailbox: str | None
    values: dict[str, str]
    phones: tuple[Phone, ...] = ()
    doubt: str | None = None
    """Why it may have been sent before, where it may."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows taken together: `owner` is the fencing token, `until` the lease's end, `looked_at` when they were looked at.

    `looked_at` is on the clock of `time.monotonic`. `last` is the place of the last of them among what is due.
    """

    owner: UUID
    until: datetime
    held: list[Held]
    looked_at: float
    last: Place | None = None


def claim(session: Session, plan: Plan, channel: str, *, limit: int, after: Place | None = None) -> Batch:
    """Take up to `limit` due rows for the length of a lease; none of a run that is paused. The caller commits.

    Those `after` a place, where one is given: what stands before is mostly settled or in somebody's hand, and is not
    looked at again. The worker role's session. Of a run with a rate no more than may begin: whoever claims says by
    `rates.spend`, before committing, how many of them will.
    """
    now, owner, looked_at = clock.now(), ids.new_id(), time.monotonic()
    limit = rates.allowed(session, plan, limit, now)
    if limit <= 0:
        return Batch(owner, now, [], looked_at)
    taken = _take(plan, channel, owner, now, limit, after)
    found = session.execute(_resolved(plan, channel, taken)).all()
    last = max(((row.due_at, row.id) for row in found), default=None)
    return Batch(owner, now + LEASE, _held(found, plan), looked_at, last)


def confirm(session: Session, plan: Plan, channel: str, owner: UUID, held: list[Held]) -> dict[UUID, set[str]]:
    """Return which rows may be sent this moment, each with its member's phones; the last look before sending.

    Not those whose lease is over or another's, whose run was paused or cancelled, whose member took the consent back.
    Where a copy would be a second message the row says from now on that its send was begun. The caller commits.
    """
    asked = _ids(held)
    mine = [
        CampaignDelivery.id == asked.c.id,
        # Whoever holds a row is sending it; asking for the state would have the planner walk the index of due rows.
        CampaignDelivery.lease_owner == owner,
        CampaignDelivery.lease_until > clock.now(),
        Member.program_id == plan.program_id,
        Member.id == CampaignDelivery.member_id,
        exists().where(CampaignRun.id == plan.run_id, CampaignRun.state.in_(SENDING_STATES)),
    ]
    if channel in CONSENTED:
        mine.append(reach.consented(plan, channel))
    if channel not in REPLACING:
        begun = update(CampaignDelivery).where(*mine).values(reason=BEGUN).returning(CampaignDelivery.id)
        return {id_: set() for id_ in session.scalars(begun, execution_options={"synchronize_session": False})}
    phones = _of_member(func.string_agg(cast(Device.id, Text), ",")) if channel == "push" else literal("", Text)
    found = session.execute(select(CampaignDelivery.id, phones).where(*mine))
    return {id_: set((known or "").split(",")) for id_, known in found}


def _ids(held: list[Held]) -> Any:
    ids_ = func.unnest(arrays.uuids(one.id for one in held))
    return ids_.table_valued(column("id", Uuid), name="asked").render_derived()


def _take(plan: Plan, channel: str, owner: UUID, now: datetime, limit: int, after: Place | None) -> Any:
    place = tuple_(CampaignDelivery.due_at, CampaignDelivery.id)
    due = (
        select(PLACE.label("place"), CampaignDelivery.run_id, CampaignDelivery.reason)
        .join(CampaignRun, CampaignRun.id == CampaignDelivery.run_id)
        .where(
            CampaignDelivery.run_id == plan.run_id,
            CampaignDelivery.channel == channel,
            rows.due(now),
            true() if after is None else place > tuple_(literal(after[0], UtcInstant), literal(after[1])),
            CampaignRun.state.in_(SENDING_STATES),
        )
        .order_by(CampaignDelivery.due_at, CampaignDelivery.id)
        .limit(limit)
        .with_for_update(of=CampaignDelivery, skip_locked=True)
        .cte("due")
    )
    return (
        update(CampaignDelivery)
        .where(due.c.place == PLACE, CampaignDelivery.run_id == due.c.run_id)
        .values(lease_owner=owner, lease_until=now + LEASE, attempts=CampaignDelivery.attempts + 1)
        .returning(
            CampaignDelivery.id, CampaignDelivery.member_id, CampaignDelivery.variant, CampaignDelivery.attempts,
            CampaignDelivery.round, cast(PLACE, Text).label("place"),
            due.c.reason, CampaignDelivery.due_at,
        )
        .cte("taken")
    )  # fmt: skip


def _resolved(plan: Plan, channel: str, taken: Any) -> Select[Any]:
    """Select what every send needs, and no more: each look-up costs as much as a send."""
    nothing = literal(None, Text)
    zone = literal(plan.program_timezone) if plan.window.always else reach.zone(plan)
    mailbox = case((~mailboxes.is_gone(), func.coalesce(Member.email, Customer.email)))
    return (
        select(
            taken,
            Member.customer_id,
            (reach.consented(plan, channel) if channel in CONSENTED else literal(True)).label("consented"),
            zone.label("zone"),
            Member.locale.label("member_locale"),
            Customer.locale.label("customer_locale"),
            (mailbox if channel == "email" else nothing).label("mailbox"),
            func.coalesce(Member.first_name, Customer.first_name).label("first_name"),
            func.coalesce(Member.last_name, Customer.last_name).label("last_name"),
            (cast(_of_member(_phone_list()), Text) if channel == "push" else nothing).label("phones"),
        )
        .select_from(taken)
        .join(Member, (Member.program_id == plan.program_id) & (Member.id == taken.c.member_id))
        .outerjoin(Customer, Customer.id == Member.customer_id)
    )


def _phone_list() -> ColumnElement[Any]:
    one = func.jsonb_build_array(Device.id, Device.address, Device.address_kind, Device.platform)
    return func.jsonb_agg(aggregate_order_by(one, Device.last_contact_at.desc()))


def _of_member(what: ColumnElement[Any]) -> ColumnElement[Any]:
    return select(what).where(Device.customer_id == Member.customer_id).correlate(Member).scalar_subquery()


def _held(found: Sequence[Any], plan: Plan) -> list[Held]:
    """Read the rows of `_resolved`; JSON of all rows is read at once."""
    phones = json.loads(f"[{','.join([row.phones or 'null' for row in found])}]")
    common = {name: value for name, value in (("program", plan.program_name), ("reward", plan.reward_name)) if value}
    held = []
    for row, phones_of in zip(found, phones, strict=True):
        (
            id_, member_id, variant, attempts, round_, place, reason, _, customer_id, consented, zone, member_locale,
            customer_locale, mailbox, first_name, last_name, _,
        ) = row  # fmt: skip
        values = dict(common)
        if first_name:
            values["first_name"] = first_name
        if last_name:
            values["last_name"] = last_name
        held.append(Held(
            id_, member_id, customer_id, attempts, variant, round_, place, reason == BEGUN, consented, zone,
            (member_locale, customer_locale, plan.program_locale), mailbox, values,
            tuple([Phone(*phone) for phone in phones_of]) if phones_of else (), reason if reason in IN_DOUBT else None,
        ))  # fmt: skip
    return held


def reserve(session: Session, plan: Plan, channel: str, held: list[Held], *, kept: timedelta) -> set[UUID]:
    """Note that members are about to be written to; return those whom no cap keeps from it. The caller commits."""
    caps = plan.caps(channel)
    longest = max([kept, *(cap.within for cap in caps)])
    places = (
        func.reserve_contacts(
            plan.program_id,
            channel,
            arrays.uuids(one.member_id for one in held),
            arrays.uuids(one.id for one in held),
            clock.now(),
            literal([cap.messages for cap in caps], ARRAY(Integer)),
            literal([int(cap.within.total_seconds()) for cap in caps], ARRAY(Integer)),
            int(longest.total_seconds()),
        )
        .table_valued(column("member_id", Uuid), name="places")
        .render_derived()
    )
    return set(session.scalars(select(places.c.member_id)))


def release(session: Session, plan: Plan, channel: str, held: list[Held]) -> None:
    """Give back the places of rows that will not be sent; the caller commits."""
    members = arrays.uuids(one.member_id for one in held)
    deliveries = arrays.uuids(one.id for one in held)
    session.execute(select(func.release_contacts(plan.program_id, channel, members, deliveries)))
