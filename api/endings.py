"""What a thread does at the end of a request: after the answer is made, whatever came of it."""

from collections.abc import Callable

from flask import g


def at_end(act: Callable[[], None]) -> None:
    """Have `act` called when this request's thread has nothing more to do for it; it must not raise."""
    g.setdefault("endings", []).append(act)


def end(_error: BaseException | None = None) -> None:
    """Do what is to be done; for `Flask.teardown_request`."""
    for act in g.pop("endings", ()):
        act()
