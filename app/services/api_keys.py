"""Use cases of API keys: how tills and servers call. The key is shown once; its hash and its last letters are kept."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app import clock, ids
from app.db import Session
from app.errors import NotFoundError, invalid_field
from app.models import ApiKey, Store

PREFIX = "ask_live_"
_HINT_LETTERS = 4


def create(session: Session, *, name: str, scopes: Sequence[str], store_id: UUID | None = None) -> tuple[ApiKey, str]:
    """Make a key of 256 random bits and return it with its row: nobody can read it again.

    A key that has `store_id` works in that store only; raises InvalidError when the programme has no such store.
    """
    _check_store(session, store_id)
    key = PREFIX + ids.secret_text(256)
    row = ApiKey(
        name=name,
        key_hash=ids.digest(key),
        hint=key[-_HINT_LETTERS:],
        scopes=sorted(set(scopes)),
        store_id=store_id,
    )
    session.add(row)
    return row, key


def get(session: Session, api_key_id: UUID) -> ApiKey:
    """Return the key's row; raise NotFoundError, also when it was revoked."""
    query = select(ApiKey).where(ApiKey.id == api_key_id, ApiKey.revoked_at.is_(None))
    row = session.scalars(query).one_or_none()
    if row is None:
        raise NotFoundError("No such API key in this programme.", api_key=ids.show("api_key", api_key_id))
    return row


def page(session: Session, *, limit: int, after: UUID | None = None) -> list[ApiKey]:
    """Return up to `limit` + 1 keys that work, oldest first, behind `after`."""
    query = select(ApiKey).where(ApiKey.revoked_at.is_(None)).order_by(ApiKey.id).limit(limit + 1)
    if after is not None:
        query = query.where(ApiKey.id > after)
    return list(session.scalars(query))


def change(session: Session, row: ApiKey, *, values: Mapping[str, Any]) -> ApiKey:
    """Set name, scopes or store (None: all stores); every process knows within five seconds. Raises InvalidError."""
    _check_store(session, values.get("store_id"))
    for name, value in values.items():
        setattr(row, name, sorted(set(value)) if name == "scopes" else value)
    return row


def _check_store(session: Session, store_id: UUID | None) -> None:
    if store_id is None:
        return
    if session.scalar(select(Store.id).where(Store.id == store_id, Store.archived_at.is_(None))) is None:
        raise invalid_field("#/store_id", "No store of this programme that is open has this id.")


def revoke(row: ApiKey) -> None:
    """Let the key open nothing any more; every process knows within five seconds."""
    row.revoked_at = clock.now()
