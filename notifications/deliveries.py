"""Deliveries: how a fact becomes one row for each way to tell a member of it, once, whoever repeats it."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.db import Database, Session
from app.models import Customer, Delivery, Device, Member, Program, Voucher
from notifications import metrics, queue, texts
from notifications.subscribers import PublishedEvent


def tell_of_voucher(database: Database, event: PublishedEvent) -> None:
    """Tell a member of a voucher: an inbox entry, and a push to each phone. `event.data` holds the `voucher`.

    Such a message is part of the service that the member joined, not advertising: it needs no consent to offers, and
    the `push` consent of `offers` is not asked here. Who wants no pushes turns them off on the phone or removes it.
    A voucher that is no longer open when the event comes (used, expired, void) is not spoken of.
    """
    with database.transaction(event.program_id) as session:
        voucher = session.get_one(Voucher, ids.parse("voucher", event.data["voucher"]))
        customer_id = session.get_one(Member, voucher.member_id).customer_id
    if voucher.status != "issued":
        return
    # Opened for the customer too: row-level security shows a customer's phones to nobody else.
    with database.transaction(event.program_id, customer_id=customer_id) as session:
        _make(session, event, voucher, customer_id)


def _make(session: Session, event: PublishedEvent, voucher: Voucher, customer_id: UUID | None) -> None:
    program = session.get_one(Program, event.program_id)
    member = session.get_one(Member, voucher.member_id)
    customer = session.get(Customer, customer_id) if customer_id else None
    locales = [member.locale, customer.locale if customer else None, program.locale]
    names = {"program": program.name, "voucher": voucher.name}
    common: dict[str, Any] = {
        "member_id": member.id,
        "event_id": event.id,
        "kind": event.kind,
        "data": {
            "kind": event.kind,
            "program_id": ids.show("program", program.id),
            "voucher_id": ids.show("voucher", voucher.id),
        },
    }
    inbox = texts.choose(event.kind, locales).filled(**names)
    rows = [_row(session, **common, channel="inbox", address=ids.show("member", member.id), state="sent", text=inbox)]
    for device in _devices(session, customer_id):
        text = texts.choose(event.kind, [device.locale, *locales]).filled(**names)
        rows.append(_row(session, **common, channel="push", address=device.address, device_id=device.id, text=text))
    made = session.scalars(
        insert(Delivery)
        .values(rows)
        .on_conflict_do_nothing(index_elements=["program_id", "event_id", "channel", "address"])
        .returning(Delivery.channel)
    ).all()
    metrics.DELIVERIES.labels("inbox", "sent").inc(made.count("inbox"))
    if "push" in made:
        queue.defer_once(session, queue.SEND_DELIVERIES)


def _devices(session: Session, customer_id: UUID | None) -> list[Device]:
    if customer_id is None:
        return []
    return list(session.scalars(select(Device).where(Device.customer_id == customer_id).order_by(Device.id)))


def _row(session: Session, *, text: texts.Text, state: str = "queued", **values: Any) -> dict[str, Any]:
    now = clock.now()
    # Inserted without the unit of work, which stamps the programme elsewhere; row-level security checks it.
    return {
        "id": ids.new_id(),
        "program_id": session.program,
        "created_at": now,
        "due_at": now,
        "state": state,
        "sent_at": now if state == "sent" else None,
        "device_id": None,
        "attempts": 0,
        "title": text.title,
        "body": text.body,
        **values,
    }
