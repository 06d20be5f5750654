"""Which triggered campaigns run now, remembered for a moment, so that an event costs no query where none listens."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import literal, select

from app import clock, ids
from app.db import Database, Session
from app.models import Campaign
from app.parameters import instant
from app.segments.kinds import Context
from notifications.campaigns import triggers
from notifications.campaigns.triggers import TRIGGERS, Kind, Moment

REMEMBERED = timedelta(seconds=1)
"""A campaign that starts hears of events so much later at most."""

_PARTS = ("trigger", "audience", "schedule", "reward_id")

triggers.load()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A triggered campaign that runs: what it waits for, and whom it is for."""

    id: UUID
    program_id: UUID
    trigger: Mapping[str, Any]
    audience: Mapping[str, Any]
    ends_at: datetime | None = None
    reward_id: UUID | None = None

    @property
    def kind(self) -> Kind:
        """The trigger's kind."""
        return TRIGGERS[self.trigger["event"]]

    @property
    def delay(self) -> timedelta:
        """How long after its cause a journey's first message is due."""
        return timedelta(seconds=int(self.trigger.get("delay_seconds") or 0))

    @property
    def again_after(self) -> timedelta | None:
        """How long nothing begins for a member after it began; without it, once for each cause."""
        days = self.trigger.get("again_after_days")
        return timedelta(days=int(days)) if days else None

    def is_open(self, at: datetime) -> bool:
        """Tell whether anything may begin at an instant."""
        return self.ends_at is None or at < self.ends_at

    def moment(self, context: Context) -> Moment:
        """Return what the trigger's questions are asked about."""
        return Moment(campaign_id=self.id, context=context, trigger=self.trigger, reward_id=self.reward_id)


@dataclass(slots=True)
class _Memory:
    read_at: datetime | None = None
    listeners: dict[UUID, list[Listener]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_memories: "WeakKeyDictionary[Database, _Memory]" = WeakKeyDictionary()


def of_program(database: Database, program_id: UUID, *, event: str) -> list[Listener]:
    """Return the programme's listeners to a kind of event, as they were a moment ago at most."""
    memory = _memories.setdefault(database, _Memory())
    with memory.lock:
        if memory.read_at is None or not timedelta(0) <= clock.now() - memory.read_at < REMEMBERED:
            with database.across_programs() as session:
                found = read(session)
            memory.read_at, memory.listeners = clock.now(), {}
            for one in found:
                memory.listeners.setdefault(one.program_id, []).append(one)
        known = memory.listeners.get(program_id, [])
    return [one for one in known if event in one.kind.hears]


def forget(database: Database) -> None:
    """Look anew at the next event."""
    _memories.pop(database, None)


def read(session: Session, campaign_id: UUID | None = None) -> list[Listener]:
    """Return every triggered campaign that runs, of all programmes, or the one that is named."""
    # Constants, so that the partial index is found; parts of the definition, since its texts may be long.
    parts = [Campaign.definition[name].label(name) for name in _PARTS]
    query = select(Campaign.id, Campaign.program_id, *parts).where(
        Campaign.kind == literal("triggered", literal_execute=True),
        Campaign.status == literal("running", literal_execute=True),
    )
    if campaign_id is not None:
        query = query.where(Campaign.id == campaign_id)
    found = [_listener(row[0], row[1], dict(zip(_PARTS, row[2:], strict=True))) for row in session.execute(query)]
    return [one for one in found if one is not None]


def of_campaign(campaign: Campaign) -> Listener | None:
    """Return what a campaign listens to, or None where it has no trigger that we know."""
    return _listener(campaign.id, campaign.program_id, campaign.definition)


def _listener(campaign_id: UUID, program_id: UUID, definition: Mapping[str, Any]) -> Listener | None:
    trigger = definition.get("trigger")
    # Of another version of the software, perhaps.
    if not trigger or trigger.get("event") not in TRIGGERS:
        return None
    ends_at, reward_id = (definition.get("schedule") or {}).get("ends_at"), definition.get("reward_id")
    return Listener(
        id=campaign_id, program_id=program_id, trigger=trigger, audience=definition.get("audience") or {},
        ends_at=instant(ends_at) if ends_at else None,
        reward_id=ids.parse("reward", reward_id) if reward_id else None,
    )  # fmt: skip
