"""Twenty requests a second and no more, and a pause that grows while the server is in trouble."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.platforms.google.pacing import PAUSE_SECONDS_MAX, RECOVER_SECONDS, WINDOW_SECONDS, Backoff, Window


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 30)), max_size=60))
def test_no_second_has_more_than_its_twenty(steps: list[tuple[float, int]]) -> None:
    time = Clock()
    window = Window(20, monotonic=time)
    begun: list[float] = []
    for step, wanted in steps:
        time.now += step
        begun += [time.now] * window.take(wanted)

    for at in begun:
        assert sum(at <= other < at + 1 for other in begun) <= 20


@given(st.integers(1, 25), st.floats(0, 1))
def test_who_waits_as_long_as_told_finds_room(wanted: int, step: float) -> None:
    time = Clock()
    window = Window(20, monotonic=time)
    window.take(13)
    time.now += step
    window.take(20)

    time.now += window.wait_seconds(wanted) + 1e-6

    assert window.take(wanted) == min(wanted, 20)


def test_an_idle_project_may_send_a_whole_seconds_worth_at_once() -> None:
    time = Clock()
    window = Window(20, monotonic=time)

    assert [window.take(15), window.take(15)] == [15, 5]
    assert window.wait_seconds() == pytest.approx(WINDOW_SECONDS)
    assert Window(20, monotonic=time).wait_seconds(20) == 0


def test_who_is_too_fast_with_others_takes_half_and_comes_back_slowly() -> None:
    time = Clock()
    window = Window(20, monotonic=time)
    window.halve()
    window.halve()  # another answer to the same second
    assert (window.per_second, window.take(20)) == (10, 10)

    time.now += RECOVER_SECONDS
    assert window.take(20) == 11
    for _ in range(20):
        time.now += RECOVER_SECONDS
        window.take(1)
    assert window.per_second == 20


def test_somebody_who_is_always_too_fast_still_gets_through() -> None:
    time = Clock()
    window = Window(20, monotonic=time)
    for _ in range(9):
        window.halve()
        time.now += WINDOW_SECONDS

    assert window.take(5) == 1


def test_each_trouble_doubles_the_pause_up_to_a_minute() -> None:
    time = Clock()
    backoff = Backoff(monotonic=time)
    pauses = []
    for _ in range(12):
        pauses.append(backoff.trouble())
        time.now += backoff.seconds_left()

    assert 0.5 <= pauses[0] <= 1
    assert 2 <= pauses[2] <= 4
    assert max(pauses) <= PAUSE_SECONDS_MAX
    assert pauses[-1] >= PAUSE_SECONDS_MAX / 2


def test_answers_that_come_during_a_pause_do_not_make_it_longer() -> None:
    backoff = Backoff(monotonic=Clock())
    for _ in range(20):
        backoff.trouble()

    assert backoff.seconds_left() <= 1


def test_a_server_that_says_how_long_is_believed() -> None:
    time = Clock()
    backoff = Backoff(monotonic=time)
    backoff.trouble(retry_after_seconds=30)

    time.now += 29

    assert 0.9 < backoff.seconds_left() < 1.1


def test_the_first_good_answer_after_a_pause_ends_the_trouble() -> None:
    time = Clock()
    backoff = Backoff(monotonic=time)
    for _ in range(5):
        backoff.trouble()
        time.now += backoff.seconds_left()
    backoff.success()

    assert backoff.trouble() <= 1
