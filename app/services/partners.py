"""Use cases of partners: the merchants that take part in a programme."""

from uuid import UUID

from sqlalchemy import select

from app import clock, ids
from app.db import Session
from app.errors import NotFoundError, invalid_field
from app.models import Partner
from app.services import config_versions, references


def create(session: Session, *, name: str) -> Partner:
    """Let a merchant take part."""
    partner = Partner(name=name)
    session.add(partner)
    config_versions.grow(session)
    return partner


def get(session: Session, partner_id: UUID) -> Partner:
    """Return the partner; raise NotFoundError."""
    partner = session.scalars(select(Partner).where(Partner.id == partner_id)).one_or_none()
    if partner is None:
        raise NotFoundError("No such partner in this programme.", partner=ids.show("partner", partner_id))
    return partner


def only(session: Session) -> Partner:
    """Return the programme's only partner; raise InvalidError when one must be named."""
    found = list(session.scalars(select(Partner).where(Partner.archived_at.is_(None)).limit(2)))
    if len(found) != 1:
        raise invalid_field("#/partner_id", "This programme has several partners: name one.")
    return found[0]


def page(session: Session, *, limit: int, after: UUID | None = None) -> list[Partner]:
    """Return up to `limit` + 1 partners that take part, oldest first, behind `after`."""
    query = select(Partner).where(Partner.archived_at.is_(None)).order_by(Partner.id).limit(limit + 1)
    if after is not None:
        query = query.where(Partner.id > after)
    return list(session.scalars(query))


def rename(session: Session, partner: Partner, *, name: str) -> Partner:
    """Give the partner another name; raise NotFoundError for one that has left."""
    if partner.archived_at is not None:
        raise NotFoundError("This partner has left the programme.", partner=ids.show("partner", partner.id))
    partner.name = name
    config_versions.grow(session)
    return partner


def archive(session: Session, partner: Partner) -> None:
    """Let the partner leave; what happened there stays.

    Raises StillUsedError while an open store, a purse or a reward is its own, or a published rule names it.
    """
    if partner.archived_at is not None:
        return
    config_versions.grow(session)
    references.refuse_if_used(session, "partner", partner.id)
    partner.archived_at = clock.now()
