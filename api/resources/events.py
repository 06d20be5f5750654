"""`/events`: what was published, to be read by whoever cannot be called, and to be sent again."""

from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Id, Instant, OptionalBody
from api.operation import Blueprint, Call
from api.pagination import PageQuery, decode_id, encode_id
from api.resources.webhooks import WebhookDelivery
from app.services import published_events, webhook_deliveries
from app.services.event_kinds import EVENT_KINDS

blp = Blueprint("events", __name__, url_prefix="/v1", description="Facts that we publish: the pull twin of webhooks")


class Event(Body):
    """A fact. `data` has ids and figures, and nothing personal."""

    id = Id("event", required=True)
    kind = fields.String(required=True)
    recorded_at = Instant(required=True)
    member_id = Id("member")
    data = fields.Dict(keys=fields.String(), required=True)


class EventPage(Body):
    """A page of events. `next` is there when there is more now; `resume` goes on from here whenever you like."""

    data = fields.List(fields.Nested(Event), required=True)
    next = fields.String(metadata={"description": "Send it as `after` for the next page"})
    resume = fields.String(
        metadata={"description": "Oldest first: keep it, and send it as `after` when you look for what is new"}
    )


class EventQuery(PageQuery):
    """Which events, in which order."""

    kind = fields.String(validate=validate.OneOf(list(EVENT_KINDS)))
    member_id = Id("member")
    since = Instant(metadata={"description": "Only events from this instant on"})
    order = fields.String(load_default="oldest", validate=validate.OneOf(["oldest", "newest"]))


class RedeliveryIn(OptionalBody):
    """Where to send an event again."""

    webhook_id = Id("webhook", metadata={"description": "Absent: to every live webhook that asks for its kind"})


class Redelivery(Body):
    """What is on its way."""

    deliveries = fields.List(fields.Nested(WebhookDelivery), required=True)


@blp.operation(
    "GET", "/events", scopes=scopes.EVENTS, summary="List the events", query=EventQuery(), answer=EventPage(),
)  # fmt: skip
def list_events(call: Call) -> Any:
    """List events, oldest first unless `order` says otherwise; they are kept for 60 days, or as the operator set.

    To follow them, ask with the `resume` of the answer before: no event is left out, and none comes twice. For that,
    an event shows two seconds after it was written, or later while transactions that began before it are open. With
    `kind` or `member_id` a page may be short or empty and still have a `next`.
    """
    query = dict(call.query)
    after, newest = decode_id(query.pop("after", None)), query.pop("order") == "newest"
    page = published_events.page(call.session, after=after, newest=newest, **query)
    return {
        "data": page.rows,
        "next": encode_id(page.next_id) if page.next_id else None,
        "resume": encode_id(page.last_id) if page.last_id and not newest else None,
    }


@blp.operation("GET", "/events/<id(event):event_id>", scopes=scopes.EVENTS, summary="Get an event", answer=Event())
def get_event(call: Call, event_id: UUID) -> Any:
    """Get an event, at once after it was written."""
    return published_events.get(call.session, event_id)


@blp.operation(
    "POST", "/events/<id(event):event_id>/redeliver", scopes=scopes.MARKETING, summary="Send an event again",
    status=202, body=RedeliveryIn(), answer=Redelivery(), example={}, problems=[409],
)  # fmt: skip
def redeliver_event(call: Call, event_id: UUID) -> Any:
    """Send the event again, under the same `webhook-id`, to one webhook or to all that ask for its kind."""
    event = published_events.get(call.session, event_id)
    found = webhook_deliveries.redeliver(call.session, event, webhook_id=call.body.get("webhook_id"))
    return {"deliveries": found}
