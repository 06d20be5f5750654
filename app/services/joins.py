"""Joining from a poster: what a programme offers, and a card in ten seconds, before anything is proved.

**Known contacts.** A contact that is a member's already is answered `already-member`, and nothing of that member is
shown. This tells somebody who asks whether an address is a member of this one programme. The alternative, one answer
for known and unknown contacts alike with the card sent by message, would cost every honest customer at the counter the
wait for a mail or a text; so joining is told apart, is throttled by the caller's network, and costs the one who asks a
real enrolment for each address that is not known. Signing in, where an account of all programmes is at stake, stays
blind. The card of a known contact is reached by a one-time code alone: nobody takes it over from a poster. What
becomes of a card that a stranger made under somebody's address is told in `claims`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select

from app import ids
from app.codes import grammar
from app.crypto import Keyring
from app.db import Database, Session
from app.errors import ConflictError, NotFoundError, invalid_field
from app.models import Card, Customer, Member, Program, Purse, Reward
from app.services import cards, claims, contacts, idempotency, members, programs
from app.services.consents import Statement

KEY_MIN = 16
"""A repeat shows a card's code again, so the key that proves the repeat must not be guessable."""

REWARDS_SHOWN = 50
ASKED = tuple({"channel": channel, "purpose": "offers"} for channel in ("push", "email", "sms"))
"""What a join page asks: each by a box of its own that is not ticked beforehand (GDPR recital 32)."""


class NoSuchProgramError(NotFoundError):
    """No programme has this slug."""

    slug = "unknown-programme"
    title = "No such programme"


class AlreadyMemberError(ConflictError):
    """The contact is a member's already: the card is in the app, after signing in with a one-time code."""

    slug = "already-member"
    title = "Already a member"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a join page shows."""

    program: Program
    purses: list[Purse]
    rewards: list[Reward]
    consents: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A new member with the card to show at once."""

    program: Program
    member: Member
    card: Card
    code: str


def program_of(database: Database, slug: str) -> UUID:
    """Return the programme of a slug; raise NoSuchProgramError."""
    program_id = None
    # What cannot be a slug may be what no text of the database can hold, such as U+0000.
    if re.fullmatch(programs.SLUG, slug):
        with database.transaction() as session:
            program_id = session.scalar(select(func.program_by_slug(slug)))
    if program_id is None:
        raise NoSuchProgramError("The link names no programme: scan the poster again.")
    found: UUID = program_id
    return found


def offer(session: Session) -> Offer:
    """Return what the session's programme offers to who joins."""
    purses = select(Purse).where(Purse.archived_at.is_(None)).order_by(Purse.id)
    rewards = select(Reward).where(Reward.status == "live").order_by(Reward.price, Reward.id).limit(REWARDS_SHOWN)
    return Offer(
        program=programs.get(session),
        purses=list(session.scalars(purses)),
        rewards=list(session.scalars(rewards)),
        consents=ASKED,
    )


def join(
    session: Session,
    keyring: Keyring,
    *,
    email: str | None = None,
    phone: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
    birth_on: date | None = None,
    locale: str | None = None,
    statements: Iterable[Statement] = (),
    referral_code: str | None = None,
    repeat: tuple[str, bytes] | None = None,
) -> Joined:
    """Enrol from a poster; a contact is welcome and not needed. A phone number may be written as people do in the zone.

    In a session opened for a customer, the membership is the customer's, with the contacts that were proved; one that
    a till made earlier for such a contact is taken over. `repeat` is an idempotency key and a fingerprint: the same
    again answers with the same card. Raises InvalidError, AlreadyMemberError, and CardReplacedError for a repeat by
    anybody but the member's customer after the card was replaced.
    """
    if repeat is not None and (known := _repeated(session, *repeat)) is not None:
        return _joined(session, keyring, known)
    given: dict[str, Any] = {
        "email": email, "phone": phone, "first_name": first_name, "last_name": last_name, "locale": locale,
    }  # fmt: skip
    if phone is not None:
        region = contacts.region_of(programs.get(session).timezone)
        given["phone"] = contacts.phone(phone, region=region)
    customer = _customer(session)
    member = _claim(session, keyring, customer) if customer else None
    if member is None:
        if customer is not None:
            given = _with_proved(given, customer)
        try:
            member = members.enrol(
                session, keyring, source="join", birth_on=birth_on, statements=statements,
                customer_id=customer.id if customer else None, referral_code=referral_code, **given,
            )  # fmt: skip
        except members.MemberExistsError:
            raise AlreadyMemberError("Sign in with a one-time code: your card is waiting there.") from None
    if repeat is not None:
        idempotency.keep(
            session, scope="join", key=repeat[0], fingerprint=repeat[1], status=201,
            answer=ids.show("member", member.id), permanent=False,
        )  # fmt: skip
    return _joined(session, keyring, member)


def _repeated(session: Session, key: str, fingerprint: bytes) -> Member | None:
    if len(key) < KEY_MIN:
        raise invalid_field("#", f"An Idempotency-Key to join with has {KEY_MIN} characters or more, chosen by chance.")
    kept = idempotency.find(session, scope="join", key=key, fingerprint=fingerprint)
    if kept is None:
        return None
    member = members.get(session, ids.parse("member", kept.body))
    if session.customer_id is None or member.customer_id != session.customer_id:
        _refuse_second_card(session, member)
    return member


def _refuse_second_card(session: Session, member: Member) -> None:
    # A key proves who joined, not whose the address is: it never shows the card that came after the one it made.
    replaced = select(Card).where(Card.member_id == member.id, Card.status == "replaced").order_by(Card.id.desc())
    for card in session.scalars(replaced.limit(1)):
        cards.shown(card)


def _customer(session: Session) -> Customer | None:
    if session.customer_id is None:
        return None
    query = select(Customer).where(Customer.id == session.customer_id, Customer.erased_at.is_(None))
    return session.scalars(query).one_or_none()


def _claim(session: Session, keyring: Keyring, customer: Customer) -> Member | None:
    """Return the member that is the customer's by a proved contact; raise AlreadyMemberError for one linked before."""
    conditions = [Member.customer_id == customer.id]
    conditions += [Member.email == customer.email] if customer.email else []
    conditions += [Member.phone == customer.phone] if customer.phone else []
    found = list(session.scalars(select(Member).where(or_(*conditions)).order_by(Member.id).with_for_update()))
    if any(member.customer_id == customer.id for member in found):
        raise AlreadyMemberError("You are a member already: the card is in your app.")
    free = next((member for member in found if member.customer_id is None), None)
    if free is not None:
        free.customer_id = customer.id
        session.flush()
        claims.settle(session, keyring, free.id)
    return free


def _with_proved(given: dict[str, Any], customer: Customer) -> dict[str, Any]:
    """Return the form with the customer's own contacts, which were proved, and what the form leaves open."""
    names = {name: given[name] or getattr(customer, name) for name in ("first_name", "last_name", "locale")}
    return {**given, **names, "email": customer.email, "phone": customer.phone}


def _joined(session: Session, keyring: Keyring, member: Member) -> Joined:
    card = cards.of_members(session, [member.id]).get(member.id) or cards.issue(session, keyring, member)
    code = grammar.static_code(cards.token_of(keyring, cards.shown(card)))
    return Joined(program=programs.get(session), member=member, card=card, code=code)
