"""What a person is told of the own card: the claim of one that was made at a poster becomes an inbox entry."""

from notifications import card_notices
from notifications.subscribers import SUBSCRIBERS, Subscriber

SUBSCRIBERS.register("card_notices")(Subscriber(kinds=frozenset({"card.claimed"}), handle=card_notices.tell_of_claim))
