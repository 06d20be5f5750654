"""A web server's process, told what it is: its garbage collector, and the system's scheduler."""

import contextlib
import gc
import os


def settle() -> None:
    """Fit the process to serving; called once it is set up, before it starts threads."""
    _collect_seldom()
    _wake_gently()


def _collect_seldom() -> None:
    """Leave everything made so far out of collections, and collect less often.

    A full collection walks all modules, schemas and mappings, and stops every thread for as long: a scan in a hundred
    would wait for one.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _wake_gently() -> None:
    """Let a thread that wakes wait for its turn: it cannot run before another gives up Python's lock anyway.

    `SCHED_BATCH` (sched(7)) takes nothing from a process but the right to interrupt others by waking; without it two
    requests in three are interrupted once more. Threads started later inherit it. Where there is no such thing, or a
    container forbids it, nothing is lost but this.
    """
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
