"""Questions asked at once go together; each is answered, and nobody waits for company."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest

from app.db.gathering import TOGETHER_MAX, Gathering


def test_a_question_alone_is_asked_alone() -> None:
    asked: list[list[int]] = []

    def ask(questions: Sequence[int]) -> list[int]:
        asked.append(list(questions))
        return [question * 2 for question in questions]

    gathering = Gathering(ask)

    assert [gathering.get(question) for question in (1, 2)] == [2, 4]
    assert asked == [[1], [2]]


def test_what_comes_while_one_is_asked_goes_as_one() -> None:
    asked: list[list[int]] = []
    first_is_asked, go_on = threading.Event(), threading.Event()

    def ask(questions: Sequence[int]) -> list[int]:
        asked.append(list(questions))
        first_is_asked.set()
        assert go_on.wait(60)
        return [question * 2 for question in questions]

    gathering = Gathering(ask)
    with ThreadPoolExecutor(TOGETHER_MAX + 5) as pool:
        first = pool.submit(gathering.get, 0)
        assert first_is_asked.wait(60)
        others = [pool.submit(gathering.get, question) for question in range(1, TOGETHER_MAX + 3)]
        while len(gathering._gathered) < len(others):
            time.sleep(0.01)
        go_on.set()
        answers = [first.result(60), *(other.result(60) for other in others)]

    assert answers == [question * 2 for question in range(TOGETHER_MAX + 3)]
    assert [len(together) for together in asked] == [1, TOGETHER_MAX, 2]


def test_every_thread_gets_its_own_answer() -> None:
    gathering: Gathering[int, int] = Gathering(lambda questions: [question + 1 for question in questions])

    def keep_asking(start: int) -> None:
        for question in range(start, start + 2000):
            assert gathering.get(question) == question + 1

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(keep_asking, start * 10_000) for start in range(8)]:
            done.result(60)


def test_a_failure_is_told_to_those_who_asked_and_ends_with_them() -> None:
    def ask(questions: Sequence[int]) -> list[int]:
        if 0 in questions:
            raise ValueError("no zero")
        return list(questions)

    gathering = Gathering(ask)

    with pytest.raises(ValueError, match="no zero"):
        gathering.get(0)
    assert gathering.get(7) == 7


def test_each_is_woken_as_the_one_before_ends() -> None:
    ends: list[Callable[[], None]] = []
    first_is_asked, go_on = threading.Event(), threading.Event()

    def ask(questions: Sequence[int]) -> list[int]:
        first_is_asked.set()
        assert go_on.wait(60)
        return list(questions)

    gathering = Gathering(ask)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(gathering.get, 0, ends.append)
        assert first_is_asked.wait(60)
        others = [pool.submit(gathering.get, question, ends.append) for question in (1, 2, 3)]
        while len(gathering._gathered) < len(others):
            time.sleep(0.01)
        go_on.set()
        assert first.result(60) == 0
        answered = []
        for _ in others:
            assert len(ends) == 1
            ends.pop()()
            done = next(as_completed([other for other in others if other not in answered], timeout=60))
            answered.append(done)
        ends.pop()()

    assert sorted(one.result() for one in answered) == [1, 2, 3]
    assert gathering.get(4) == 4


def test_who_fails_lets_the_next_go_on() -> None:
    ends: list[Callable[[], None]] = []
    gathering: Gathering[int, int] = Gathering(lambda questions: [1 // question for question in questions])

    with pytest.raises(ZeroDivisionError):
        gathering.get(0, ends.append)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(gathering.get, 1)
        with pytest.raises(TimeoutError):
            following.result(0.2)
        ends.pop()()
        assert following.result(60) == 1
