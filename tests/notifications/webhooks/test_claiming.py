"""Who is sent to next: programmes take turns, a webhook has its lanes, failing ones share a few seats."""

from collections import Counter
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app import ids
from notifications.webhooks.claiming import LANES, Candidate, pick

PROGRAMS = [ids.new_id() for _ in range(4)]
WEBHOOKS = [(ids.new_id(), PROGRAMS[place % 4], place % 3 == 0) for place in range(12)]


def candidates_of(place: int, count: int) -> list[Candidate]:
    webhook_id, program_id, failing = WEBHOOKS[place]
    return [Candidate(ids.new_id(), program_id, webhook_id, failing) for _ in range(count)]


def picked_of(candidates: list[Candidate], *, seats: int, suspects: int = 100) -> list[Candidate]:
    return pick(candidates, seats=seats, suspect_seats=suspects, busy={}, programs={})


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 9)), max_size=20), st.integers(0, 30), st.integers(0, 9))
def test_no_limit_is_passed_whatever_waits(waiting: list[tuple[int, int]], seats: int, suspects: int) -> None:
    candidates = [one for place, count in waiting for one in candidates_of(place, count)]
    picked = picked_of(candidates, seats=seats, suspects=suspects)
    lanes = Counter(one.webhook_id for one in picked)
    assert len(picked) <= seats
    assert sum(one.failing for one in picked) <= suspects
    assert len({one.id for one in picked}) == len(picked)
    for webhook_id, _, failing in WEBHOOKS:
        assert lanes[webhook_id] <= (1 if failing else LANES)


def test_a_programme_with_much_to_send_leaves_the_others_their_turn() -> None:
    busy = [one for place in (1, 5) for one in candidates_of(place, LANES)]
    quiet = candidates_of(2, 1)
    assert quiet[0] in picked_of(busy + quiet, seats=2)


def test_who_has_seats_already_waits_for_who_has_none() -> None:
    busy, quiet = candidates_of(1, 2), candidates_of(2, 2)
    held: dict[UUID, int] = {busy[0].program_id: 5}
    picked = pick(busy + quiet, seats=2, suspect_seats=8, busy={}, programs=held)
    assert picked == quiet


def test_a_webhook_at_its_limit_is_left_out() -> None:
    [one, *_] = waiting = candidates_of(1, LANES)
    assert pick(waiting, seats=9, suspect_seats=8, busy={one.webhook_id: LANES}, programs={}) == []
    assert len(pick(waiting, seats=9, suspect_seats=8, busy={one.webhook_id: LANES - 1}, programs={})) == 1


def test_what_failing_webhooks_may_not_take_goes_to_others() -> None:
    failing = [one for place in (0, 3, 6, 9) for one in candidates_of(place, 1)]
    well = candidates_of(1, 2)
    picked = picked_of(failing + well, seats=4, suspects=2)
    assert sum(one.failing for one in picked) == 2
    assert len(picked) == 4
