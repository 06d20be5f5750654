"""A customer's cards over all programmes: what the companion app shows, and what it keeps to show codes offline."""

import base64
import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import func, select

from app import clock, ids
from app.codes import grammar, offline, totp
from app.crypto import Keyring
from app.db import Database, Session
from app.db.gathering import Gathering, at_once
from app.db.hot import HotTransaction
from app.errors import NotFoundError
from app.models import Card
from app.services import card_texts, cards
from app.services.config import ConfigCache

WINDOW_SECONDS = 90
STEP_SECONDS = 60
"""A code of the next minute is valid before this one ends, so that the phone's clock may be half a minute wrong."""

HOURS_MAX = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCode:
    """The text of a code, and when it is valid; a static code says nothing of time. Times are unix seconds."""

    kind: str
    text: str
    valid_from: int | None = None
    valid_until: int | None = None


class CardReader:
    """Reads customers' cards for a web process; those who ask at once are answered in one round trip."""

    def __init__(self, database: Database, configs: ConfigCache) -> None:
        self._database = database
        self._configs = configs
        self._gathering = Gathering(self._ask)

    def of_customer(self, customer_id: UUID, at_end: Callable[[Callable[[], None]], None] = at_once) -> str:
        """Return every card of the customer with programme, accounts and open vouchers, as the text of a JSON list.

        It is read in one round trip, when the process remembers the programmes' set-up. Reading it writes nothing.
        `at_end` is given what the thread must call when it ends (`app.db.gathering`).
        """
        records = self._gathering.get(customer_id, at_end)
        return card_texts.render(records, self._configs, self._database.keyring) if records else "[]"

    def _ask(self, customer_ids: Sequence[UUID]) -> list[list[str]]:
        with self._database.hot.lend() as driver:
            found = HotTransaction(driver).ask("customers_cards", list(customer_ids), clock.now())
        records = card_texts.by_customer(found)
        return [records.get(str(customer_id), []) for customer_id in customer_ids]


def program_of(database: Database, customer_id: UUID, card_id: UUID) -> UUID:
    """Return the programme of one of the customer's cards; raise NotFoundError for anybody else's."""
    door = func.memberships(customer_id).table_valued("program_id", "member_id", "card_id")
    with database.transaction() as session:
        found = session.scalar(select(door.c.program_id).where(door.c.card_id == card_id))
    if found is None:
        raise NotFoundError("No such card of yours.", card=ids.show("card", card_id))
    program_id: UUID = found
    return program_id


def code(keyring: Keyring, card: Card, kind: str) -> ShownCode:
    """Return the card's `static` or `rotating` code of now; raise when the card is blocked or replaced."""
    token = cards.token_of(keyring, cards.shown(card))
    if kind == "static":
        return ShownCode(kind=kind, text=grammar.static_code(token))
    now = clock.unix_seconds()
    start = totp.period(now) * totp.PERIOD_SECONDS
    return ShownCode(
        kind=kind,
        text=grammar.rotating_code(token, cards.totp_key_of(keyring, card), now),
        valid_from=start,
        valid_until=start + 2 * totp.PERIOD_SECONDS,
    )


def seed(keyring: Keyring, card: Card) -> dict[str, Any]:
    """Return what a phone needs to show the card's rotating codes without network (RFC 6238 parameters)."""
    token = cards.token_of(keyring, cards.shown(card))
    return {
        "card_id": card.id,
        "token": token,
        "totp_key": base64.b32encode(cards.totp_key_of(keyring, card)).decode(),
        "algorithm": "SHA1",
        "digits": totp.DIGITS,
        "period": totp.PERIOD_SECONDS,
        "format": "A2{token}:{totp}:{unix}",
        "server_time": clock.unix_seconds(),
    }


def offline_codes(keyring: Keyring, card: Card, *, hours: int) -> list[ShownCode]:
    """Return the signed codes of the next hours, one a minute, each valid for 90 s: tills without network believe them.

    They earn and do not redeem (`redeem_max` 0): a till that knows nothing newer cannot know what was spent.
    """
    cards.shown(card)
    key = signing_key(keyring)
    key_id = id_of(key.public_key())
    first = clock.unix_seconds() // STEP_SECONDS * STEP_SECONDS
    found = []
    for start in range(first, first + hours * 3600, STEP_SECONDS):
        text = offline.sign(
            key, key_id=key_id, card_id=card.id, valid_from=start, window_seconds=WINDOW_SECONDS, redeem_max=0
        )
        found.append(ShownCode(kind="offline", text=text, valid_from=start, valid_until=start + WINDOW_SECONDS))
    return found


def signing_key(keyring: Keyring) -> Ed25519PrivateKey:
    """Return the installation's key for offline codes; it is derived, so it never leaves the server's secret key."""
    return Ed25519PrivateKey.from_private_bytes(keyring.derive("offline-codes/1"))


@functools.lru_cache(maxsize=4)
def verifying_keys(keyring: Keyring) -> dict[int, Ed25519PublicKey]:
    """Return the public keys that tills hold, by their id: one, or more while the secret key is rotated."""
    return {id_of(key): key for key in (signing_key(one).public_key() for one in keyring.each())}


def id_of(key: Ed25519PublicKey) -> int:
    """Return what a code calls the key that signed it: two bytes of the key's digest."""
    return int.from_bytes(hashlib.sha256(key.public_bytes_raw()).digest()[:2], "big")


def blocked(session: Session, *, limit: int) -> list[UUID]:
    """Return the cards of the programme that are blocked, the newest first: a till without network refuses them."""
    query = select(Card.id).where(Card.status == "blocked").order_by(Card.id.desc()).limit(limit)
    return list(session.scalars(query))
