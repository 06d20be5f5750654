"""Running many things at the same instant."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Found = TypeVar("Found")

THREADS = 16
"""As many as the tests' application has connections."""


def together(work: Callable[[Given], Found], given: Sequence[Given], *, threads: int = THREADS) -> list[Found]:
    """Do the work on each of `given` in threads that begin at one instant; return what each found, in order."""
    start = threading.Barrier(min(threads, len(given)))
    begun = threading.local()

    def begin(one: Given) -> Found:
        if not getattr(begun, "already", False):
            begun.already = True
            start.wait(timeout=120)
        return work(one)

    with ThreadPoolExecutor(max_workers=min(threads, len(given))) as pool:
        return list(pool.map(begin, given))
