"""Use cases of cards: what identifies a member at a till.

A card's token is the secret of its static code. The database keeps its hash, to find the card that was scanned, and
the token sealed, to show the code again; both the token and the key of the rotating codes are bound to the card's id.
"""

from uuid import UUID

from sqlalchemy import select

from app import ids
from app.codes import card_token, totp
from app.crypto import Keyring
from app.db import Session
from app.errors import ConflictError, NotFoundError
from app.models import Card, Member
from app.services import events

NUMBER_DIGITS = 16
_FIRST_DIGIT = "9"
"""ISO/IEC 7812 leaves numbers that begin with 9 to national bodies: nobody takes one for a payment card."""


class CardBlockedError(ConflictError):
    """The card is blocked: none of its codes is shown or accepted."""

    slug = "card-blocked"
    title = "This card is blocked"


class CardReplacedError(ConflictError):
    """The card was replaced: its codes have stopped for good; `replaced_by` is the id of the new one."""

    slug = "card-replaced"
    title = "This card was replaced"


def issue(session: Session, keyring: Keyring, member: Member, *, unproved: bool = False) -> Card:
    """Give the member a new card, with a token, a key for rotating codes and a number.

    `unproved` marks a card from a poster under a contact that nobody had proved: see `claims`.
    """
    token = card_token.new_card_token()
    card_id = ids.new_id()
    card = Card(
        id=card_id,
        member_id=member.id,
        number=new_number(),
        token_hash=ids.digest(token),
        token_sealed=keyring.seal(token.encode(), context=card_id.bytes),
        totp_key_sealed=keyring.seal(totp.new_key(), context=card_id.bytes),
        unproved=unproved,
    )
    session.add(card)
    session.flush()
    return card


def token_of(keyring: Keyring, card: Card) -> str:
    """Return the token of the card's codes."""
    return keyring.unseal(card.token_sealed, context=card.id.bytes).decode()


def totp_key_of(keyring: Keyring, card: Card) -> bytes:
    """Return the key of the card's rotating codes (RFC 6238), 20 bytes."""
    return keyring.unseal(card.totp_key_sealed, context=card.id.bytes)


def get(session: Session, card_id: UUID, *, lock: bool = False) -> Card:
    """Return the card, locked for a change if `lock`; raise NotFoundError."""
    query = select(Card).where(Card.id == card_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    card = session.scalars(query).one_or_none()
    if card is None:
        raise NotFoundError("No such card in this programme.", card=ids.show("card", card_id))
    return card


def of_members(session: Session, member_ids: list[UUID]) -> dict[UUID, Card]:
    """Return the current card of each member who has one: the newest that was not replaced."""
    query = select(Card).where(Card.member_id.in_(member_ids), Card.status != "replaced").order_by(Card.id)
    return {card.member_id: card for card in session.scalars(query)}


def shown(card: Card) -> Card:
    """Return the card when its codes may be shown; raise CardBlockedError or CardReplacedError."""
    _refuse_replaced(card)
    if card.status == "blocked":
        raise CardBlockedError("Staff unblock the card, or replace it: then it has codes again.", card=_shown_id(card))
    return card


def block(session: Session, card: Card, reason: str | None = None) -> Card:
    """Stop the card's codes until it is unblocked; nothing happens when it is blocked already."""
    card = get(session, card.id, lock=True)
    _refuse_replaced(card)
    if card.status == "active":
        card.status, card.blocked_reason = "blocked", reason
        events.publish(session, kind="card.blocked", data={"card": _shown_id(card)}, member_id=card.member_id)
    return card


def unblock(session: Session, card: Card) -> Card:
    """Let the card's codes work again; nothing happens when they do already."""
    card = get(session, card.id, lock=True)
    _refuse_replaced(card)
    if card.status == "blocked":
        card.status, card.blocked_reason = "active", None
        events.publish(session, kind="card.unblocked", data={"card": _shown_id(card)}, member_id=card.member_id)
    return card


def replace(session: Session, keyring: Keyring, card: Card, *, even_blocked: bool = True) -> Card:
    """Return a new active card of the same member; the old one's codes stop when this transaction commits.

    A card is replaced once: raise CardReplacedError, which names the new card, when somebody was faster. Without
    `even_blocked`, raise CardBlockedError for a blocked one: a block is lifted by those who may set one.
    """
    # The member first, as a claim does: the new card's foreign key would lock it after the card.
    holder = select(Member).where(Member.id == card.member_id).with_for_update(read=True, key_share=True)
    member = session.scalars(holder).one()
    old = get(session, card.id, lock=True)
    if even_blocked:
        _refuse_replaced(old)
    else:
        shown(old)
    new = issue(session, keyring, member)
    old.status, old.replaced_by_id = "replaced", new.id
    data = {"card": _shown_id(new), "replaced": _shown_id(old)}
    events.publish(session, kind="card.replaced", data=data, member_id=member.id)
    return new


def new_number() -> str:
    """Return a new card number as people read it: 16 digits in groups of four, the last a check digit."""
    body = _FIRST_DIGIT + ids.digits(NUMBER_DIGITS - 2)
    return _grouped(body + luhn_digit(body))


def read_number(text: str) -> str | None:
    """Return the card number that was typed, in the form that is stored, or None when it cannot be one."""
    digits = "".join(text.split()).replace("-", "")
    if len(digits) != NUMBER_DIGITS or not (digits.isascii() and digits.isdecimal()):
        return None
    return _grouped(digits) if luhn_digit(digits[:-1]) == digits[-1] else None


def luhn_digit(body: str) -> str:
    """Return the check digit of decimal digits (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the sum of two digits
    return str(-total % 10)


def _grouped(digits: str) -> str:
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def _refuse_replaced(card: Card) -> None:
    if card.status == "replaced":
        new = ids.show("card", card.replaced_by_id) if card.replaced_by_id else None
        raise CardReplacedError("Use the member's new card.", card=_shown_id(card), replaced_by=new)


def _shown_id(card: Card) -> str:
    return ids.show("card", card.id)
