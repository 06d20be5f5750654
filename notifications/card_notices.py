"""Notices of cards: a person who proves a contact is told of the card that was made under it at a poster."""

from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, select
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.db import Database
from app.models import Card, Customer, Delivery, Member, Program
from notifications import deliveries, metrics, texts
from notifications.subscribers import PublishedEvent


def tell_of_claim(database: Database, event: PublishedEvent) -> None:
    """Put into the member's inbox on which day the card was made, and that one tap replaces it.

    `event.data` holds the `card`, and what it `replaced` when the claim came late. No push: the person has the app
    open, having just signed in.
    """
    with database.across_programs() as session:
        found = session.execute(_audience(event)).one_or_none()
    if found is None:
        return
    with database.transaction(event.program_id) as session:
        made = session.scalars(
            insert(Delivery)
            .on_conflict_do_nothing(index_elements=["program_id", "event_id", "channel", "address"])
            .returning(Delivery.id),
            [_notice(event, found)],
        ).all()
    metrics.DELIVERIES.labels("inbox", "sent").inc(len(made))


def _audience(event: PublishedEvent) -> Select[*tuple[Any, ...]]:
    poster_card = ids.parse("card", event.data.get("replaced", event.data["card"]))
    return (
        select(
            Card.created_at,
            Card.member_id,
            Program.name.label("program"),
            Program.timezone,
            Program.locale.label("program_locale"),
            Member.locale.label("member_locale"),
            Customer.locale.label("customer_locale"),
        )
        .join(Program, Program.id == Card.program_id)
        .join(Member, (Member.program_id == Card.program_id) & (Member.id == Card.member_id))
        .join(Customer, Customer.id == Member.customer_id)
        # The worker's session sees all programmes: this one is named.
        .where(Card.program_id == event.program_id, Card.id == poster_card)
    )


def _notice(event: PublishedEvent, row: Row[Any]) -> dict[str, Any]:
    kind = "card.replaced" if "replaced" in event.data else event.kind
    # The customer's own language first: the member's was written at the poster, by whoever stood there.
    locales = [row.customer_locale, row.member_locale, row.program_locale]
    day = texts.day(row.created_at.astimezone(ZoneInfo(row.timezone)), texts.language(locales))
    text = texts.choose(kind, locales).filled(program=row.program, day=day)
    about = {"card_id": event.data["card"]}
    return deliveries.message(event, kind=kind, member_id=row.member_id, text=text, about=about) | {
        "channel": "inbox",
        "address": ids.show("member", row.member_id),
        "state": "sent",
        "sent_at": clock.now(),
    }
