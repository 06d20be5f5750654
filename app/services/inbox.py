"""The inbox of the customer's app: messages of all programmes, and that they were opened.

A campaign's message has no text of its own: it is rendered when it is read, from what the run says, so that a million
messages take no room, and in the language and with the words that the member has now.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app import clock, ids
from app.db import Database, Session
from app.errors import NotFoundError
from app.models import CampaignDelivery, Delivery
from app.offers import contents, templates
from app.rewards.kinds import language
from app.rewards.wording import money
from app.services import events

_COLUMNS = (
    "program_id", "program_name", "id", "kind", "title", "body", "data", "sent_at", "opened_at", "campaign_id",
    "content", "locales", "names",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the app shows it."""

    program_id: UUID
    program_name: str
    id: UUID
    kind: str
    title: str
    body: str
    data: dict[str, Any]
    sent_at: datetime
    opened_at: datetime | None


def page(session: Session, customer_id: UUID, *, limit: int, after: UUID | None) -> list[Message]:
    """Return up to `limit` + 1 messages in the customer's inbox, newest first, behind `after`."""
    door = func.my_messages(customer_id, after, limit + 1).table_valued(*_COLUMNS)
    return [_message(row) for row in session.execute(select(door))]


def open_message(database: Database, customer_id: UUID, delivery_id: UUID) -> None:
    """Note that the customer opened a message, by whatever channel it came; the first time counts.

    Raises NotFoundError for a message to anybody else.
    """
    door = func.my_message(customer_id, delivery_id).table_valued("program_id", "of_campaign")
    with database.transaction() as session:
        found = session.execute(select(door)).one_or_none()
    if found is None:
        raise NotFoundError("No such message to you.", delivery=ids.show("delivery", delivery_id))
    table: Any = CampaignDelivery if found.of_campaign else Delivery
    with database.transaction(found.program_id, customer_id=customer_id) as session:
        delivery = session.scalars(select(table).where(table.id == delivery_id).with_for_update()).one()
        if delivery.opened_at is None:
            delivery.opened_at = clock.now()
            # One that is being sent becomes `opened` when its sender writes that it was sent.
            if delivery.state in {"sent", "unknown"}:
                delivery.state = "opened"
            if isinstance(delivery, CampaignDelivery):
                _publish_opened(session, delivery)


def _publish_opened(session: Session, delivery: CampaignDelivery) -> None:
    data = {
        "delivery": ids.show("delivery", delivery.id),
        "campaign": ids.show("campaign", delivery.campaign_id),
        "channel": delivery.channel,
    }
    events.publish(session, kind="delivery.opened", data=data, member_id=delivery.member_id)


def _message(row: Any) -> Message:
    title, body, data = row.title, row.body, row.data
    if row.campaign_id is not None:
        title, body, link = _rendered(row)
        data = {
            "kind": "campaign",
            "program_id": ids.show("program", row.program_id),
            "campaign_id": ids.show("campaign", row.campaign_id),
        } | link
    return Message(
        program_id=row.program_id, program_name=row.program_name, id=row.id, kind=row.kind, title=title, body=body,
        data=data, sent_at=row.sent_at, opened_at=row.opened_at,
    )  # fmt: skip


def _rendered(row: Any) -> tuple[str, str, dict[str, str]]:
    if not row.content:
        return row.program_name, "", {}
    locale, words = contents.choose(row.content, row.locales)
    values = {name: str(value) for name, value in row.names.items() if value is not None}
    if "money" in values:
        values["money"] = money(int(values["money"]), row.names["currency"], language(locale))
    title, body = (templates.compile_text(words.get(part) or "").render(values) for part in ("title", "body"))
    return title, body, {name: words[name] for name in ("link", "image_url") if words.get(name)}
