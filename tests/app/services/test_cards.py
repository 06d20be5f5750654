"""Cards: issued once, shown by unsealing, stopped at once."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app import clock, ids
from app.db import Session
from app.errors import NotFoundError
from app.models import Event, Member
from app.services import cards
from tests.world import World, make_world


def test_the_token_finds_the_card_by_its_hash_and_is_kept_only_sealed(world: World, session: Session) -> None:
    card = cards.issue(session, world.database.keyring, make_member(session))

    token = cards.token_of(world.database.keyring, card)

    assert ids.digest(token) == card.token_hash
    assert token.encode() not in card.token_sealed


def test_the_key_of_rotating_codes_has_160_bits_and_is_the_cards_own(world: World, session: Session) -> None:
    one, other = (cards.issue(session, world.database.keyring, make_member(session)) for _ in range(2))

    keys = {cards.totp_key_of(world.database.keyring, card) for card in (one, other)}

    assert [len(key) for key in keys] == [20, 20]


def test_a_blocked_card_shows_no_code_until_it_is_unblocked(world: World, session: Session) -> None:
    card = cards.issue(session, world.database.keyring, make_member(session))

    cards.block(session, card, "lost")
    with pytest.raises(cards.CardBlockedError):
        cards.shown(card)

    assert cards.shown(cards.unblock(session, card)).blocked_reason is None


def test_blocking_twice_tells_once(world: World, session: Session) -> None:
    card = cards.issue(session, world.database.keyring, make_member(session))

    cards.block(session, card)
    cards.block(session, card)

    assert list(session.scalars(select(Event.kind))) == ["card.blocked"]


def test_a_replaced_card_has_another_token_and_cannot_be_replaced_again(world: World, session: Session) -> None:
    keyring = world.database.keyring
    old = cards.issue(session, keyring, make_member(session))

    new = cards.replace(session, keyring, old)

    assert cards.token_of(keyring, new) != cards.token_of(keyring, old)
    with pytest.raises(cards.CardReplacedError) as refused:
        cards.replace(session, keyring, old)
    assert refused.value.data["replaced_by"] == ids.show("card", new.id)


def test_the_current_card_is_the_one_that_replaced_the_other(world: World, session: Session) -> None:
    member = make_member(session)
    new = cards.replace(session, world.database.keyring, cards.issue(session, world.database.keyring, member))

    assert cards.of_members(session, [member.id]) == {member.id: new}


def test_a_card_of_another_programme_is_not_found(world: World, session: Session) -> None:
    other = make_world(world.database)
    with world.database.transaction(other.program_id) as elsewhere:
        foreign = cards.issue(elsewhere, world.database.keyring, make_member(elsewhere))

    with pytest.raises(NotFoundError):
        cards.get(session, foreign.id)


@given(st.text("0123456789", min_size=1, max_size=30), st.data())
def test_the_check_digit_finds_every_wrong_digit(body: str, data: st.DataObject) -> None:
    number = body + cards.luhn_digit(body)
    place = data.draw(st.integers(0, len(number) - 1))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[place]]))

    mistyped = number[:place] + wrong + number[place + 1 :]

    assert cards.luhn_digit(mistyped[:-1]) != mistyped[-1]


def test_a_number_is_read_however_it_is_spaced() -> None:
    number = cards.new_number()

    assert {cards.read_number(form) for form in (number, number.replace(" ", ""), number.replace(" ", "-"))} == {number}


def test_the_check_digit_is_the_standards() -> None:
    assert cards.luhn_digit("7992739871") == "3"


@pytest.fixture
def session(world: World) -> Iterator[Session]:
    with world.database.transaction(world.program_id) as session:
        yield session


def make_member(session: Session) -> Member:
    member = Member(joined_at=clock.now())
    session.add(member)
    session.flush()
    return member
