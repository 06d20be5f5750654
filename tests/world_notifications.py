"""Builders for what happens outside the request: members with phones, vouchers, and a channel that does as told."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select

from app import clock, ids
from app.db import Database
from app.models import Customer, Delivery, Device, Event, Member, Reward, Voucher
from app.services import events
from notifications.channels.protocol import OutgoingMessage, SendResult
from tests.world import World


@dataclass(frozen=True)
class Person:
    """A member with the app: `addresses` are those of the phones."""

    member_id: UUID
    customer_id: UUID
    addresses: list[str]


def make_person(world: World, *, phones: int = 1, locale: str | None = "fr", phone_locale: str | None = None) -> Person:
    """Make a customer with phones who is a member of the world's programme."""
    customer = Customer(email=f"{ids.new_id().hex}@mail.example", first_name="Zoé", locale=locale)
    with world.database.transaction(customer_id=customer.id) as session:
        session.add(customer)
        session.flush()
        devices = [
            Device(
                customer_id=customer.id,
                address=f"phone-{ids.new_id().hex}",
                platform="android",
                last_contact_at=clock.now(),
                locale=phone_locale,
            )
            for _ in range(phones)
        ]
        session.add_all(devices)
    with world.database.transaction(world.program_id, customer_id=customer.id) as session:
        member = Member(joined_at=clock.now(), customer_id=customer.id, first_name="Zoé", locale=locale)
        session.add(member)
    return Person(member.id, customer.id, [device.address for device in devices])


def make_member_without_app(world: World) -> UUID:
    with world.database.transaction(world.program_id) as session:
        member = Member(joined_at=clock.now())
        session.add(member)
    return member.id


def issue_voucher(world: World, member_id: UUID, *, name: str = "Café offert", status: str = "issued") -> Event:
    """Give the member a voucher and publish the fact; return the event."""
    with world.database.transaction(world.program_id) as session:
        reward = Reward(name=name, kind="free_item")
        session.add(reward)
        session.flush()
        voucher = Voucher(
            member_id=member_id,
            reward_id=reward.id,
            name=name,
            code_hash=ids.secret_bytes(32),
            code_sealed=b"x",
            issued_at=clock.now(),
            status=status,
        )
        session.add(voucher)
        data = {"voucher": ids.show("voucher", voucher.id)}
        return events.publish(session, kind="voucher.issued", data=data, member_id=member_id)


def deliveries_of(world: World, *, channel: str | None = None) -> list[Delivery]:
    """Return the programme's deliveries, oldest first, as they are now."""
    query = select(Delivery).order_by(Delivery.id)
    if channel:
        query = query.where(Delivery.channel == channel)
    with world.database.transaction(world.program_id) as session:
        return list(session.scalars(query))


def event_now(world: World, event: Event) -> Event:
    with world.database.transaction(world.program_id) as session:
        return session.scalars(select(Event).where(Event.id == event.id)).one()


def addresses_of(database: Database, person: Person) -> set[str]:
    """Return the addresses of the person's phones that we still know."""
    with database.transaction(customer_id=person.customer_id) as session:
        return set(session.scalars(select(Device.address)))


SENT = SendResult(outcome="sent", provider_id="projects/p/messages/1")


@dataclass
class ScriptedChannel:
    """A channel that answers as told for each address, in turn, then `sent`; keeps what it was given.

    Sends to addresses that are not this test's are answered `sent` and not kept.
    """

    mine: Sequence[str]
    answers: dict[str, list[SendResult]] = field(default_factory=dict)
    before_send: Callable[[], None] | None = None
    sent: list[OutgoingMessage] = field(default_factory=list)
    kind: str = "scripted"
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        if self.before_send:
            self.before_send()
        with self._lock:
            return [self._answer(message) for message in messages]

    def close(self) -> None:
        pass

    def _answer(self, message: OutgoingMessage) -> SendResult:
        if message.address not in self.mine:
            return SENT
        self.sent.append(message)
        waiting = self.answers.get(message.address, [])
        return waiting.pop(0) if waiting else SENT
