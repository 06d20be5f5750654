"""Unsubscribing by a link: a signed token that names a programme, a member, a channel and a purpose, and nothing else.

A token holds no personal data, only ids; it never expires, since what may be withdrawn today may be withdrawn next year
(GDPR article 7(3)); and it is the same each time, so that no mail's link ends another's. Whoever holds it can withdraw
that one consent, and nothing more.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app import ids
from app.crypto import Keyring
from app.db import Database, Session
from app.errors import NotFoundError
from app.models import Member, Program
from app.services import consents
from app.services.consents import Statement

SOURCE = "unsubscribe"
_VERSION = 1
_CHANNELS = ("push", "email", "sms", "wallet")
_PURPOSES = ("offers", "profiling", "partners")
"""By their place in a token: add at the end, never move."""
_TAG_BYTES = 16
"""128 bits: a guess a nanosecond finds none in the age of the universe."""
_BODY_BYTES = 35
_TOKEN = re.compile("[A-Za-z0-9_-]{68}")
"""51 bytes in base 64, which leaves no digit open: one token has one text."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a link ends: one member's consent to one channel and purpose."""

    program_id: UUID
    member_id: UUID
    channel: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What a page shows about a link: whose programme, in whose language, and whether it is still allowed."""

    program: str
    brand: dict[str, str]
    locale: str
    channel: str
    granted: bool


class Links:
    """Makes and reads links with the installation's key. Make one and keep it: deriving the key takes time."""

    def __init__(self, keyring: Keyring, base_url: str = "") -> None:
        # The first makes links; the others made some, while the secret key is rotated.
        self._keys = [one.derive("unsubscribe") for one in keyring.each()]
        self._base_url = base_url

    def url(self, subscription: Subscription) -> str:
        """Return the address to put into a mail."""
        return f"{self._base_url}/u/{self.token(subscription)}"

    def token(self, subscription: Subscription) -> str:
        """Return the token of one subscription: 68 URL-safe characters."""
        places = (_VERSION, _CHANNELS.index(subscription.channel), _PURPOSES.index(subscription.purpose))
        body = bytes(places) + subscription.program_id.bytes + subscription.member_id.bytes
        return base64.urlsafe_b64encode(body + _tag(self._keys[0], body)).decode()

    def read(self, token: str) -> Subscription:
        """Return what a token names; raise NotFoundError for one that we did not make."""
        body, tag = _cut(token)
        if not any(ids.same(tag, _tag(key, body)) for key in self._keys):
            raise _not_ours()
        return Subscription(
            program_id=UUID(bytes=body[3:19]),
            member_id=UUID(bytes=body[19:]),
            channel=_CHANNELS[body[1]],
            purpose=_PURPOSES[body[2]],
        )


def _tag(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).digest()[:_TAG_BYTES]


def look(database: Database, subscription: Subscription) -> Standing | None:
    """Return how a subscription stands, changing nothing; None when the member is no more."""
    with database.transaction(subscription.program_id) as session:
        return _standing(session, subscription)


def withdraw(database: Database, subscription: Subscription) -> Standing | None:
    """Withdraw the consent, once however often it is asked; return how it stands; None when the member is no more."""
    with database.transaction(subscription.program_id) as session:
        # A provider's click and the reader's may come at once: one of them writes.
        member = session.scalar(select(Member.id).where(Member.id == subscription.member_id).with_for_update())
        if member is None:
            return None
        found = _latest(session, subscription)
        if found is None or found:
            said = Statement(channel=subscription.channel, purpose=subscription.purpose, granted=False)
            consents.record(session, member, [said], source=SOURCE)
        return _standing(session, subscription)


def _standing(session: Session, subscription: Subscription) -> Standing | None:
    row = session.execute(
        select(Program.name, Program.brand, Program.locale, Member.locale.label("spoken"), Member.customer_id)
        .join(Member, Member.program_id == Program.id)
        .where(Program.id == subscription.program_id, Member.id == subscription.member_id)
    ).one_or_none()
    if row is None:
        return None
    return Standing(
        program=row.name,
        brand=dict(row.brand),
        locale=row.spoken or row.locale,
        channel=subscription.channel,
        granted=_latest(session, subscription) is True,
    )


def _latest(session: Session, subscription: Subscription) -> bool | None:
    for row in consents.current(session, subscription.member_id):
        if (row.channel, row.purpose) == (subscription.channel, subscription.purpose):
            return row.granted
    return None


def _cut(token: str) -> tuple[bytes, bytes]:
    if not _TOKEN.fullmatch(token):
        raise _not_ours()
    raw = base64.urlsafe_b64decode(token)
    if raw[0] != _VERSION:
        raise _not_ours()
    return raw[:_BODY_BYTES], raw[_BODY_BYTES:]


def _not_ours() -> NotFoundError:
    return NotFoundError("This link is incomplete.")
