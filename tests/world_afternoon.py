"""A marketer's afternoon: people in three zones whose phones note when they ring, and a worker that works in steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from app import clock
from app.config import Settings
from app.models import CampaignRun, Member
from notifications.campaigns import dispatching, journeys, leaving, making, ticking
from notifications.channels.protocol import OutgoingMessage, SendResult
from tests.world import World
from tests.world_engine import drainer_of, make_audience

ZONES = ("Asia/Tokyo", "Europe/Paris", "America/New_York")
SENT = SendResult(outcome="sent", provider_id="projects/p/messages/1")


@dataclass(frozen=True)
class Ring:
    """A message as a phone shows it; `delivery_id` says which message a second one would have replaced."""

    member_id: UUID
    zone: str
    title: str
    at: datetime
    delivery_id: UUID

    @property
    def wall_clock(self) -> datetime:
        """What the clock on the wall said, where the phone was."""
        return self.at.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)


@dataclass
class Phones:
    """Everybody's phones, as a channel."""

    zones: dict[UUID, str]
    rings: list[Ring] = field(default_factory=list)
    kind: str = "phones"

    def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        """Ring."""
        for message in messages:
            _, _, rest = message.address.partition("phone-")
            member_id = UUID(rest.partition("-")[0])
            ring = Ring(member_id, self.zones[member_id], message.title, clock.now(), message.delivery_id)
            self.rings.append(ring)
        return [SENT] * len(messages)

    def close(self) -> None:
        """Nothing to close."""


class Afternoon:
    """Members of three zones, in two languages, and the worker that serves them while the clock is held."""

    def __init__(self, world: World, settings: Settings, *, each: int, tag: str = "regular") -> None:
        self.world, self.zones = world, dict[UUID, str]()
        for zone in ZONES:
            made = make_audience(world, each, timezone=zone)
            self.zones |= dict.fromkeys(made, zone)
            self._speak(made[::2], "en")
        self._tag(tag)
        self.phones = Phones(self.zones)
        self._drainer = drainer_of(world.database, self.phones, settings=settings, batch=50)

    @property
    def members(self) -> list[UUID]:
        """All of them."""
        return list(self.zones)

    def of_zone(self, zone: str) -> list[UUID]:
        """Return who lives in a zone."""
        return [member for member, theirs in self.zones.items() if theirs == zone]

    def work(self) -> None:
        """Do all that a worker would do now: its ticker's and its tasks' parts, without waiting."""
        database = self.world.database
        for _ in range(10):
            ticking.tick(database)
            journeys.tick(database)
            leaving.withdraw(database)
            with database.across_programs() as session:
                unmade = session.scalars(
                    select(CampaignRun.id).where(CampaignRun.made_at.is_(None), CampaignRun.state == "making")
                ).all()
                due = dispatching.runs_to_drain(session)
            if not unmade and not due:
                return
            for run_id in unmade:
                making.make(database, run_id)
            for one in due:
                self._drainer.drain(one.run_id, one.channel)

    def until(self, instant: datetime, *, step: timedelta = timedelta(minutes=30)) -> None:
        """Let the clock go on to an instant, working on the way."""
        while clock.now() < instant:
            clock.advance(min(step, instant - clock.now()))
            self.work()

    def _speak(self, members: Sequence[UUID], locale: str) -> None:
        with self.world.database.transaction(self.world.program_id) as session:
            session.execute(update(Member).where(Member.id.in_(members)).values(locale=locale))

    def _tag(self, tag: str) -> None:
        with self.world.database.transaction(self.world.program_id) as session:
            session.execute(update(Member).where(Member.id.in_(self.members)).values(tags=[tag]))


def utc(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """Return an instant in March 2027."""
    return datetime(2027, 3, day, hour, minute, second, tzinfo=UTC)
