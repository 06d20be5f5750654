"""Inserting: the rows of a chunk of members in one statement; whom which channel reaches, with which variant, when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Subquery,
    Text,
    Uuid,
    case,
    cast,
    column,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects import postgresql

from app import clock
from app.db import Session
from app.db.base import UtcInstant
from app.models import CampaignDelivery, Member
from app.offers import splitting
from notifications.campaigns import plans, reach
from notifications.campaigns.plans import Plan

PLACES = 25_000
"""How many rows at most are told apart by their place, in the order of their ids."""
COLUMNS = [
    "id", "program_id", "run_id", "campaign_id", "member_id", "channel", "variant", "state", "reason", "due_at",
    "attempts", "round",
]  # fmt: skip


def insert(
    session: Session, plan: Plan, dues: dict[str, datetime], chosen: Select[Any], rounds: ColumnElement[int]
) -> int:
    """Make the rows of the members that `chosen` gives, by each channel or the first that reaches them.

    Return how many. `dues` says when members in each zone get it, if not at once; `rounds` is the round of a member's
    journey. Whom nothing reaches and who is held out gets a row that says so. A row that is there stays.
    """
    wanted = (
        # Evaluated once: behind OFFSET 0 the planner leaves the subquery alone.
        chosen.with_only_columns(
            Member.id.label("member_id"),
            func.row_number().over(order_by=Member.id).label("place"),
            rounds.label("round"),
            (reach.zone(plan) if dues else null()).label("zone"),
            *(
                func.split_number(literal(plan.campaign_id, Uuid), Member.id, part).label(f"number_{part}")
                for part in _parts(plan)
            ),
            *(reach.why_not(plan, channel).label(f"why_not_{channel}") for channel in plan.channels),
        )
        .order_by(Member.id)
        .offset(0)
    )
    members = wanted.subquery("audience")
    if plan.fallback:
        return _insert_rows(session, plan, dues, members, *_first_reaching(plan, members))
    return sum(
        _insert_rows(session, plan, dues, members, literal(channel), members.c[f"why_not_{channel}"])
        for channel in plan.channels
    )


def _first_reaching(plan: Plan, members: Subquery) -> tuple[ColumnElement[str], ColumnElement[Any]]:
    reasons = {channel: members.c[f"why_not_{channel}"] for channel in plan.channels}
    first = next(iter(reasons))
    chosen = case(*((reason.is_(None), literal(channel)) for channel, reason in reasons.items()), else_=literal(first))
    unreached = case((func.num_nulls(*reasons.values()) == 0, reasons[first]), else_=null())
    return chosen, unreached


def _insert_rows(
    session: Session,
    plan: Plan,
    dues: dict[str, datetime],
    members: Subquery,
    channel: ColumnElement[str],
    reason: ColumnElement[Any],
) -> int:
    now = clock.now()
    campaign, member = literal(plan.campaign_id, Uuid), members.c.member_id
    is_held_out: ColumnElement[bool] = literal(False)
    if plan.holdout_percent:
        is_held_out = _bucket(members, splitting.HOLDOUT) < splitting.threshold(plan.holdout_percent)
    seed = func.concat(literal(str(plan.run_id)), cast(member, Text), channel, members.c.round)
    variant, waits = _variant(plan, members)
    due: ColumnElement[Any] = literal(max(plan.starts_at, now), UtcInstant)
    source: Select[Any] = select()
    if dues:
        zones = _zones(dues)
        due = func.coalesce(zones.c.due_at, literal(dues[plan.program_timezone], UtcInstant))
        joined = members.outerjoin(zones, zones.c.zone == members.c.zone)
        source = select().select_from(joined)
    else:
        source = source.select_from(members)
    if waits is not None and plan.winner:
        after = plans.earliest_comparison(plan.starts_at, plan.winner)
        due = case((waits, func.greatest(due, literal(after, UtcInstant))), else_=due)
    rows = source.add_columns(
        _delivery_id(now, members.c.place, seed),
        literal(plan.program_id, Uuid),
        literal(plan.run_id, Uuid),
        campaign,
        member,
        channel,
        case((is_held_out, null()), else_=variant),
        case((is_held_out, "held_out"), (reason.is_not(None), "skipped"), else_="queued"),
        case((is_held_out, null()), else_=reason),
        due,
        literal(0),
        members.c.round,
    ).order_by(member)
    result = session.execute(
        postgresql.insert(CampaignDelivery)
        .from_select(COLUMNS, rows)
        .on_conflict_do_nothing(index_elements=["run_id", "member_id", "channel", "round"]),
        execution_options={"preserve_rowcount": True},
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def _delivery_id(now: datetime, place: ColumnElement[int], seed: ColumnElement[str]) -> ColumnElement[UUID]:
    """Return what the database's `delivery_id` does, but for its constant part: that was a seventh of the making."""
    made_at = f"{int(now.timestamp() * 1000):012x}7"
    # The place as three digits: a leading one is cut off, which costs less than padding.
    digits = func.substr(func.to_hex(4096 + (place * 4096 // PLACES).op("&")(4095)), 2)
    text = literal(made_at).concat(digits).concat("8").concat(func.substr(func.md5(seed), 1, 15))
    return cast(text, Uuid)


def _parts(plan: Plan) -> list[int]:
    """Return which parts of the hash the run asks for; each costs as much as a look-up."""
    asked = {
        splitting.HOLDOUT: plan.holdout_percent > 0,
        splitting.VARIANT: len(splitting.upper_bounds(plan.variants)) > 1,
        splitting.TEST: plan.winner is not None,
    }
    return [part for part, needed in asked.items() if needed]


def _bucket(members: Subquery, part: int) -> ColumnElement[int]:
    return members.c[f"number_{part}"] % splitting.HUNDRED_PERCENT


def _variant(plan: Plan, members: Subquery) -> tuple[ColumnElement[Any], ColumnElement[bool] | None]:
    """Return the variant's name, and which members wait for the winner instead (None: nobody)."""
    bounds = splitting.upper_bounds(plan.variants)
    if not bounds:
        return null().cast(Text), None
    chosen: ColumnElement[Any] = literal(bounds[0][0])
    if len(bounds) > 1:
        place = members.c[f"number_{splitting.VARIANT}"] % bounds[-1][1]
        chosen = case(*((place < bound, literal(name)) for name, bound in bounds), else_=null())
    if not plan.winner:
        return chosen, None
    waits = _bucket(members, splitting.TEST) >= splitting.threshold(float(plan.winner["test_percent"]))
    return case((waits, null()), else_=chosen), waits


def _zones(dues: dict[str, datetime]) -> Any:
    names: Sequence[str] = list(dues)
    return (
        func.unnest(literal(names, ARRAY(Text)), literal([dues[name] for name in names], ARRAY(UtcInstant)))
        .table_valued(column("zone", Text), column("due_at", UtcInstant), name="zones")
        .render_derived()
    )
