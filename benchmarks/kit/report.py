"""How benchmarks say what they saw: lines while they run, a table, and one line of JSON at the end."""

import json
from collections.abc import Sequence
from statistics import median
from typing import Any


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under a header, numbers to the right."""
    texts = [[_cell(value) for value in row] for row in [header, *rows]]
    widths = [max(len(row[place]) for row in texts) for place in range(len(header))]
    for row in texts:
        first, *rest = (text.ljust(width) if place == 0 else text.rjust(width)
                        for place, (text, width) in enumerate(zip(row, widths, strict=True)))  # fmt: skip
        say("  ".join([first, *rest]))


def finish(values: dict[str, Any]) -> None:
    """Print the result as the last line."""
    say(json.dumps({name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}))


def middle(values: Sequence[float]) -> float:
    """Return the median."""
    return float(median(values))


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
