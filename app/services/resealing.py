"""Sealing anew, under the secret key in use, what fallbacks sealed: the second half of rotating the secret key.

Every sealed column of the models is walked in the order of its table's key, a batch at a time; each batch is its own
transaction. A value is replaced only while it is what was read, so that servers may work meanwhile, and one that the
key in use sealed is passed over, so that the walk may be broken off and begun again at any time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, bindparam, literal, select, tuple_, update

from app.crypto import Keyring
from app.db import Database, Session
from app.models import Base
from app.services import (
    mails,
    pass_registrations,
    passes,
    push_credentials,
    second_factors,
    wallet_credentials,
    webhook_secrets,
)

BATCH = 500

_CONTEXTS: dict[str, Callable[[Any], bytes]] = {
    "card.token_sealed": lambda row: row.id.bytes,
    "card.totp_key_sealed": lambda row: row.id.bytes,
    "letter.sealed": lambda row: mails.context_of(row.id),
    "pass.token_sealed": lambda row: passes.token_context(row.id),
    "pass_device.push_token_sealed": lambda row: pass_registrations.context_of(row.library_id_hash),
    "push_credential.sealed": lambda row: push_credentials.context_of(row.program_id),
    "staff.totp_key_sealed": second_factors.context_of,
    "voucher.code_sealed": lambda row: row.id.bytes,
    "wallet_credential.sealed": lambda row: wallet_credentials.context_of(row.program_id, row.id),
    "webhook.secrets_sealed": webhook_secrets.context_of,
}
"""What each value is bound to, as whoever seals it says."""


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed values. `context` is given a row."""

    model: type[Base]
    name: str
    context: Callable[[Any], bytes]

    @property
    def title(self) -> str:
        """The column as messages name it: `card.token_sealed`."""
        return f"{self.model.__tablename__}.{self.name}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a walk over a column found: `old` values were sealed by fallbacks, `unreadable` ones by no key we have."""

    column: str
    values: int
    old: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class _Change:
    """A value that is to be replaced, and the row's key and programme (None where it has none)."""

    key: tuple[Any, ...]
    program_id: UUID | None
    before: bytes
    after: bytes


def columns() -> list[SealedColumn]:
    """Return every column that holds sealed values, by its name; raise RuntimeError for one that nobody describes."""
    found = []
    for mapper in Base.registry.mappers:
        for column in mapper.local_table.columns:
            if isinstance(column.type, LargeBinary) and (column.name == "sealed" or column.name.endswith("_sealed")):
                title = f"{mapper.local_table.name}.{column.name}"  # type: ignore[attr-defined]
                if title not in _CONTEXTS:
                    raise RuntimeError(f"{title}: say in app/services/resealing.py what its values are bound to")
                found.append(SealedColumn(mapper.class_, column.name, _CONTEXTS[title]))
    return sorted(found, key=lambda one: one.title)


def walk(database: Database, column: SealedColumn, *, writes: bool, batch: int = BATCH) -> Found:
    """Look at every value of a column; with `writes`, seal anew what a fallback sealed."""
    values = old = unreadable = 0
    for rows in _batches(database, column, batch):
        changes = []
        for row in rows:
            sealed = getattr(row, column.name)
            # Never there, or taken away, as of a credential that was replaced.
            if not sealed:
                continue
            values += 1
            change = _change(database.keyring, column, row, sealed)
            old += change is not None
            if change is not None and not change.after:
                unreadable += 1
            elif change is not None:
                changes.append(change)
        if writes and changes:
            _write(database, column, changes)
    return Found(column.title, values, old - unreadable, unreadable)


def _batches(database: Database, column: SealedColumn, batch: int) -> Iterator[Sequence[Any]]:
    keys = column.model.__mapper__.primary_key
    query = select(column.model).order_by(*keys).limit(batch)
    after: tuple[Any, ...] | None = None
    while True:
        page = query
        if after is not None:
            last = [literal(value, key.type) for value, key in zip(after, keys, strict=True)]
            page = query.where(tuple_(*keys) > tuple_(*last))
        # The worker's session reads all programmes; nothing is held while the values are opened.
        with database.across_programs() as session:
            rows = session.scalars(page).all()
        if rows:
            yield rows
            after = _key_of(column, rows[-1])
        if len(rows) < batch:
            return


def _key_of(column: SealedColumn, row: Any) -> tuple[Any, ...]:
    return tuple(column.model.__mapper__.primary_key_from_instance(row))


def _change(keyring: Keyring, column: SealedColumn, row: Any, sealed: bytes) -> _Change | None:
    """Return how to seal a value anew, None where the key in use sealed it; `after` is empty where no key opens it."""
    context = column.context(row)
    if keyring.opened(sealed, context=context) is not None:
        return None
    plains = (one.opened(sealed, context=context) for one in keyring.fallbacks)
    plain = next((plain for plain in plains if plain is not None), None)
    after = keyring.seal(plain, context=context) if plain is not None else b""
    return _Change(_key_of(column, row), getattr(row, "program_id", None), sealed, after)


def _write(database: Database, column: SealedColumn, changes: list[_Change]) -> None:
    of_programs: dict[UUID | None, list[_Change]] = defaultdict(list)
    for change in changes:
        of_programs[change.program_id].append(change)
    for program_id, same in of_programs.items():
        # Rows of a programme are the web role's to change; those of none are the workers'.
        session_of = database.transaction(program_id) if program_id is not None else database.across_programs()
        with session_of as session:
            _replace(session, column, same)


def _replace(session: Session, column: SealedColumn, changes: list[_Change]) -> None:
    table = column.model.__table__
    keys = column.model.__mapper__.primary_key
    matches = [key == bindparam(f"key_{place}") for place, key in enumerate(keys)]
    # Only while it is what was read: somebody may have sealed something newer meanwhile.
    statement = (
        update(table)  # type: ignore[arg-type]
        .where(*matches, table.c[column.name] == bindparam("before"))
        .values({column.name: bindparam("after")})
    )
    session.connection().execute(
        statement,
        [
            {f"key_{place}": value for place, value in enumerate(change.key)}
            | {"before": change.before, "after": change.after}
            for change in changes
        ],
    )
