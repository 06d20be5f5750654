"""Facts that a member is told at once: the event becomes an inbox entry, and a push for each of the member's phones."""

from notifications import deliveries
from notifications.subscribers import SUBSCRIBERS, Subscriber

SUBSCRIBERS.register("deliveries")(Subscriber(kinds=frozenset({"voucher.issued"}), handle=deliveries.tell_of_voucher))
