"""The inbox of the customer's app: messages of all programmes, and that they were opened.

A campaign's message has no text of its own: it is rendered when it is read, from what the run said when it was sent, so
that a million messages take no room, and in the language and with the values that the member has now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app import clock, ids
from app.crypto import Keyring
from app.db import Database, Session
from app.errors import NotFoundError
from app.models import CampaignDelivery, CampaignRun, Delivery, Member
from app.offers import contents, earlier, templates
from app.services import events, member_values, programs

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


@dataclass(frozen=True, slots=True)
class _Said:
    """What a campaign's message says to its reader: words in a language, and values that only its programme tells."""

    locale: str
    words: Mapping[str, Any]
    values: Mapping[str, str]


def page(session: Session, database: Database, customer_id: UUID, *, limit: int, after: UUID | None) -> list[Message]:
    """Return up to `limit` + 1 messages in the customer's inbox, newest first, behind `after`."""
    door = func.my_messages(customer_id, after, limit + 1).table_valued(*_COLUMNS)
    rows = session.execute(select(door)).all()
    said: dict[UUID, _Said] = {}
    of_campaigns = [row for row in rows if row.campaign_id is not None]
    for program_id in {row.program_id for row in of_campaigns}:
        with database.transaction(program_id, customer_id=customer_id) as own:
            here = [row for row in of_campaigns if row.program_id == program_id]
            said |= _said(own, database.keyring, customer_id, here)
    return [_message(row, said.get(row.id)) for row in rows]


def _said(session: Session, keyring: Keyring, customer_id: UUID, rows: Sequence[Any]) -> dict[UUID, _Said]:
    """Return what one programme's messages say, by delivery."""
    program = programs.get(session)
    member = session.scalars(select(Member).where(Member.customer_id == customer_id)).one()
    query = (
        select(CampaignDelivery.id, CampaignDelivery.variant, CampaignRun.definition)
        .join(CampaignRun, CampaignRun.id == CampaignDelivery.run_id)
        .where(CampaignDelivery.id.in_([row.id for row in rows]))
    )
    runs = {id_: (variant, definition) for id_, variant, definition in session.execute(query)}
    known: dict[tuple[str, str | None, frozenset[str]], Mapping[str, str]] = {}
    found: dict[UUID, _Said] = {}
    for row in rows:
        variant, definition = runs.get(row.id, (None, {}))
        content = earlier.content_at(definition, variant, row.sent_at)
        if not content:
            continue
        locale, words = contents.choose(content, row.locales)
        names = templates.compile_text(words.get("title") or "").names | templates.compile_text(words["body"]).names
        asked = (locale, definition.get("reward_id"), names & member_values.LOOKED_UP)
        if asked[2] and asked not in known:
            known[asked] = member_values.of_members(
                session, program, [member], names=asked[2], locale=locale, reward_id=asked[1], keyring=keyring
            )[member.id]
        found[row.id] = _Said(locale, words, known.get(asked, {}))
    return found


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


def _message(row: Any, said: _Said | None) -> Message:
    title, body, data = row.title, row.body, row.data
    if row.campaign_id is not None:
        title, body, link = _rendered(row, said)
        data = {
            "kind": "campaign",
            "program_id": ids.show("program", row.program_id),
            "campaign_id": ids.show("campaign", row.campaign_id),
        } | link
    return Message(
        program_id=row.program_id, program_name=row.program_name, id=row.id, kind=row.kind, title=title, body=body,
        data=data, sent_at=row.sent_at, opened_at=row.opened_at,
    )  # fmt: skip


def _rendered(row: Any, said: _Said | None) -> tuple[str, str, dict[str, str]]:
    if said is None:
        return row.program_name, "", {}
    names = ("program", "first_name", "last_name", "reward")
    values = {name: str(row.names[name]) for name in names if row.names.get(name) is not None} | dict(said.values)
    words = said.words
    title, body = (templates.compile_text(words.get(part) or "").render(values) for part in ("title", "body"))
    return title, body, {name: words[name] for name in ("link", "image_url") if words.get(name)}
