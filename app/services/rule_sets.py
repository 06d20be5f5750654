"""Which rule versions were live together: kept once, so that a refund asks the very rules of the sale."""

import hashlib
from functools import lru_cache
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.db import Session
from app.models import RuleSetVersion
from app.rules.engine import RuleSet
from app.services import config


@lru_cache(maxsize=4096)
def id_of(rules: RuleSet) -> UUID:
    """Return the id of a set of versions: a hash of them, so that the same set is kept once."""
    text = " ".join(sorted(rule.version_id.hex for rule in rules.rules))
    return UUID(bytes=hashlib.sha256(text.encode()).digest()[:16])


def remember(session: Session, rules: RuleSet) -> UUID:
    """Keep the set unless it is kept; return its id."""
    found = id_of(rules)
    versions = sorted(rule.version_id.hex for rule in rules.rules)
    row = {"id": found, "program_id": session.program, "created_at": clock.now(), "version_ids": versions}
    session.execute(insert(RuleSetVersion).values(row).on_conflict_do_nothing())
    return found


def load(session: Session, rule_set_id: UUID | None) -> RuleSet:
    """Return a kept set, compiled; of none, the empty set."""
    kept = session.scalars(select(RuleSetVersion).where(RuleSetVersion.id == rule_set_id)).one_or_none()
    return config.ruleset_of(session, [UUID(hex=text) for text in kept.version_ids] if kept else [])
