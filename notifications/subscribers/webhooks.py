"""All that we publish: an event becomes a delivery for each webhook that asks for its kind."""

from app.services.event_kinds import EVENT_KINDS
from notifications.subscribers import SUBSCRIBERS, Subscriber
from notifications.webhooks import making

SUBSCRIBERS.register("webhooks")(Subscriber(kinds=frozenset(EVENT_KINDS), handle=making.make_deliveries))
