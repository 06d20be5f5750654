"""Use cases of zones: the app says that its holder is near a store, for the offers that the holder allows."""

from uuid import UUID

from app import ids
from app.db import Session
from app.models import Member, Store
from app.services import consents, events, stores

CHANNELS = ("push", "wallet")
"""What reaches somebody on the way; who allows neither is not followed."""


def enter(session: Session, member: Member, store_id: UUID) -> bool:
    """Publish that the member came near a store, unless no offers are allowed; return whether it was published.

    Nothing else is kept. Raises NotFoundError for a store that the programme has not.
    """
    store: Store = stores.get(session, store_id)
    allowed = any(
        one.granted
        for one in consents.current(session, member.id)
        if one.purpose == "offers" and one.channel in CHANNELS
    )
    if allowed:
        data = {"member": ids.show("member", member.id), "store": ids.show("store", store.id)}
        events.publish(session, kind="zone.entered", data=data, member_id=member.id)
    return allowed
