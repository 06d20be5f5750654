"""One-time codes: six digits to an e-mail address or a phone, ten minutes, five tries, once.

Sending never asks whether anybody is known under the contact, so that it cannot tell. OWASP ASVS 5.0, 6.5 and 6.6.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, update

from app import clock, ids
from app.db import Database, Session
from app.errors import InvalidError
from app.models import CustomerCode
from app.services import attempts, contacts, mails, passwords

LIVES = timedelta(minutes=10)
TRIES_MAX = 5
DIGITS = 6
_KEPT = timedelta(days=1)

SENT_TO_CONTACT = (attempts.Policy("codes-contact", 3, 600), attempts.Policy("codes-contact-day", 20, 86400))
"""Codes to one contact: three in ten minutes, twenty in a day; more are quietly not sent."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Where a code goes: an e-mail address or a phone number, normalised, never both."""

    email: str | None
    phone: str | None

    @property
    def text(self) -> str:
        """The address or the number."""
        return self.email or self.phone or ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A code that may be tried now."""

    id: UUID
    code_hash: str


def contact(*, email: str | None = None, phone: str | None = None) -> Contact:
    """Return the contact that a person typed; raise InvalidError unless exactly one is given and usable."""
    if (email is None) == (phone is None):
        raise InvalidError("Give `email` or `phone`.", errors=[{"pointer": "#", "detail": "Give one of the two."}])
    return Contact(
        email=contacts.email(email) if email is not None else None,
        phone=contacts.mobile(phone) if phone is not None else None,
    )


def send(database: Database, *, to: Contact, locale: str) -> None:
    """Send a new code, unless the contact had enough; the same work either way. Earlier codes of the contact die."""
    keyring = database.keyring
    with database.transaction() as session:
        standings = [attempts.count(session, keyring, policy=one, subject=to.text) for one in SENT_TO_CONTACT]
    code = ids.digits(DIGITS)
    code_hash = passwords.make_hash(code)
    if not all(standing.allowed for standing in standings):
        return
    message = mails.one_time_code(to=to.text, code=code, locale=locale, minutes=int(LIVES.total_seconds() // 60))
    by_mail = to.email is not None and bool(database.settings.smtp_url)
    with database.transaction(contact_hash=keyring.contact_hash(to.text)) as session:
        store(session, code_hash=code_hash)
        if by_mail:
            mails.post(session, keyring, message, expires_at=clock.now() + LIVES)
    if not by_mail:
        mails.Postbox(database.settings.outbox_file).append(message)


def store(session: Session, *, code_hash: str) -> None:
    """Keep a code's hash for the session's contact, and end the codes before it."""
    now = clock.now()
    assert session.contact_hash is not None
    session.execute(update(CustomerCode).where(_of(session), CustomerCode.expires_at > now).values(expires_at=now))
    session.add(CustomerCode(contact_hash=session.contact_hash, code_hash=code_hash, expires_at=now + LIVES))


def begin_try(session: Session) -> Challenge | None:
    """Count a try of the contact's code and return it; None when there is none, or its tries are used up.

    Commit before comparing, so that tries at the same time are counted too.
    """
    query = (
        select(CustomerCode)
        .where(
            _of(session),
            CustomerCode.used_at.is_(None),
            CustomerCode.expires_at > clock.now(),
        )
        .order_by(CustomerCode.id.desc())
        .limit(1)
        .with_for_update()
    )
    row = session.scalars(query).one_or_none()
    if row is None or row.tries >= TRIES_MAX:
        return None
    row.tries += 1
    return Challenge(row.id, row.code_hash)


def use(session: Session, challenge: Challenge) -> bool:
    """Use the code up; False when somebody else just did, or it ended meanwhile."""
    used = session.scalar(
        update(CustomerCode)
        .where(
            _of(session),
            CustomerCode.id == challenge.id,
            CustomerCode.used_at.is_(None),
            CustomerCode.expires_at > clock.now(),
        )
        .values(used_at=clock.now())
        .returning(CustomerCode.id)
    )
    return used is not None


def forget_old(session: Session) -> int:
    """Drop codes that ended a day ago; return how many. For the worker's session across programmes."""
    gone = session.execute(delete(CustomerCode).where(CustomerCode.expires_at < clock.now() - _KEPT))
    return gone.rowcount  # type: ignore[attr-defined,no-any-return]


def _of(session: Session) -> ColumnElement[bool]:
    return CustomerCode.contact_hash == session.contact_hash
