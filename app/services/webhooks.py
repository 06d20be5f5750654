"""Use cases of webhooks: the addresses of a programme's own that are told of its events."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app import clock, egress, ids
from app.crypto import Keyring
from app.db import Session
from app.errors import ConflictError, NotFoundError, invalid_field
from app.models import Event, Webhook
from app.services import events, webhook_secrets
from app.services.event_kinds import EVENT_KINDS, EVERY, PING

WEBHOOKS_MAX = 50
"""Each event of a programme goes to each of its webhooks."""


class WebhookDisabledError(ConflictError):
    """Nothing is sent to a disabled webhook."""

    slug = "webhook-disabled"
    title = "The webhook is disabled"


class TooManyWebhooksError(ConflictError):
    """A programme has `WEBHOOKS_MAX` webhooks at most."""

    slug = "too-many-webhooks"
    title = "The programme has as many webhooks as it may"


def create(
    session: Session, keyring: Keyring, *, url: str, kinds: Sequence[str], description: str | None = None,
    loopback: bool = False,
) -> tuple[Webhook, str]:  # fmt: skip
    """Make a webhook and return it with its secret, which nobody can read again.

    Raises InvalidError for an address that we do not connect to or a kind that we do not publish. `loopback` is the
    installation's setting for development.
    """
    egress.check_url(url, loopback=loopback)
    if len(page(session, limit=WEBHOOKS_MAX)) >= WEBHOOKS_MAX:
        raise TooManyWebhooksError(f"Archive one first: there are {WEBHOOKS_MAX}.", most=WEBHOOKS_MAX)
    webhook = Webhook(url=url, kinds=_checked(kinds), secrets_sealed=b"", description=description)
    secret = webhook_secrets.new()
    webhook.secrets_sealed = webhook_secrets.seal(keyring, webhook, [secret])
    session.add(webhook)
    return webhook, secret.text


def get(session: Session, webhook_id: UUID) -> Webhook:
    """Return the webhook; raise NotFoundError, also for one that is archived."""
    query = select(Webhook).where(Webhook.id == webhook_id, Webhook.status != "archived")
    webhook = session.scalars(query).one_or_none()
    if webhook is None:
        raise NotFoundError("No such webhook in this programme.", webhook=ids.show("webhook", webhook_id))
    return webhook


def hold(session: Session, webhook_id: UUID) -> Webhook:
    """Return the webhook, to be changed by nobody else until the transaction ends; raise NotFoundError."""
    query = select(Webhook).where(Webhook.id == webhook_id, Webhook.status != "archived").with_for_update()
    session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    return get(session, webhook_id)


def live(session: Session, webhook_id: UUID) -> Webhook:
    """Return the webhook; raise NotFoundError, or WebhookDisabledError."""
    webhook = get(session, webhook_id)
    if webhook.status != "live":
        raise WebhookDisabledError(
            "Nothing is sent to it: enable it first.", reason=webhook.disabled_reason or "disabled"
        )
    return webhook


def page(session: Session, *, limit: int, after: UUID | None = None) -> list[Webhook]:
    """Return up to `limit` + 1 webhooks that are not archived, oldest first, behind `after`."""
    query = select(Webhook).where(Webhook.status != "archived").order_by(Webhook.id).limit(limit + 1)
    if after is not None:
        query = query.where(Webhook.id > after)
    return list(session.scalars(query))


def change(webhook: Webhook, *, values: Mapping[str, Any], loopback: bool = False) -> Webhook:
    """Set the given columns of a held webhook; raises InvalidError as `create` does."""
    if "url" in values:
        egress.check_url(values["url"], loopback=loopback)
    for name, value in values.items():
        setattr(webhook, name, _checked(value) if name == "kinds" else value)
    webhook.updated_at = clock.now()
    return webhook


def archive(webhook: Webhook) -> None:
    """Send nothing to the held webhook any more; its log stays until it is forgotten."""
    webhook.status = "archived"
    webhook.updated_at = clock.now()


def rotate_secret(keyring: Keyring, webhook: Webhook) -> str:
    """Give the held webhook a new secret and return it; the one before signs too for 24 hours."""
    secret = webhook_secrets.rotate(keyring, webhook)
    webhook.updated_at = clock.now()
    return secret.text


def enable(webhook: Webhook) -> Webhook:
    """Let the held webhook be told again; what waited while it was disabled is sent too."""
    webhook.status = "live"
    webhook.disabled_reason = webhook.failing_since = None
    webhook.updated_at = clock.now()
    return webhook


def ping(session: Session, webhook: Webhook) -> Event:
    """Publish a test that goes to this live webhook alone, whatever kinds it asks for."""
    return events.publish(session, kind=PING, data={"webhook": ids.show("webhook", webhook.id)})


def wants(webhook: Webhook, kind: str) -> bool:
    """Say whether the webhook asks for events of this kind."""
    return kind in webhook.kinds or EVERY in webhook.kinds


def _checked(kinds: Sequence[str]) -> list[str]:
    for index, kind in enumerate(kinds):
        if kind != EVERY and kind not in EVENT_KINDS:
            raise invalid_field(f"#/kinds/{index}", f"We publish no event of this kind: {', '.join(EVENT_KINDS)}.")
    return sorted(set(kinds))
