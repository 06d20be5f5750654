"""Draining: the due rows of one run by one channel are claimed, sent with no transaction open, and recorded."""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete, select

from app import clock, ids
from app.db import Database, Session
from app.models import CampaignRun, Device, Member, Program, Reward
from app.services import mailboxes, member_values
from notifications.campaigns import claiming, plans, rates, verdicts
from notifications.campaigns.claiming import SENDING_STATES, Batch, Held, Phone, Place
from notifications.campaigns.mailing import Mailing
from notifications.campaigns.pacing import SLICE_LEAST, SLICE_ONCE_MAX, Pace
from notifications.campaigns.plans import CONTACTS_KEPT, REPLACING, Plan
from notifications.campaigns.rendering import Pages
from notifications.campaigns.verdicts import Verdict
from notifications.channels.opening import Channels
from notifications.channels.protocol import OF_THE_LANE, OutgoingMessage, SendResult
from notifications.sending import QUOTA_PAUSE_MIN
from wire import faults

log = structlog.get_logger(__name__)

BATCH = 1000
FRESH_SECONDS = 0.25
"""What was claimed so little ago was looked at just now: consents, pauses and phones were read as it was claimed."""
_NO_PHONE = (None,)


@dataclass(frozen=True)
class Job:
    """One run by one channel, as a drain works on it."""

    plan: Plan
    channel: str
    pages: Pages
    names: frozenset[str]


class Drainer:
    """Sends what campaigns have due. One for each process; `drain` may run in several threads at once."""

    def __init__(self, database: Database, channels: Channels, *, batch: int = BATCH) -> None:
        self._database = database
        self._channels = channels
        self._batch = batch
        self._paces: dict[str, Pace] = {}
        self._places: dict[tuple[UUID, str], Place] = {}
        self._lock = threading.Lock()

    def drain(
        self, run_id: UUID, channel: str, stop: threading.Event | None = None, *, seconds: float = math.inf
    ) -> tuple[int, bool]:
        """Send for `seconds`, or until nothing is due, `stop` is set, or the provider asks us to pause.

        Return how many rows were taken, and whether there may be more.
        """
        ends = time.monotonic() + seconds
        taken = 0
        with self._database.across_programs() as session:
            job = self._job(session, run_id, channel)
        while job is not None and not (stop is not None and stop.is_set()):
            if self._channels.paused(channel, job.plan.program_id):
                return taken, False
            count = self.drain_batch(job)
            taken += count
            if not count:
                return taken, False
            if time.monotonic() >= ends:
                return taken, True
        return taken, False

    def drain_batch(self, job: Job) -> int:
        """Take one batch and work on it; return how many rows were taken."""
        lane = (job.plan.run_id, job.channel)
        after = self._places.get(lane)
        with self._database.across_programs() as session:
            batch = claiming.claim(session, job.plan, job.channel, limit=self._batch, after=after)
            if not batch.held and after is not None:
                # At the end: what came due again before it is found from the start.
                batch = claiming.claim(session, job.plan, job.channel, limit=self._batch)
            early, waiting = self._restrain(session, job, batch.held)
            rates.spend(session, job.plan, len(waiting))
        self._remember(lane, batch.last)
        self._record(job, batch.owner, early)
        if waiting and job.names & member_values.LOOKED_UP:
            waiting = self._look_up(job, waiting)
        pace = self._pace(job.channel)
        looked_at: float | None = batch.looked_at
        while waiting:
            part, waiting = waiting[: pace.size], waiting[pace.size :]
            if not self._send_slice(job, batch, part, pace, looked_at):
                # Paused, cancelled, fenced out, or told to wait: the rest is left to whoever comes next.
                self._record_begun(job, batch.owner, [verdicts.later(held, clock.now()) for held in waiting])
                break
            looked_at = None
        return len(batch.held)

    def _job(self, session: Session, run_id: UUID, channel: str) -> Job | None:
        run = session.scalars(
            select(CampaignRun).where(CampaignRun.id == run_id, CampaignRun.state.in_(SENDING_STATES))
        ).one_or_none()
        if run is None:
            return None
        plan = plans.read(run, session.scalars(select(Program).where(Program.id == run.program_id)).one())
        if reward_id := plan.definition.get("reward_id"):
            of_program = (Reward.program_id == plan.program_id, Reward.id == ids.parse("reward", reward_id))
            plan = replace(plan, reward_name=session.scalar(select(Reward.name).where(*of_program)))
        pages = Pages(plan, Mailing(plan, self._database.keyring, self._database.settings))
        return Job(plan, channel, pages, pages.names())

    def _look_up(self, job: Job, held: list[Held]) -> list[Held]:
        """Return the rows with values that are beyond the members' own rows; what previews show."""
        plan = job.plan
        with self._database.transaction(plan.program_id) as session:
            program = session.scalars(select(Program).where(Program.id == plan.program_id)).one()
            members = session.scalars(select(Member).where(Member.id.in_([one.member_id for one in held]))).all()
            found = member_values.of_members(
                session, program, members, names=job.names & member_values.LOOKED_UP,
                locale={one.member_id: job.pages.locale(one) for one in held},
                reward_id=plan.definition.get("reward_id"), keyring=self._database.keyring,
            )  # fmt: skip
        return [one._replace(values=one.values | found.get(one.member_id, {})) for one in held]

    def _restrain(self, session: Session, job: Job, held: list[Held]) -> tuple[list[Verdict], list[Held]]:
        """Part rows that may be sent now from those that may not, or not yet; take places under caps."""
        early: list[Verdict] = []
        waiting: list[Held] = []
        now = clock.now()
        for one in held:
            outcome = _without_sending(job.plan, job.channel, one, now)
            if isinstance(outcome, Verdict):
                early.append(outcome)
            else:
                waiting.append(outcome)
        if waiting and job.plan.counts(job.channel):
            free = claiming.reserve(session, job.plan, job.channel, waiting, kept=CONTACTS_KEPT)
            early += [verdicts.skipped(one, "capped") for one in waiting if one.member_id not in free]
            waiting = [one for one in waiting if one.member_id in free]
        return early, waiting

    def _send_slice(self, job: Job, batch: Batch, part: list[Held], pace: Pace, looked_at: float | None) -> bool:
        """Send a few, which were last looked at then; return whether to go on with the batch."""
        began = time.monotonic()
        made: list[Verdict] = []
        ready = part
        if job.channel not in REPLACING or looked_at is None or began - looked_at > FRESH_SECONDS:
            with self._database.across_programs() as session:
                confirmed = claiming.confirm(session, job.plan, job.channel, batch.owner, part)
            made = [verdicts.later(one, clock.now()) for one in part if one.id not in confirmed]
            ready = [_with_phones(one, confirmed[one.id]) for one in part if one.id in confirmed]
        lease_left = (batch.until - clock.now()).total_seconds()
        if lease_left <= 0:
            return False
        sent, go_on = self._send(job, ready, begin_by=time.monotonic() + lease_left)
        self._record_begun(job, batch.owner, made + sent)
        if ready:
            pace.learn(time.monotonic() - began)
        return go_on and bool(ready)

    def _send(self, job: Job, ready: list[Held], *, begin_by: float) -> tuple[list[Verdict], bool]:
        outgoing: list[OutgoingMessage] = []
        addressed: list[tuple[Held, Sequence[Phone | None]]] = []
        made: list[Verdict] = []
        for held in ready:
            if job.channel == "push" and not held.phones:
                made.append(verdicts.skipped(held, "no_device"))
                continue
            targets: Sequence[Phone | None] = held.phones or _NO_PHONE
            try:
                outgoing += [job.pages.message(job.channel, held, phone, begin_by=begin_by) for phone in targets]
            except LookupError:
                made.append(verdicts.skipped(held, "language_missing"))
                continue
            addressed.append((held, targets))
        results = self._hand_over(job.channel, outgoing)
        place = 0
        for held, targets in addressed:
            answers = list(zip(targets, results[place : place + len(targets)], strict=True))
            made.append(verdicts.judge(job.channel, held, answers))
            place += len(targets)
        return made, self._heed(job, results)

    def _hand_over(self, channel: str, messages: list[OutgoingMessage]) -> Sequence[SendResult]:
        if channel == "inbox" or not messages:
            # The row is the message: the app shows it.
            return [SendResult(outcome="sent")] * len(messages)
        opened = self._channels.get(channel)
        if opened is None:
            return [SendResult(outcome="refused", reason="channel_not_configured")] * len(messages)
        try:
            return opened.send(messages)
        except Exception as error:  # noqa: BLE001 - a channel that breaks must not hold the rows for a lease
            log.error("channel_failed", channel=channel, **faults.describe(error))  # noqa: TRY400
            return [SendResult(outcome="unknown", reason="channel_failed")] * len(messages)

    def _heed(self, job: Job, results: Sequence[SendResult]) -> bool:
        """Keep the programme's lane still when the provider wants less, or nobody is there; return whether to go on."""
        asked = [result.retry_after_seconds or 0 for result in results if result.reason in OF_THE_LANE]
        if asked:
            pause = max(timedelta(seconds=max(asked)), QUOTA_PAUSE_MIN)
            self._channels.pause(job.channel, job.plan.program_id, clock.now() + pause)
            log.warning("lane_paused", channel=job.channel, program_id=ids.show("program", job.plan.program_id))
        return not asked

    def _record_begun(self, job: Job, owner: UUID, made: list[Verdict]) -> None:
        """Record rows whose sends were counted against the run's rate, and take back what was not sent after all."""
        self._record(job, owner, made)
        if job.plan.rate_per_second(clock.now()) is None:
            return
        unsent = sum(verdict.is_unsent for verdict in made)
        if unsent:
            with self._database.across_programs() as session:
                rates.unspend(session, job.plan, unsent)

    def _record(self, job: Job, owner: UUID, made: list[Verdict]) -> None:
        if not made:
            return
        with self._database.across_programs() as session:
            recorded = verdicts.record(session, job.plan, job.channel, owner, made)
        for verdict in made:
            if verdict.held.id in recorded:
                for phone in verdict.gone:
                    self._forget(verdict.held, phone)
                if verdict.mailbox_gone:
                    with self._database.transaction(job.plan.program_id) as session:
                        mailboxes.note_gone(session, verdict.held.member_id)

    def _forget(self, held: Held, phone: Phone) -> None:
        with self._database.transaction(customer_id=held.customer_id) as session:
            session.execute(delete(Device).where(Device.id == UUID(phone.id), Device.address == phone.address))
        log.info("device_forgotten", delivery_id=ids.show("delivery", held.id))

    def _remember(self, lane: tuple[UUID, str], last: Place | None) -> None:
        """Keep how far a run's rows were taken by a channel, so that the next claim begins there."""
        with self._lock:
            if last is None:
                self._places.pop(lane, None)
            else:
                self._places[lane] = last

    def _pace(self, channel: str) -> Pace:
        most = self._batch if channel in REPLACING else SLICE_ONCE_MAX
        first = min(SLICE_LEAST, most)
        with self._lock:
            return self._paces.setdefault(channel, Pace(first, most, least=first if channel in REPLACING else 1))


def _without_sending(plan: Plan, channel: str, held: Held, now: datetime) -> Verdict | Held:
    """Return what becomes of a row that may not be sent now, or the row as it is to be sent."""
    if held.was_begun and channel not in REPLACING:
        # Its worker died with it in hand: perhaps it was sent, and a second would be read twice.
        return Verdict(held, "unknown", now, reason="worker_lost", counts=False)
    if not plan.says(channel):
        return verdicts.skipped(held, "taken_away")
    unreached = _unreached(channel, held)
    if unreached is not None:
        return verdicts.skipped(held, unreached)
    if held.variant is None and plan.winner:
        variant = plan.late_variant(held.member_id, now)
        if variant is None:
            return verdicts.later(held, plan.parked_until)
        held = held._replace(variant=variant)
    at = plan.window.next_allowed(now, held.zone)
    if at is None:
        return verdicts.skipped(held, "quiet")
    return held if at <= now else verdicts.later(held, at)


def _with_phones(held: Held, known: set[str]) -> Held:
    """Return the row without phones that were forgotten since it was claimed."""
    if all(phone.id in known for phone in held.phones):
        return held
    return held._replace(phones=tuple(phone for phone in held.phones if phone.id in known))


def _unreached(channel: str, held: Held) -> str | None:
    if not held.consented:
        return "no_consent"
    match channel:
        case "push":
            return None if held.phones else "no_device"
        case "email":
            return None if held.mailbox else "no_address"
        case "inbox":
            return None if held.customer_id else "no_address"
    return None
