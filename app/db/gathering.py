"""Questions that threads ask at the same time, asked of the database together.

Being put to sleep and woken costs a web process about as much as the question itself, and so it does its database
process. While one question is under way, those that come are gathered; then they go as one. A question that comes
alone goes alone, at once: waiting for company is never added (group commit's old rule).
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

TOGETHER_MAX = 32


class _Waiting(Generic[Q, A]):
    """One thread's question. `ready` is released when it has its answer, or is to ask for all that wait."""

    __slots__ = ("answer", "error", "leads", "question", "ready")

    def __init__(self, question: Q) -> None:
        self.question = question
        self.ready = threading.Lock()
        self.ready.acquire()
        self.leads = False
        self.error: Exception | None = RuntimeError("the one who asked was stopped")
        self.answer: A


class Gathering(Generic[Q, A]):
    """Asks with `ask`, which answers for each question in order, from any number of threads."""

    def __init__(self, ask: Callable[[Sequence[Q]], Sequence[A]]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._asking = False
        self._gathered: list[_Waiting[Q, A]] = []

    def get(self, question: Q) -> A:
        """Return the answer; raise what `ask` raised for the questions that went together."""
        own = _Waiting[Q, A](question)
        with self._lock:
            waits = self._asking
            if waits:
                self._gathered.append(own)
            self._asking = True
        if waits:
            # Released by whoever asked: with our answer, or with the task to ask.
            own.ready.acquire()
            if not own.leads:
                return _given(own)
        with self._lock:
            together = [own, *self._gathered[: TOGETHER_MAX - 1]]
            del self._gathered[: TOGETHER_MAX - 1]
        try:
            self._answer(together)
        finally:
            self._hand_over()
            for other in together[1:]:
                other.ready.release()
        return _given(own)

    def _answer(self, together: list[_Waiting[Q, A]]) -> None:
        try:
            answers = self._ask([one.question for one in together])
        except Exception as error:  # noqa: BLE001 - each of them raises it to its own caller
            for one in together:
                one.error = error
            return
        for one, answer in zip(together, answers, strict=True):
            one.answer, one.error = answer, None

    def _hand_over(self) -> None:
        with self._lock:
            if not self._gathered:
                self._asking = False
                return
            following = self._gathered.pop(0)
        following.leads = True
        following.ready.release()


def _given(waiting: _Waiting[Q, A]) -> A:
    if waiting.error is not None:
        raise waiting.error
    return waiting.answer
