"""Arrays for PostgreSQL as one text each: the driver would look at each item by itself, thousands of times a second."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Cast, Text, Uuid, cast, literal
from sqlalchemy.types import TypeEngine

from app.db.base import UtcInstant


def uuids(items: Iterable[UUID]) -> Cast[list[UUID]]:
    """Return ids as `uuid[]`."""
    return _array(map(str, items), Uuid())


def texts(items: Iterable[str | None]) -> Cast[list[str]]:
    """Return texts as `text[]`."""
    return _array(("NULL" if item is None else _quoted(item) for item in items), Text())


def instants(items: Iterable[datetime | None]) -> Cast[list[datetime]]:
    """Return instants as `timestamptz[]`."""
    return _array(("NULL" if item is None else f'"{item.isoformat()}"' for item in items), UtcInstant())


def integers(items: Iterable[int], kind: TypeEngine[int]) -> Cast[list[int]]:
    """Return numbers as an array of `kind`."""
    return _array(map(str, items), kind)


def _array(items: Iterable[str], kind: TypeEngine[Any]) -> Cast[Any]:
    return cast(literal("{" + ",".join(items) + "}", Text), ARRAY(kind))


def _quoted(text: str) -> str:
    """Quote an item (PostgreSQL's manual, 8.15.6, array input)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
