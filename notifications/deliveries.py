"""Deliveries: how a fact becomes one row for each way to tell a member of it, once, whoever repeats it."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.db import Database
from app.models import Customer, Delivery, Device, Member, Program, Voucher
from notifications import metrics, queue, texts
from notifications.subscribers import PublishedEvent


def tell_of_voucher(database: Database, event: PublishedEvent) -> None:
    """Tell a member of a voucher: an inbox entry, and a push to each phone. `event.data` holds the `voucher`.

    Such a message is part of the service that the member joined, not advertising: it needs no consent to offers, and
    the `push` consent of `offers` is not asked here. Who wants no pushes turns them off on the phone or removes it.
    A voucher that is no longer open when the event comes (used, expired, void) is not spoken of.
    """
    with database.across_programs() as session:
        found = session.execute(_audience(event)).all()
    if not found:
        return
    with database.transaction(event.program_id) as session:
        made = session.scalars(
            insert(Delivery)
            .on_conflict_do_nothing(index_elements=["program_id", "event_id", "channel", "address"])
            .returning(Delivery.channel),
            [_inbox(event, found[0]), *(_push(event, row) for row in found if row.device_id)],
        ).all()
        if "push" in made:
            queue.defer_once(session, queue.SEND_DELIVERIES)
    metrics.DELIVERIES.labels("inbox", "sent").inc(made.count("inbox"))


def _audience(event: PublishedEvent) -> Select[*tuple[Any, ...]]:
    """Select what the messages need in one round trip: a row for each phone, or one without; none if not open."""
    return (
        select(
            Voucher.id.label("voucher_id"),
            Voucher.name.label("voucher"),
            Voucher.member_id,
            Program.name.label("program"),
            Program.locale.label("program_locale"),
            Member.locale.label("member_locale"),
            Customer.locale.label("customer_locale"),
            Device.id.label("device_id"),
            Device.address,
            Device.locale.label("device_locale"),
        )
        .join(Program, Program.id == Voucher.program_id)
        .join(Member, (Member.program_id == Voucher.program_id) & (Member.id == Voucher.member_id))
        .outerjoin(Customer, Customer.id == Member.customer_id)
        .outerjoin(Device, Device.customer_id == Member.customer_id)
        .where(
            # The worker's session sees all programmes: this one is named.
            Voucher.program_id == event.program_id,
            Voucher.id == ids.parse("voucher", event.data["voucher"]),
            Voucher.status == "issued",
        )
        .order_by(Device.id)
    )


def _inbox(event: PublishedEvent, row: Row[Any]) -> dict[str, Any]:
    now = clock.now()
    locales = [row.member_locale, row.customer_locale, row.program_locale]
    address = ids.show("member", row.member_id)
    return _row(event, row, locales) | {"channel": "inbox", "address": address, "state": "sent", "sent_at": now}


def _push(event: PublishedEvent, row: Row[Any]) -> dict[str, Any]:
    locales = [row.device_locale, row.member_locale, row.customer_locale, row.program_locale]
    return _row(event, row, locales) | {"channel": "push", "address": row.address, "device_id": row.device_id}


def _row(event: PublishedEvent, row: Row[Any], locales: list[str | None]) -> dict[str, Any]:
    text = texts.choose(event.kind, locales).filled(program=row.program, voucher=row.voucher)
    about = {"voucher_id": ids.show("voucher", row.voucher_id)}
    return message(event, kind=event.kind, member_id=row.member_id, text=text, about=about)


def message(
    event: PublishedEvent, *, kind: str, member_id: UUID, text: texts.Text, about: dict[str, str]
) -> dict[str, Any]:
    """Return the columns of a delivery that waits to be sent now; its channel and address are still to be said.

    `about` is what the app opens, by public ids, beside the message's kind and programme.
    """
    now = clock.now()
    # Inserted without the unit of work, which stamps the programme elsewhere; row-level security checks it.
    return {
        "id": ids.new_id(),
        "program_id": event.program_id,
        "created_at": now,
        "due_at": now,
        "state": "queued",
        "sent_at": None,
        "device_id": None,
        "attempts": 0,
        "member_id": member_id,
        "event_id": event.id,
        "kind": kind,
        "title": text.title,
        "body": text.body,
        "data": {"kind": kind, "program_id": ids.show("program", event.program_id), **about},
    }
