"""What may be said about an error in logs and in the outbox: its kind and place, never its text.

The text of a database error holds the values of the row: e-mail addresses, names.
"""

import traceback
from pathlib import Path


def describe(error: BaseException) -> dict[str, str]:
    """Return the error's class and where it was raised, `file:line`, as fields of a log line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
    return {"error": type(error).__name__, "at": place}
