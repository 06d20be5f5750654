"""The inbox of the customer's app: messages of all programmes, and that they were opened."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app import clock, ids
from app.db import Database, Session
from app.errors import NotFoundError
from app.models import Delivery

_COLUMNS = (
    "program_id", "program_name", "id", "kind", "title", "body", "data", "sent_at", "opened_at",
)  # fmt: skip


def page(session: Session, customer_id: UUID, *, limit: int, after: UUID | None) -> list[Any]:
    """Return up to `limit` + 1 messages in the customer's inbox, newest first, behind `after`."""
    door = func.my_inbox(customer_id, after, limit + 1).table_valued(*_COLUMNS)
    return list(session.execute(select(door)))


def open_message(database: Database, customer_id: UUID, delivery_id: UUID) -> None:
    """Note that the customer opened a message, by whatever channel it came; the first time counts.

    Raises NotFoundError for a message to anybody else.
    """
    with database.transaction() as session:
        program_id = session.scalar(select(func.my_delivery(customer_id, delivery_id)))
    if program_id is None:
        raise NotFoundError("No such message to you.", delivery=ids.show("delivery", delivery_id))
    with database.transaction(program_id, customer_id=customer_id) as session:
        delivery = session.scalars(select(Delivery).where(Delivery.id == delivery_id).with_for_update()).one()
        if delivery.opened_at is None:
            delivery.opened_at = clock.now()
            if delivery.state in {"sent", "unknown"}:
                delivery.state = "opened"
