"""What begins a triggered campaign for a member: one file a kind, found by its name in `trigger.event`.

A kind hears of published events, or finds the members whose time has come by a query; some do not hold for ever, and
say how to see that (a voucher that was to be used is used). A new kind is a new file here and a name in
`app.offers.triggers.EVENTS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select

from app.registry import Registry
from app.segments.kinds import Context
from notifications.subscribers import PublishedEvent

Candidates = Select[UUID, str]
"""`(member_id, cause)`: whom something may begin for, and the text that tells this beginning from others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A campaign as its trigger sees it, at an instant: `trigger` is the definition's, `reward_id` the campaign's."""

    campaign_id: UUID
    context: Context
    trigger: Mapping[str, Any]
    reward_id: UUID | None = None

    @property
    def days(self) -> int:
        """The trigger's `days`, 0 where it names none."""
        return int(self.trigger.get("days") or 0)


def by_event(event: PublishedEvent, _moment: Moment) -> str:
    """Return the cause of a kind that each event begins anew."""
    return event.id.hex


def every(_event: PublishedEvent, _trigger: Mapping[str, Any]) -> bool:
    """Mean each event that is heard of."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How one `trigger.event` begins, and how long it holds.

    `hears` are kinds of published events, `concerns` which of them the trigger means, and `cause` what tells one
    beginning from another. `due` finds members whose time has come: `(member_id, cause)`, by the hour where `hourly`,
    else every few minutes. `candidates` is `due` for the one member of an event. `holds` is a condition on Member and
    Journey, both joined, never NULL.
    """

    hears: frozenset[str] = frozenset()
    concerns: Callable[[PublishedEvent, Mapping[str, Any]], bool] = every
    cause: Callable[[PublishedEvent, Moment], str] = by_event
    candidates: Callable[[Moment, UUID], Candidates] | None = None
    due: Callable[[Moment], Candidates] | None = None
    hourly: bool = False
    holds: Callable[[Moment], ColumnElement[bool]] | None = None


TRIGGERS: Registry[Kind] = Registry("triggers")
"""All kinds: `TRIGGERS.load("notifications.campaigns.triggers")`."""


def load() -> None:
    """Find every kind; again does nothing."""
    TRIGGERS.load(__name__)
