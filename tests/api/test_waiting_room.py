"""A waiting room under more guests than it has chairs for."""

import threading
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from api import waiting_room
from api.problems import TooManyRequestsError
from api.waiting_room import COME_BACK_SECONDS, WaitingRoom


def test_so_many_work_as_many_wait_and_the_rest_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_room, "PATIENCE_SECONDS", 120)
    room, busy, refused, done = WaitingRoom("test", seats=2), threading.Semaphore(0), threading.Semaphore(0), Event()
    retries: list[int] = []

    def work(_number: int) -> str:
        try:
            with room.turn():
                busy.release()
                done.wait(120)
        except TooManyRequestsError as error:
            retries.append(error.data["retry_after"])
            refused.release()
            return "sent away"
        return "worked"

    with ThreadPoolExecutor(10) as threads:
        begun = [threads.submit(work, number) for number in range(10)]
        assert all(busy.acquire(timeout=120) for _ in range(2))
        assert all(refused.acquire(timeout=120) for _ in range(6))
        assert not busy.acquire(blocking=False)
        done.set()
        assert sorted(one.result() for one in begun) == ["sent away"] * 6 + ["worked"] * 4
    assert retries == [COME_BACK_SECONDS] * 6


def test_whoever_waits_for_too_long_is_sent_away_and_leaves_the_chair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_room, "PATIENCE_SECONDS", 0.01)
    room = WaitingRoom("test", seats=1)
    with room.turn():
        for _ in range(3):
            with pytest.raises(TooManyRequestsError), room.turn():
                pass
    with room.turn():
        pass


def test_work_that_fails_frees_its_seat() -> None:
    room = WaitingRoom("test", seats=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), room.turn():
            raise ZeroDivisionError
