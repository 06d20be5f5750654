"""`/deliveries`: every message to every member, by events and by campaigns, and what became of it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields, validate

from api import csv_files, scopes
from api.fields import Body, Flag, Id, Instant, Text
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from app import ids
from app.services import audits, deliveries
from app.services.deliveries import Sent, Wanted

blp = Blueprint("deliveries", __name__, url_prefix="/v1", description="Messages and what became of them")

_FILTERS = ("campaign_id", "run_id", "variant", "member_id", "status", "channel")
_STATUS = validate.OneOf(deliveries.STATES)
_COLUMNS = (
    "id", "member_id", "kind", "campaign_id", "run_id", "variant", "channel", "status", "reason", "due_at", "sent_at",
    "opened_at", "attempts", "test",
)  # fmt: skip


class Delivery(Body):
    """One message to one member by one channel. Those of campaigns have no text of their own but a variant's."""

    id = Id("delivery", required=True)
    member_id = Id("member", required=True)
    kind = fields.String(required=True, metadata={"description": "`campaign`, or the event that it tells of"})
    campaign_id = Id("campaign")
    run_id = Id("campaign_run")
    variant = fields.String()
    channel = fields.String(required=True)
    status = fields.String(required=True, validate=_STATUS)
    reason = fields.String(metadata={"description": "Why it was skipped, failed or is unknown"})
    due_at = Instant(required=True)
    sent_at = Instant()
    opened_at = Instant(metadata={"description": "Never of e-mail: nobody's reading of mails is watched"})
    attempts = fields.Integer(required=True)
    title = fields.String()
    body = fields.String()
    test = Flag(metadata={"description": "True of a test send, which no report counts; absent of all others"})


class DeliveryFilter(Body):
    """Which deliveries. Of a campaign those that its report counts; of a run that was a test send, the tests."""

    campaign_id = Id("campaign")
    run_id = Id("campaign_run")
    variant = Text()
    member_id = Id("member")
    status = fields.String(validate=_STATUS)
    channel = fields.String(validate=validate.OneOf(deliveries.CHANNELS))


class DeliveryQuery(PageQuery, DeliveryFilter):
    """Which deliveries, page by page."""


@blp.operation(
    "GET", "/deliveries", scopes=scopes.MEMBERS_ALL, summary="List the deliveries", query=DeliveryQuery(),
    answer=page_schema(Delivery, "DeliveryPage"), program="own",
)  # fmt: skip
def list_deliveries(call: Call) -> Any:
    """List messages to members, newest first, also who was held out of a campaign and who was skipped and why.

    With `Accept: text/csv` all of them come as one file, as from `/deliveries.csv`.
    """
    if csv_files.is_wanted():
        return _file(call)
    limit, after = call.query["limit"], decode_id(call.query.get("after"))
    with call.database.transaction(call.principal.program_id) as session:
        rows = deliveries.page(session, _wanted(call), limit=limit, after=after)
    return page_of(rows, limit, lambda row: encode_id(row.id))


@blp.operation(
    "GET", "/deliveries.csv", scopes=scopes.MEMBERS_ALL, summary="Download the deliveries", query=DeliveryFilter(),
    content_type=csv_files.TYPE, program="own",
)  # fmt: skip
def download_deliveries(call: Call) -> Any:
    """Download messages to members as CSV, by campaign and then those of events, the newest of each first.

    The download is noted in the audit log.
    """
    return _file(call)


@blp.operation(
    "GET", "/deliveries/<id(delivery):delivery_id>", scopes=scopes.MEMBERS_ALL, summary="Get a delivery",
    answer=Delivery(),
)  # fmt: skip
def get_delivery(call: Call, delivery_id: UUID) -> Any:
    """Get a message and what became of it."""
    return deliveries.get(call.session, delivery_id)


def _wanted(call: Call) -> Wanted:
    asked = {name: call.query.get(name) for name in _FILTERS}
    return Wanted(**asked, tests=asked["campaign_id"] is None or asked["run_id"] is not None)


def _file(call: Call) -> Response:
    wanted, program_id = _wanted(call), call.principal.program_id
    assert program_id is not None
    with call.database.transaction(program_id) as session:
        audits.record(
            session, action="deliveries.exported", subject=ids.show("program", program_id),
            staff_id=call.principal.staff_id, api_key_id=call.principal.api_key_id, data={"filters": _said(wanted)},
        )  # fmt: skip
    return csv_files.answer("deliveries.csv", _COLUMNS, _cells(deliveries.every(call.database, program_id, wanted)))


def _said(wanted: Wanted) -> dict[str, str]:
    dumped: dict[str, str] = DeliveryFilter().dump(wanted)
    return dumped


def _cells(batches: Iterator[list[Sent]]) -> Iterator[list[list[Any]]]:
    for batch in batches:
        yield [[_cell(row, name) for name in _COLUMNS] for row in batch]


_KINDS = {"id": "delivery", "member_id": "member", "campaign_id": "campaign", "run_id": "campaign_run"}


def _cell(row: Sent, name: str) -> Any:
    value = getattr(row, name)
    return ids.show(_KINDS[name], value) if value is not None and name in _KINDS else value
