"""Answers as CSV (RFC 4180): streamed, a batch in memory, and of cells that no spreadsheet takes for a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from flask import Response, request

from api.fields import show_instant

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")  # noqa: RUF001 - full-width, which count too
TYPE = "text/csv"


def cell(value: Any) -> str:
    """Return a value as the text of a cell: ids and texts made harmless, instants in UTC, nothing for None.

    A text that a spreadsheet would compute gets an apostrophe before it (OWASP ASVS 5.0, 1.2.10), as such programs
    themselves mark texts. Numbers are ours and stay numbers.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return show_instant(value)
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def answer(name: str, header: Sequence[str], batches: Iterable[Iterable[Sequence[Any]]]) -> Response:
    """Return a file of that name for download. `batches` are read while it is sent, the first before: it may raise."""
    rest = iter(batches)
    first = next(rest, ())
    return Response(
        _lines(header, first, rest),
        mimetype=TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def is_wanted() -> bool:
    """Tell whether the request would rather have CSV than JSON."""
    return request.accept_mimetypes.best_match(["application/json", TYPE]) == TYPE


def _lines(
    header: Sequence[str], first: Iterable[Sequence[Any]], rest: Iterator[Iterable[Sequence[Any]]]
) -> Iterator[bytes]:
    yield _text([header])
    yield _text(first)
    for batch in rest:
        yield _text(batch)


def _text(rows: Iterable[Sequence[Any]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerows([cell(value) for value in row] for row in rows)
    return buffer.getvalue().encode()
