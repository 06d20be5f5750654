"""Finding members by what people type: an address, a number, an id, or the beginning of a name."""

from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from app import ids
from app.db import Session
from app.errors import InvalidError, NotFoundError
from app.models import Card, Member
from app.services import cards, contacts

PREFIX_MIN = 2
"""Fewer letters of a name would find half the programme."""

WORDS_MAX = 5
"""Each word more is two looks more; nobody types more of a name."""

_LAST_CHARACTER = "\U0010ffff"


def search(session: Session, query: str, *, limit: int) -> list[Member]:
    """Return up to `limit` members whom the text means, the surest first.

    An e-mail address, a phone number, an external id, a card's number or a member's id is taken whole; a name by its
    beginning, first or last, two letters at least, accents, capitals and hyphens or not. Each is a look into an index,
    however large the programme.
    """
    found = {member.id: member for member in _exact(session, query)}
    words = [word for word in query.split() if any(map(str.isalnum, word))][:WORDS_MAX]
    if sum(map(str.isalnum, "".join(words))) >= PREFIX_MIN:
        for conditions in _name_conditions(words):
            if len(found) >= limit:
                break
            matching = select(Member).where(*conditions).limit(limit)
            found |= {member.id: member for member in session.scalars(matching)}
    return list(found.values())[:limit]


def _exact(session: Session, query: str) -> list[Member]:
    text = query.strip()
    conditions: list[ColumnElement[bool]] = [Member.external_id == text]
    if text.startswith(f"{ids.PREFIXES['member']}_"):
        conditions.append(Member.id == _or_none(ids.parse, "member", text))
    if "@" in text:
        conditions.append(Member.email == _or_none(contacts.email, text))
    if (phone := _or_none(contacts.phone, text)) is not None:
        conditions.append(Member.phone == phone)
    if (number := cards.read_number(text)) is not None:
        # Asked for on its own: a subquery among the alternatives would keep them from their indexes.
        holder = session.scalar(select(Card.member_id).where(Card.number == number))
        conditions.append(Member.id == holder)
    return list(session.scalars(select(Member).where(or_(*conditions)).limit(5)))


def _or_none(read: Any, *arguments: str) -> Any:
    try:
        return read(*arguments)
    except (InvalidError, NotFoundError):
        return None


def _name_conditions(words: list[str]) -> list[list[ColumnElement[bool]]]:
    """Return what to look for, one index each: the last name, the first, and both in either order."""
    first, last = Member.first_name_plain, Member.last_name_plain
    found = [_begins(last, words), _begins(first, words)]
    for place in range(1, len(words)):
        head, tail = words[:place], words[place:]
        found += [_begins(last, tail) + _begins(first, head), _begins(last, head) + _begins(first, tail)]
    return found


def _begins(column: InstrumentedAttribute[str | None], words: list[str]) -> list[ColumnElement[bool]]:
    # A range of the column's own order (collation C) rather than LIKE, which row-level security keeps from indexes.
    prefix = func.plain_name(" ".join(words))
    return [column >= prefix, column < prefix.concat(_LAST_CHARACTER)]
