"""`/webhooks`: addresses of the programme's own that are told of its events, signed by Standard Webhooks."""

from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Id, Instant, Text, Whole
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from app import egress, ids
from app.models import Webhook as WebhookRow
from app.services import audits, webhook_deliveries, webhooks
from app.services.event_kinds import EVENT_KINDS, EVERY

blp = Blueprint("webhooks", __name__, url_prefix="/v1", description="Addresses of yours that are told of events")

_KINDS: dict[str, Any] = {
    "required": True,
    "validate": validate.Length(min=1, max=len(EVENT_KINDS)),
    "metadata": {
        "description": f"Kinds of events that it is told of; `{EVERY}` is every kind: " + "; ".join(
            f"`{kind}`: {meaning}" for kind, meaning in EVENT_KINDS.items()
        ),
    },
}  # fmt: skip
_KIND = fields.String(validate=validate.OneOf([EVERY, *EVENT_KINDS]))
_STATE = validate.OneOf(["queued", "sending", "delivered", "failed"])
_EXAMPLE = {
    "url": "https://shop.example/hooks/assidu", "kinds": ["voucher.used", "member.joined"], "description": "Web shop",
}  # fmt: skip
_URL = {"format": "uri", "description": "https, to a public name", "pattern": "^[!-~]+$"}


class WebhookIn(Body):
    """A webhook to make."""

    url = Text(required=True, high=egress.URL_MAX, metadata=_URL)
    kinds = fields.List(_KIND, **_KINDS)
    description = Text()


class WebhookChange(Body):
    """What to change of a webhook."""

    url = Text(high=egress.URL_MAX, metadata=_URL)
    kinds = fields.List(_KIND, **{**_KINDS, "required": False})
    description = Text(allow_none=True)


class Webhook(Body):
    """A webhook. `failing_since` is there while its attempts fail; `disabled_reason` says why nothing is sent."""

    id = Id("webhook", required=True)
    url = Text(required=True, high=egress.URL_MAX, metadata=_URL)
    kinds = fields.List(_KIND, **_KINDS)
    description = Text()
    status = fields.String(required=True, validate=validate.OneOf(["live", "disabled"]))
    disabled_reason = fields.String()
    failing_since = Instant()
    created_at = Instant(required=True)
    updated_at = Instant()


class NewWebhook(Webhook):
    """A webhook that was just made, or whose secret was: the only time that it is shown."""

    secret = fields.String(required=True, metadata={"description": "`whsec_…`; keep it, it is shown once"})


class WebhookAttempt(Body):
    """One request: when, what came back (cut to 1 kB), how long it took."""

    at = fields.String(required=True, metadata={"format": "date-time"})
    status = Whole()
    ms = Whole(required=True)
    reason = fields.String(metadata={"description": "Why it counts as failed; absent: it was accepted"})
    answer = fields.String(metadata={"description": "The beginning of the answer's body"})


class WebhookDelivery(Body):
    """One event to one webhook, with every attempt."""

    id = Id("webhook_delivery", required=True)
    webhook_id = Id("webhook", required=True)
    event_id = Id("event", required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True, validate=_STATE)
    attempts = fields.List(fields.Nested(WebhookAttempt), required=True, attribute="attempts_log")
    due_at = Instant(required=True, metadata={"description": "When the next attempt is due, while it is `queued`"})
    created_at = Instant(required=True)
    finished_at = Instant()


class WebhookTest(Body):
    """The test that is on its way."""

    event_id = Id("event", required=True)


class WebhookDeliveryQuery(PageQuery):
    """Which deliveries."""

    state = fields.String(validate=_STATE)


def _loopback(call: Call) -> bool:
    return call.database.settings.webhook_loopback == "allowed"


def _audit(call: Call, action: str, row: WebhookRow) -> None:
    audits.record(
        call.session, action=action, subject=ids.show("webhook", row.id), staff_id=call.principal.staff_id,
        api_key_id=call.principal.api_key_id,
    )  # fmt: skip


def _with_secret(row: WebhookRow, secret: str) -> dict[str, Any]:
    shown = ("id", "url", "kinds", "description", "status", "disabled_reason", "failing_since", "created_at")
    return {name: getattr(row, name) for name in (*shown, "updated_at")} | {"secret": secret}


@blp.operation(
    "GET", "/webhooks", scopes=scopes.MARKETING, summary="List the webhooks",
    query=PageQuery(), answer=page_schema(Webhook, "WebhookPage"),
)  # fmt: skip
def list_webhooks(call: Call) -> Any:
    """List the webhooks that are not archived, oldest first."""
    limit = call.query["limit"]
    rows = webhooks.page(call.session, limit=limit, after=decode_id(call.query.get("after")))
    return page_of(rows, limit, lambda row: encode_id(row.id))


@blp.operation(
    "POST", "/webhooks", scopes=scopes.MARKETING, summary="Make a webhook", status=201, key="ignored",
    body=WebhookIn(), answer=NewWebhook(), example=_EXAMPLE, problems=[409],
)  # fmt: skip
def create_webhook(call: Call) -> Any:
    """Make a webhook and show its signing secret this once. It is told of events from now on.

    The answer is not kept under an `Idempotency-Key`: it would keep the secret.
    """
    row, secret = webhooks.create(call.session, call.database.keyring, loopback=_loopback(call), **call.body)
    _audit(call, "webhook.made", row)
    return _with_secret(row, secret)


@blp.operation(
    "GET", "/webhooks/<id(webhook):webhook_id>", scopes=scopes.MARKETING, summary="Get a webhook", answer=Webhook(),
    with_etag=True,
)  # fmt: skip
def get_webhook(call: Call, webhook_id: UUID) -> Any:
    """Get a webhook, without its secret."""
    return webhooks.get(call.session, webhook_id)


@blp.operation(
    "PATCH", "/webhooks/<id(webhook):webhook_id>", scopes=scopes.MARKETING, summary="Change a webhook",
    body=WebhookChange(), answer=Webhook(), example={"kinds": [EVERY]}, with_etag=True,
)  # fmt: skip
def change_webhook(call: Call, webhook_id: UUID) -> Any:
    """Change the fields that are given; what waits to be sent goes to the new address too."""
    row = webhooks.hold(call.session, webhook_id)
    call.check_match(Webhook(), row)
    return webhooks.change(row, values=call.body, loopback=_loopback(call))


@blp.operation(
    "DELETE", "/webhooks/<id(webhook):webhook_id>", scopes=scopes.MARKETING, summary="Archive a webhook", status=204,
)  # fmt: skip
def delete_webhook(call: Call, webhook_id: UUID) -> None:
    """Archive a webhook: nothing is sent to it any more."""
    webhooks.archive(webhooks.hold(call.session, webhook_id))


@blp.operation(
    "POST", "/webhooks/<id(webhook):webhook_id>/rotate-secret", scopes=scopes.MARKETING,
    summary="Replace a webhook's secret", key="ignored", answer=NewWebhook(),
)  # fmt: skip
def rotate_webhook_secret(call: Call, webhook_id: UUID) -> Any:
    """Make a new secret and show it this once; for 24 hours the one before signs too, in the same header.

    The answer is not kept under an `Idempotency-Key`: it would keep the secret.
    """
    row = webhooks.hold(call.session, webhook_id)
    secret = webhooks.rotate_secret(call.database.keyring, row)
    _audit(call, "webhook.secret_replaced", row)
    return _with_secret(row, secret)


@blp.operation(
    "POST", "/webhooks/<id(webhook):webhook_id>/enable", scopes=scopes.MARKETING, summary="Enable a webhook",
    answer=Webhook(),
)  # fmt: skip
def enable_webhook(call: Call, webhook_id: UUID) -> Any:
    """Let a disabled webhook be told again; what waited is sent too. What happened in between is in `/v1/events`."""
    return webhooks.enable(webhooks.hold(call.session, webhook_id))


@blp.operation(
    "POST", "/webhooks/<id(webhook):webhook_id>/test", scopes=scopes.MARKETING, summary="Test a webhook",
    status=202, answer=WebhookTest(), problems=[409],
)  # fmt: skip
def test_webhook(call: Call, webhook_id: UUID) -> Any:
    """Send `webhook.ping` to this webhook alone; what became of it is in its deliveries, seconds later."""
    return {"event_id": webhooks.ping(call.session, webhooks.live(call.session, webhook_id)).id}


@blp.operation(
    "GET", "/webhooks/<id(webhook):webhook_id>/deliveries", scopes=scopes.MARKETING,
    summary="List a webhook's deliveries", query=WebhookDeliveryQuery(),
    answer=page_schema(WebhookDelivery, "WebhookDeliveryPage"),
)  # fmt: skip
def list_webhook_deliveries(call: Call, webhook_id: UUID) -> Any:
    """List what was sent to it or waits to be, newest first, with every attempt. It is kept for 30 days."""
    webhooks.get(call.session, webhook_id)
    limit, before = call.query["limit"], decode_id(call.query.get("after"))
    rows = webhook_deliveries.page(call.session, webhook_id, limit=limit, before=before, state=call.query.get("state"))
    return page_of(rows, limit, lambda row: encode_id(row.id))
