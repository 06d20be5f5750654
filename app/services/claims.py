"""Claims: what happens to a card from a poster when the person proves the contact that it was made under.

At a poster anybody can write anybody's address, and holds a code of that card. So a person who proves the address is
told of the card and can replace it in one tap; and a card that nobody claimed for a day is replaced by the claim
itself, so that a stranger's code ends before the person's own points are on it. Who joins and signs in on the same
visit keeps the code they have shown. Cards that staff gave or replaced are vouched for by staff and stay.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from app import clock, ids
from app.crypto import Keyring
from app.db import Session
from app.models import Card
from app.services import cards, events, pass_updates

KEPT = timedelta(hours=24)
"""How long a card from a poster may wait for its claim and keep its code."""


def settle(session: Session, keyring: Keyring, member_id: UUID) -> None:
    """Keep or replace the card of a member whom a customer has just claimed, and publish `card.claimed`.

    Nothing happens to a card that was not made at a poster, but that passes are looked at: they may speak the language
    of the customer's app now. A blocked card's successor is blocked for the same
    reason: signing in lifts nobody's block. The member's row is locked before, which orders this with `cards.replace`.
    """
    pass_updates.mark_member(session, member_id, reason="claimed")
    query = select(Card).where(Card.member_id == member_id, Card.unproved, Card.status != "replaced").with_for_update()
    card = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if card is None:
        return
    card.unproved = False
    data = {"card": ids.show("card", card.id)}
    if clock.now() - card.created_at >= KEPT:
        blocked, reason = card.status == "blocked", card.blocked_reason
        new = cards.replace(session, keyring, card)
        if blocked:
            cards.block(session, new, reason)
        data = {"card": ids.show("card", new.id), "replaced": ids.show("card", card.id)}
    events.publish(session, kind="card.claimed", data=data, member_id=member_id)
