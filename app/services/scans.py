"""Scans: a code becomes a card, a card a member, and the activity goes to the books. The ordinary path."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.codes import offline as offline_codes
from app.codes import totp
from app.codes.errors import NotACardError
from app.codes.grammar import RotatingCode, ScannedCode, StaticCode, VoucherCode, parse
from app.codes.offline import OfflineCode
from app.crypto import Keyring
from app.db import Session
from app.errors import ConflictError, ForbiddenError, NotFoundError
from app.models import Card, CodeUse, Member
from app.services.cards import CardBlockedError, CardReplacedError


class UnknownCardError(NotFoundError):
    """No card of this programme has the code."""

    slug = "unknown-card"
    title = "No such card here"


class CodeExpiredError(ConflictError):
    """The rotating code is older or newer than its window."""

    slug = "code-expired"
    title = "This code is no longer fresh"


class CodeUsedError(ConflictError):
    """The rotating code was accepted before."""

    slug = "code-used"
    title = "This code was scanned before"


class FreshCodeNeededError(ForbiddenError):
    """The programme redeems with rotating codes only."""

    slug = "fresh-code-needed"
    title = "A fresh code is needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """Whom a code stands for. `fresh` codes were shown by the phone itself and may redeem."""

    card: Card
    member: Member
    fresh: bool


UNKNOWN_CARD = "No card of this programme has this code; perhaps it is another shop's."
CODE_USED = "Each code counts once: wait for the phone to show the next one, then scan that."


def read(text: str) -> ScannedCode:
    """Return what a till scanned; raise NotACardError, saying what to do, for anything but a card."""
    code = parse(text)
    if isinstance(code, VoucherCode):
        raise NotACardError("This is a voucher, not a card: use it under vouchers, then scan the card.")
    return code


def recognise(
    session: Session,
    keyring: Keyring,
    code: ScannedCode,
    *,
    spend: bool = True,
    at: datetime | None = None,
    keys: dict[int, Ed25519PublicKey] | None = None,
) -> Recognised:
    """Return whose card a code is. A rotating code is spent by this, unless `spend` is false (a look-up).

    `at` is when it was scanned, for scans kept while offline. Raises UnknownCardError, CardBlockedError,
    CardReplacedError, CodeExpiredError, CodeUsedError, all worded for a cashier.
    """
    instant = at or clock.now()
    if isinstance(code, OfflineCode):
        # Before the card is looked up: whose card a code that was not signed speaks of is nobody's to say.
        offline_codes.verify(code, keys or {}, int(instant.timestamp()))
    card = _card_of(session, code)
    check_status(card.status)
    if isinstance(code, RotatingCode):
        period = check_rotating(keyring, card.id, card.totp_key_sealed, code, instant)
        if spend:
            _spend(session, card.id, period)
    elif isinstance(code, OfflineCode) and spend:
        _spend(session, card.id, -code.valid_from)
    member = session.scalars(select(Member).where(Member.id == card.member_id)).one()
    return Recognised(card=card, member=member, fresh=not isinstance(code, StaticCode))


def check_status(status: str) -> None:
    """Raise for a card that is not active."""
    if status == "blocked":
        raise CardBlockedError("Ask the member to contact the programme; do not give stamps on this card.")
    if status == "replaced":
        raise CardReplacedError("The member has a newer card: ask them to open it in the app or wallet.")


def check_rotating(keyring: Keyring, card_id: UUID, sealed_key: bytes, code: RotatingCode, at: datetime) -> int:
    """Return the period of a rotating code that is fresh; raise CodeExpiredError, telling of a wrong clock."""
    key = keyring.unseal(sealed_key, context=card_id.bytes)
    seconds = int(at.timestamp())
    period = totp.accepted_period(key, code.totp, seconds)
    if period is not None:
        return period
    offset = totp.clock_offset_seconds(key, code.totp, code.at, seconds)
    if offset is not None and abs(offset) > 2 * totp.PERIOD_SECONDS:
        raise CodeExpiredError(
            "The code is from another time: it may be a picture of a screen, or the phone's clock is wrong by"
            f" {abs(offset)} seconds. Ask the member to open the card again.",
            clock_offset_seconds=offset,
        )
    raise CodeExpiredError("The code has changed meanwhile: scan the one that the phone shows now.")


def check_may_redeem(redeem_with: str, recognised: Recognised) -> None:
    """Raise FreshCodeNeededError where the programme redeems with rotating codes and this is another."""
    if redeem_with == "rotating" and not recognised.fresh:
        raise FreshCodeNeededError("Spending needs the code that moves: ask the member to open the card in the app.")


def check_named_may_redeem(redeem_with: str) -> None:
    """Raise FreshCodeNeededError where a member must show the code that moves instead of being named."""
    if redeem_with == "rotating":
        raise FreshCodeNeededError("Spending needs the code that moves: scan the member's card instead.")


def _card_of(session: Session, code: ScannedCode) -> Card:
    if isinstance(code, OfflineCode):
        query = select(Card).where(Card.id == code.card_id)
    else:
        assert isinstance(code, StaticCode | RotatingCode)
        query = select(Card).where(Card.token_hash == ids.digest(code.token))
    card = session.scalars(query).one_or_none()
    if card is None:
        raise UnknownCardError(UNKNOWN_CARD)
    return card


def _spend(session: Session, card_id: UUID, period: int) -> None:
    """Accept each (card, period) once: the primary key decides between two tills."""
    row = {"program_id": session.program, "card_id": card_id, "period": period, "created_at": clock.now()}
    spent = session.execute(
        insert(CodeUse).values(row).on_conflict_do_nothing().returning(CodeUse.period)
    ).one_or_none()
    if spent is None:
        raise CodeUsedError(CODE_USED)
