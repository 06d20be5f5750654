"""Questions that threads ask at the same time, asked of the database together.

Being put to sleep and woken costs a web process about as much as the question itself, and so it does its database
process. While one question is under way, those that come are gathered; then they go as one. A question that comes
alone goes alone, at once: waiting for company is never added (group commit's old rule).

Who is woken needs Python's lock, of which there is one: woken all at once, all but one go to sleep again at that. So
each thread wakes the next as it ends, and the last one lets those ask who were gathered meanwhile. A thread ends where
the caller says so (`at_end`), which is when it has no more work than to be given the next request.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

TOGETHER_MAX = 32


def at_once(act: Callable[[], None]) -> None:
    """End here: for a thread of which nobody says when it ends."""
    act()


class _Waiting(Generic[Q, A]):
    """One thread's question. `ready` is released when it has its answer, or is to ask for all that wait."""

    __slots__ = ("answer", "error", "leads", "next", "question", "ready")

    def __init__(self, question: Q) -> None:
        self.question = question
        self.ready = threading.Lock()
        self.ready.acquire()
        self.leads = False
        self.next: _Waiting[Q, A] | None = None
        """Whom this one's end wakes; nobody for the last, whose end lets the gathered ask."""
        self.error: Exception | None = RuntimeError("the one who asked was stopped")
        self.answer: A


class Gathering(Generic[Q, A]):
    """Asks with `ask`, which answers for each question in order, from any number of threads."""

    def __init__(self, ask: Callable[[Sequence[Q]], Sequence[A]]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._asking = False
        self._gathered: list[_Waiting[Q, A]] = []

    def get(self, question: Q, at_end: Callable[[Callable[[], None]], None] = at_once) -> A:
        """Return the answer; raise what `ask` raised for the questions that went together.

        `at_end` is given, before this returns or raises, what must be called once when the thread ends: others wait
        for it.
        """
        own = _Waiting[Q, A](question)
        with self._lock:
            waits = self._asking
            if waits:
                self._gathered.append(own)
            self._asking = True
        if waits:
            # Released by whoever went before: with our answer, or with the task to ask.
            own.ready.acquire()
        try:
            if own.leads or not waits:
                self._lead(own)
        finally:
            at_end(partial(self._pass_on, own))
        if own.error is not None:
            raise own.error
        return own.answer

    def _lead(self, own: _Waiting[Q, A]) -> None:
        with self._lock:
            together = [own, *self._gathered[: TOGETHER_MAX - 1]]
            del self._gathered[: TOGETHER_MAX - 1]
        for one, following in pairwise(together):
            one.next = following
        try:
            answers = self._ask([one.question for one in together])
        except Exception as error:  # noqa: BLE001 - each of them raises it to its own caller
            for one in together:
                one.error = error
            return
        for one, answer in zip(together, answers, strict=True):
            one.answer, one.error = answer, None

    def _pass_on(self, own: _Waiting[Q, A]) -> None:
        if own.next is not None:
            own.next.ready.release()
            return
        with self._lock:
            if not self._gathered:
                self._asking = False
                return
            following = self._gathered.pop(0)
        following.leads = True
        following.ready.release()
