"""The one place that knows what time it is, so that tests and sandboxes can hold it still."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta


class _Clock:
    """The process's clock: the machine's, or one that is held by `held`."""

    held_at: datetime | None = None


def now() -> datetime:
    """Return this instant, aware, in UTC."""
    if _Clock.held_at is not None:
        return _Clock.held_at
    return datetime.now(UTC)  # noqa: TID251 - the only caller


def unix_seconds() -> int:
    """Return this instant as whole seconds since 1970."""
    return int(now().timestamp())


@contextlib.contextmanager
def held(instant: datetime) -> Iterator[None]:
    """Hold the clock at `instant` (aware) for the whole process until the block ends."""
    before, _Clock.held_at = _Clock.held_at, instant.astimezone(UTC)
    try:
        yield
    finally:
        _Clock.held_at = before


def advance(step: timedelta) -> datetime:
    """Move a held clock by `step` and return the new instant; raise RuntimeError when it is not held."""
    if _Clock.held_at is None:
        raise RuntimeError("the clock runs by itself: hold it before you move it")
    _Clock.held_at += step
    return _Clock.held_at
