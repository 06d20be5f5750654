"""Who proves a contact is told, in the own inbox, of the card that was made under it at a poster."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from app import clock
from app.models import Customer, Event, Member
from app.services import claims, customers, members
from notifications import texts
from notifications.subscribers import SUBSCRIBERS, PublishedEvent
from tests.notifications.test_deliveries import relay_all
from tests.world import World
from tests.world_members import make_customer
from tests.world_notifications import deliveries_of

LATE_EVENING = datetime(2027, 2, 28, 23, 30, tzinfo=UTC)
"""In Paris it is the first of March already."""


@pytest.mark.parametrize(
    ("wait", "locale", "kind", "words"),
    [
        (timedelta(0), "fr", "card.claimed", ["le 1er mars 2027", "Si ce n'était pas vous, remplacez-la"]),
        (timedelta(0), "en", "card.claimed", ["on 1 March 2027", "If that was not you, replace it"]),
        (claims.KEPT, "fr", "card.replaced", ["le 1er mars 2027", "un nouveau code"]),
        (claims.KEPT, "en", "card.replaced", ["on 1 March 2027", "it has a new code"]),
    ],
)
def test_the_notice_says_in_the_persons_language_when_the_card_was_made_and_what_became_of_it(
    world: World, wait: timedelta, locale: str, kind: str, words: list[str]
) -> None:
    with clock.held(LATE_EVENING):
        claim(world, wait=wait, locale=locale, locale_at_poster="de")
        relay_all(world.database)

    (notice,) = deliveries_of(world)
    assert (notice.channel, notice.state, notice.kind, notice.title) == ("inbox", "sent", kind, "Café")
    assert all(word in notice.body for word in words), notice.body
    assert set(notice.data) == {"kind", "program_id", "card_id"}
    assert notice.data["card_id"] == happened(world).data["card"]


def test_a_claim_that_is_told_twice_is_read_once(world: World) -> None:
    claim(world)
    relay_all(world.database)
    fact = happened(world)
    again = PublishedEvent(
        id=fact.id, program_id=world.program_id, kind=fact.kind, data=fact.data, member_id=fact.member_id,
        recorded_at=fact.recorded_at,
    )  # fmt: skip

    SUBSCRIBERS["card_notices"].handle(world.database, again)

    assert len(deliveries_of(world)) == 1


def test_who_was_erased_meanwhile_is_told_nothing(world: World) -> None:
    customers.erase(world.database, claim(world).id)
    relay_all(world.database)

    assert deliveries_of(world) == []


@pytest.mark.parametrize(
    ("day", "spoken", "words"),
    [
        (date(2026, 8, 1), "fr", "1er août 2026"),
        (date(2026, 12, 31), "fr", "31 décembre 2026"),
        (date(2026, 1, 1), "en", "1 January 2026"),
    ],
)
def test_a_day_is_said_in_words(day: date, spoken: str, words: str) -> None:
    assert texts.day(day, spoken) == words


def claim(
    world: World, *, wait: timedelta = timedelta(0), locale: str = "fr", locale_at_poster: str = "fr"
) -> Customer:
    """Let somebody join from the poster, and the person prove the address after a while."""
    person = make_customer(world.database, locale=locale)
    with world.database.transaction(world.program_id) as session:
        made: Member = members.enrol(
            session, world.database.keyring, source="join", email=person.email, locale=locale_at_poster
        )
    assert made.customer_id is None
    if wait:
        clock.advance(wait)
    with world.database.transaction(customer_id=person.id) as session:
        customer = customers.get(session)
    assert customers.link(world.database, customer) == 1
    return customer


def happened(world: World) -> Event:
    """Return the event of the claim."""
    with world.database.transaction(world.program_id) as session:
        return session.scalars(select(Event).where(Event.kind == "card.claimed")).one()
