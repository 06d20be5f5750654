"""Use cases of callbacks: a wallet's server says that a card was saved to a phone, or deleted from it."""

from typing import Literal

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.db import Database
from app.models import GoogleNonce, Pass

Heard = Literal["noted", "known", "nobodys"]


def hear(database: Database, *, pass_type_id: str, serial: str, event: Literal["save", "del"], nonce: str) -> Heard:
    """Note what happened to a pass; `known` when it was told before, `nobodys` when no pass of ours is meant.

    The word is taken as true: whoever calls has verified who says it. What is told twice at once is noted once.
    """
    door = func.wallet_pass(pass_type_id, serial).table_valued("program_id", "id", "token_hash", "platform")
    with database.transaction() as session:
        found = session.execute(select(door)).one_or_none()
    if found is None or found.platform != "google":
        return "nobodys"
    now = clock.now()
    with database.transaction(found.program_id) as session:
        new = session.scalar(
            insert(GoogleNonce)
            .values(program_id=found.program_id, nonce=nonce, seen_at=now)
            .on_conflict_do_nothing()
            .returning(GoogleNonce.nonce)
        )
        if new is None:
            return "known"
        # A card that was saved before: how often is Google's count, when first and last is ours.
        values = {"saved_at": now} if event == "save" else {"removed_at": now}
        session.execute(
            update(Pass).where(Pass.id == found.id).values(**values), execution_options={"synchronize_session": False}
        )
    return "noted"
