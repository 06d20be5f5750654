"""What set-up rows say of each other: that a named row exists, and that nothing live names one before it goes.

Callers hold the programme's row first (`config_versions.grow`), so that changes of set-up come one after the other and
nothing is named in one transaction while it goes in another.
"""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, true

from app import ids
from app.db import Session
from app.errors import ConflictError, InvalidError
from app.models import Campaign, Partner, Purse, Reward, Rule, Segment, Store

Reference = tuple[str, str, UUID]
"""A JSON pointer, a kind, and the id that stands there."""

USERS_SHOWN = 20
LIVE_CAMPAIGNS = ("awaiting_approval", "scheduled", "running", "paused")


class StillUsedError(ConflictError):
    """Something live names it; `used_by` holds up to `USERS_SHOWN` public ids."""

    slug = "still-used"
    title = "It is still used"


def check(session: Session, wanted: Iterable[Reference]) -> None:
    """Raise InvalidError that points at each reference to what the programme has not, or has no longer."""
    wanted = list(wanted)
    known = {
        kind: set(session.scalars(_present(kind, {id_ for _, other, id_ in wanted if other == kind})))
        for kind in {kind for _, kind, _ in wanted}
    }
    errors = [
        {"pointer": pointer, "detail": f"No such {kind} in this programme: `{ids.show(kind, id_)}`."}
        for pointer, kind, id_ in wanted
        if id_ not in known[kind]
    ]
    if errors:
        raise InvalidError("Something named in the request is not there; `errors` names each.", errors=errors)


def _present(kind: str, wanted: set[UUID]) -> Any:
    tables: dict[str, tuple[Any, ColumnElement[bool]]] = {
        "partner": (Partner.id, Partner.archived_at.is_(None)),
        "store": (Store.id, Store.archived_at.is_(None)),
        "purse": (Purse.id, Purse.archived_at.is_(None)),
        "reward": (Reward.id, Reward.status != "archived"),
        "segment": (Segment.id, Segment.archived_at.is_(None)),
        "campaign": (Campaign.id, true()),
    }
    column, is_open = tables[kind]
    return select(column).where(column.in_(wanted), is_open)


def refuse_if_used(session: Session, kind: str, subject: UUID) -> None:
    """Raise StillUsedError while something live names the row: a place, purse, reward, segment, rule or campaign."""
    used_by = _users(session, kind, subject)[:USERS_SHOWN]
    if used_by:
        raise StillUsedError(f"Change or archive first what names it: {', '.join(used_by)}.", used_by=used_by)


def _users(session: Session, kind: str, subject: UUID) -> list[str]:
    found: list[str] = []
    if kind == "partner":
        stores = select(Store.id).where(Store.partner_id == subject, Store.archived_at.is_(None))
        found += [ids.show("store", id_) for id_ in session.scalars(stores)]
    for purse in session.scalars(select(Purse).where(Purse.archived_at.is_(None))):
        if subject in {purse.partner_id, purse.reward_id}:
            found.append(ids.show("purse", purse.id))
    text = ids.show(kind, subject)
    for reward in session.scalars(select(Reward).where(Reward.status != "archived")):
        if subject in {reward.partner_id, reward.purse_id} or text in json.dumps(reward.value):
            found.append(ids.show("reward", reward.id))
    for rule in session.scalars(select(Rule).where(Rule.status.in_(("live", "paused")))):
        if text in json.dumps(rule.definition):
            found.append(ids.show("rule", rule.id))
    return found + _offers(session, text)


def _offers(session: Session, text: str) -> list[str]:
    """Return the segments and live campaigns whose words name a public id."""
    segments = session.execute(
        select(Segment.id, Segment.where).where(Segment.archived_at.is_(None), Segment.where.is_not(None))
    )
    campaigns = session.execute(select(Campaign.id, Campaign.definition).where(Campaign.status.in_(LIVE_CAMPAIGNS)))
    return [
        *(ids.show("segment", id_) for id_, where in segments if text in json.dumps(where)),
        *(ids.show("campaign", id_) for id_, definition in campaigns if text in json.dumps(definition)),
    ]
