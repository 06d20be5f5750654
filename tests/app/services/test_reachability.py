"""One law of who is reached: a preview, a test send, the worker and its engine say the same of everybody."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest
from sqlalchemy import ColumnElement, select

from app import clock, ids
from app.db import Session
from app.models import CampaignRun, Consent, Customer, Device, Member, Program
from app.segments.kinds import Context
from app.segments.people import DEVICE_DAYS
from app.services import reachability, segment_previews, segments
from notifications.campaigns import plans, reach
from tests.world import World

CHANNELS = ("push", "email", "inbox", "console", "pigeon")


@dataclass(frozen=True)
class Person:
    """Somebody with or without each thing that counts."""

    phone: str | None
    own_mailbox: bool
    apps_mailbox: bool
    mailbox_gone: bool
    consent: bool | None

    @property
    def has_app(self) -> bool:
        return self.phone is not None or self.apps_mailbox

    def why_not(self, channel: str) -> str | None:
        """Say the law in other words."""
        if channel in {"push", "email"} and not self.consent:
            return "no_consent"
        mailbox = (self.own_mailbox or self.apps_mailbox) and not self.mailbox_gone
        reached = {"push": self.phone == "fresh", "email": mailbox, "inbox": self.has_app, "console": True}
        return None if reached.get(channel) else "no_device" if channel == "push" else "no_address"


NO_YES = [False, True]
EVERYBODY = [
    Person(phone, own_mailbox, apps_mailbox, mailbox_gone, consent)
    for phone in (None, "fresh", "stale")
    for own_mailbox, apps_mailbox, mailbox_gone in product(NO_YES, NO_YES, NO_YES)
    for consent in (None, True, False)
]


@pytest.fixture
def people(world: World) -> dict[UUID, Person]:
    found = {ids.new_id(): one for one in EVERYBODY}
    for member_id, one in found.items():
        make_person(world, member_id, one)
    return found


@pytest.mark.parametrize("asked_by", ["preview", "test send", "worker"])
def test_who_is_reached_is_the_same_to_all_who_ask(world: World, people: dict[UUID, Person], asked_by: str) -> None:
    for channel in CHANNELS:
        with asking(world, asked_by) as (session, context):
            told = told_by(session, world, reachability.why_not(context, channel))
        assert told == {member_id: one.why_not(channel) for member_id, one in people.items()}, channel


def test_the_engine_leaves_out_whom_the_preview_does(world: World, people: dict[UUID, Person]) -> None:
    # Addresses that are stale by a minute are the clean-up's to take away: the engine may find them until then.
    fresh = {member_id: one for member_id, one in people.items() if one.phone != "stale"}
    with world.database.across_programs() as session:
        program = session.scalars(select(Program).where(Program.id == world.program_id)).one()
        run = CampaignRun(campaign_id=ids.new_id(), starts_at=clock.now(), definition={})
        run.program_id = world.program_id
        plan = plans.read(run, program)
        told = {channel: told_by(session, world, reach.why_not(plan, channel)) for channel in CHANNELS}
        by_law = {
            channel: told_by(session, world, reachability.why_not(plan.context(), channel, purpose=plan.purpose))
            for channel in CHANNELS
        }

    assert by_law == {channel: {key: one.why_not(channel) for key, one in people.items()} for channel in CHANNELS}
    for channel, of in told.items():
        assert {key: of[key] for key in fresh} == {key: one.why_not(channel) for key, one in fresh.items()}, channel


def test_a_preview_counts_what_the_law_says(world: World, people: dict[UUID, Person]) -> None:
    with world.database.transaction(world.program_id) as session:
        told = segment_previews.preview(session, {}).reach

    for channel in ("push", "email", "inbox"):
        assert told[channel] == Counter(one.why_not(channel) or "reachable" for one in people.values())


def told_by(session: Session, world: World, reason: ColumnElement[str | None]) -> dict[UUID, str | None]:
    rows = session.execute(select(Member.id, reason).where(Member.program_id == world.program_id))
    return {row[0]: row[1] for row in rows}


@contextmanager
def asking(world: World, asked_by: str) -> Iterator[tuple[Session, Context]]:
    if asked_by == "worker":
        with world.database.across_programs() as session:
            yield session, segments.context_of(session, program_id=world.program_id)
        return
    with world.database.transaction(world.program_id) as session:
        yield session, replace(segments.context_of(session), whole=asked_by == "preview")


def make_person(world: World, member_id: UUID, person: Person) -> None:
    now = clock.now()
    customer_id = ids.new_id() if person.has_app else None
    if customer_id is not None:
        with world.database.transaction(customer_id=customer_id) as session:
            mailbox = f"{customer_id.hex}@people.example" if person.apps_mailbox else None
            session.add(Customer(id=customer_id, email=mailbox))
            session.flush()
            if person.phone:
                heard = now - timedelta(days=0 if person.phone == "fresh" else DEVICE_DAYS, minutes=1)
                session.add(
                    Device(customer_id=customer_id, address=customer_id.hex, platform="ios", last_contact_at=heard)
                )
    with world.database.transaction(world.program_id) as session:
        own = f"{member_id.hex}@mail.example" if person.own_mailbox else None
        gone = now if person.mailbox_gone else None
        session.add(Member(id=member_id, joined_at=now, customer_id=customer_id, email=own, email_gone_at=gone))
        session.flush()
        if person.consent is not None:
            for channel, granted in product(("push", "email"), (not person.consent, person.consent)):
                session.add(
                    Consent(member_id=member_id, channel=channel, purpose="offers", granted=granted, source="app")
                )
                session.flush()
