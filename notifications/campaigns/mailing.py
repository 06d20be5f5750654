"""What a campaign's mails need beyond its texts: the programme's letterhead, and each member's way out of them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.config import Settings
from app.crypto import Keyring
from app.services.unsubscribes import Links, Subscription
from notifications.campaigns.plans import Plan
from notifications.channels.protocol import Letterhead


class Mailing:
    """The mails of one run."""

    def __init__(self, plan: Plan, keyring: Keyring, settings: Settings) -> None:
        self.letterhead = letterhead(plan.program_name, plan.brand, plan.settings)
        self._plan = plan
        # A development server has no public address; its mails are read on the same machine.
        self._links = Links(keyring, settings.base_url or f"http://{settings.host}:{settings.port}")

    def unsubscribe_url(self, member_id: UUID) -> str:
        """Return the address that ends this programme's mails for this purpose to this member."""
        plan = self._plan
        return self._links.url(
            Subscription(program_id=plan.program_id, member_id=member_id, channel="email", purpose=plan.purpose)
        )


def letterhead(program: str, brand: Mapping[str, Any], settings: Mapping[str, Any]) -> Letterhead:
    """Return a programme's letterhead: its brand, and the sender that its campaign settings name."""
    sender: Mapping[str, Any] = settings.get("sender") or {}
    return Letterhead(
        program=program,
        sender_name=sender.get("name"),
        sender_address=sender.get("address"),
        reply_to=sender.get("reply_to"),
        background=brand.get("background"),
        foreground=brand.get("foreground"),
        logo_url=brand.get("logo_url"),
    )
