"""Verdicts: what a row becomes after an attempt or without one, and writing that by who still holds the row."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import Integer, Text, Uuid, and_, case, cast, column, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.types import UserDefinedType

from app import clock, ids
from app.db import Session
from app.db.base import UtcInstant
from app.models import CampaignDelivery
from notifications import metrics, sending
from notifications.campaigns import arrays, claiming
from notifications.campaigns.claiming import PLACE, Held, Phone
from notifications.campaigns.plans import REPLACING, Plan
from notifications.channels.protocol import SendResult

log = structlog.get_logger(__name__)

ATTEMPTS_MAX = 24
"""With a doubling backoff of an hour at most, a row is given up after about 14 hours of trying."""
ELSEWHERE = {"no_consent", "no_device", "no_address"}
"""Reasons for which a campaign with a fallback tries the member's next channel, as it does after a failure."""


class Verdict(NamedTuple):
    """What a row is to become, and when it is due again, if it is; `counts` says whether the attempt was one.

    A tuple: there are thousands a second.
    """

    held: Held
    state: str
    due_at: datetime | None = None
    reason: str | None = None
    provider_id: str | None = None
    variant: str | None = None
    counts: bool = True
    gone: tuple[Phone, ...] = ()
    mailbox_gone: bool = False

    @property
    def is_unsent(self) -> bool:
        """Whether nothing was tried."""
        return self.state == "skipped" or not self.counts


def later(held: Held, at: datetime) -> Verdict:
    """Put a row back until `at`; nothing was tried."""
    return Verdict(held, "queued", at, reason=held.doubt, counts=False)


def skipped(held: Held, reason: str) -> Verdict:
    """Settle a row that is not sent, or not sent again."""
    if held.doubt is not None:
        return Verdict(held, "unknown", clock.now(), reason=held.doubt, counts=False)
    return Verdict(held, "skipped", clock.now(), reason=reason)


def judge(channel: str, held: Held, results: Sequence[tuple[Phone | None, SendResult]]) -> Verdict:
    """Say what a row becomes after one message to each phone, or one message by another channel.

    It is sent when one phone has it. What was perhaps sent is sent again only where a copy replaces the first.
    """
    if len(results) == 1 and results[0][1].outcome == "sent":
        return Verdict(held, "sent", provider_id=results[0][1].provider_id, variant=held.variant)
    now = clock.now()
    gone = tuple(phone for phone, result in results if phone is not None and result.outcome == "gone")
    by_outcome = {result.outcome: result for _, result in reversed(results)}
    if "sent" in by_outcome:
        provider_id = by_outcome["sent"].provider_id
        return Verdict(held, "sent", provider_id=provider_id, variant=held.variant, gone=gone)
    if "unknown" in by_outcome and channel not in REPLACING:
        return Verdict(held, "unknown", now, reason=by_outcome["unknown"].reason, variant=held.variant)
    open_ends = [result for _, result in results if result.outcome in {"retry", "unknown"}]
    if open_ends:
        doubt = by_outcome["unknown"].reason if "unknown" in by_outcome else held.doubt
        reason = doubt or open_ends[0].reason
        if held.attempts >= ATTEMPTS_MAX:
            state = "unknown" if "unknown" in by_outcome or doubt else "failed"
            return Verdict(held, state, now, reason=reason or "expired", gone=gone)
        pause = max(sending.pause(held.id, held.attempts, result) for result in open_ends)
        return Verdict(held, "queued", now + pause, reason=reason, variant=held.variant, gone=gone)
    refused = by_outcome.get("refused") or by_outcome["gone"]
    return Verdict(
        held, "failed", now, reason=refused.reason or refused.outcome, variant=held.variant, gone=gone,
        mailbox_gone=channel == "email" and refused.outcome == "gone",
    )  # fmt: skip


def record(session: Session, plan: Plan, channel: str, owner: UUID, verdicts: list[Verdict]) -> set[UUID]:
    """Write what became of rows that `owner` still holds; return their ids; the caller commits.

    A worker that slept through its lease writes nothing. Unused places under a cap are given back, and a fallback
    campaign gets a row for the member's next channel.
    """
    if not verdicts:
        return set()
    written = _write(session, owner, verdicts, in_place=True)
    moved = [verdict for verdict in verdicts if verdict.held.id not in written]
    if moved:
        # Its begin was noted, say, or it was opened: or it is no longer ours.
        written |= _write(session, owner, moved, in_place=False)
    mine = [verdict for verdict in verdicts if verdict.held.id in written]
    for state, count in Counter(verdict.state for verdict in mine).items():
        metrics.DELIVERIES.labels(channel, "again" if state == "queued" else state).inc(count)
    if len(mine) < len(verdicts):
        log.warning("lease_lost", run_id=ids.show("campaign_run", plan.run_id), deliveries=len(verdicts) - len(mine))
    _give_back(session, plan, channel, mine)
    if plan.fallback:
        _try_elsewhere(session, plan, channel, mine)
    return written


def _write(session: Session, owner: UUID, verdicts: list[Verdict], *, in_place: bool) -> set[UUID]:
    """Write to rows that are still the owner's, found where they stood or else by their ids; return which."""
    became = _became(verdicts)
    opened = and_(became.c.state == "sent", CampaignDelivery.opened_at.is_not(None))
    found = [CampaignDelivery.id == became.c.id, CampaignDelivery.lease_owner == owner]
    if in_place:
        found.append(cast(became.c.place, _Tid()) == PLACE)
    return set(
        session.scalars(
            update(CampaignDelivery)
            .where(*found)
            .values(
                state=case((opened, "opened"), else_=became.c.state),
                due_at=func.coalesce(became.c.due_at, CampaignDelivery.due_at),
                reason=became.c.reason,
                provider_id=became.c.provider_id,
                variant=func.coalesce(became.c.variant, CampaignDelivery.variant),
                attempts=became.c.attempts,
                sent_at=case((became.c.state == "sent", clock.now())),
                lease_owner=None,
                lease_until=None,
            )
            .returning(CampaignDelivery.id),
            execution_options={"synchronize_session": False},
        )
    )


class _Tid(UserDefinedType[str]):
    """Where a row stands."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return PostgreSQL's name."""
        return "tid"


def _became(verdicts: list[Verdict]) -> Any:
    return (
        func.unnest(
            arrays.uuids(one.held.id for one in verdicts),
            arrays.texts(one.held.place for one in verdicts),
            arrays.texts(one.state for one in verdicts),
            arrays.instants(one.due_at for one in verdicts),
            arrays.texts(one.reason for one in verdicts),
            arrays.texts(one.provider_id for one in verdicts),
            arrays.texts(one.variant for one in verdicts),
            arrays.integers((one.held.attempts - (not one.counts) for one in verdicts), Integer()),
        )
        .table_valued(
            column("id", Uuid),
            column("place", Text),
            column("state", Text),
            column("due_at", UtcInstant),
            column("reason", Text),
            column("provider_id", Text),
            column("variant", Text),
            column("attempts", Integer),
            name="became",
        )
        .render_derived()
    )


def _give_back(session: Session, plan: Plan, channel: str, verdicts: list[Verdict]) -> None:
    unused = [one.held for one in verdicts if one.state in {"failed", "skipped"} and one.reason != "capped"]
    if unused and plan.counts(channel):
        claiming.release(session, plan, channel, unused)


def _try_elsewhere(session: Session, plan: Plan, channel: str, verdicts: list[Verdict]) -> None:
    """Make a row by the next channel for each member whom this one did not reach."""
    channels = plan.channels
    following = channels[channels.index(channel) + 1 :] if channel in channels else []
    missed = [one.held for one in verdicts if one.state == "failed" or one.reason in ELSEWHERE]
    if not following or not missed:
        return
    now = clock.now()
    session.execute(
        insert(CampaignDelivery).on_conflict_do_nothing(index_elements=["run_id", "member_id", "channel", "round"]),
        [
            {
                "id": ids.new_id(), "program_id": plan.program_id, "run_id": plan.run_id,
                "campaign_id": plan.campaign_id, "member_id": held.member_id, "channel": following[0],
                "variant": held.variant, "state": "queued", "due_at": now, "attempts": 0, "round": held.round,
            }
            for held in missed
        ],
    )  # fmt: skip
