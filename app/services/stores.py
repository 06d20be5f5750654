"""Use cases of stores: the places of a programme's partners."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from app import clock, ids
from app.db import Session
from app.errors import NotFoundError, invalid_field
from app.models import Partner, Store
from app.services import config_versions, partners


def create(
    session: Session, *, name: str, partner_id: UUID | None = None, kind: str = "shop", address: str | None = None
) -> Store:
    """Open a store of a partner; without one named, of the programme's only partner."""
    partner = _partner(session, partner_id) if partner_id else partners.only(session)
    store = Store(name=name, partner_id=partner.id, kind=kind, address=address)
    session.add(store)
    config_versions.grow(session)
    return store


def get(session: Session, store_id: UUID) -> Store:
    """Return the store; raise NotFoundError."""
    store = session.scalars(select(Store).where(Store.id == store_id)).one_or_none()
    if store is None:
        raise NotFoundError("No such store in this programme.", store=ids.show("store", store_id))
    return store


def page(session: Session, *, limit: int, after: UUID | None = None) -> list[Store]:
    """Return up to `limit` + 1 stores that are open, oldest first, behind `after`."""
    query = select(Store).where(Store.archived_at.is_(None)).order_by(Store.id).limit(limit + 1)
    if after is not None:
        query = query.where(Store.id > after)
    return list(session.scalars(query))


def change(session: Session, store: Store, *, values: dict[str, object]) -> Store:
    """Set the given columns; raise NotFoundError for a store that is closed."""
    if store.archived_at is not None:
        raise NotFoundError("This store is closed: open another.", store=ids.show("store", store.id))
    if "partner_id" in values:
        _partner(session, values["partner_id"])
    for name, value in values.items():
        setattr(store, name, value)
    config_versions.grow(session)
    return store


def archive(session: Session, store: Store) -> None:
    """Close the store: what happened there stays, nothing new does."""
    store.archived_at = clock.now()
    config_versions.grow(session)


def _partner(session: Session, partner_id: Any) -> Partner:
    query = select(Partner).where(Partner.id == partner_id, Partner.archived_at.is_(None))
    partner = session.scalars(query).one_or_none()
    if partner is None:
        raise invalid_field("#/partner_id", "No partner of this programme that takes part has this id.")
    return partner
