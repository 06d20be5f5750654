"""Use cases of consents: what a member allows, by channel and purpose, with the proof of when, where and to which text.

Rows are only ever added. The latest statement about a channel and purpose counts; without one, nothing is allowed
(GDPR article 7: the controller shows that consent was given, and taking it back is as easy as giving it).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on

from app import ids
from app.db import Session
from app.errors import invalid_field
from app.models import Consent
from app.services import events

CHANNELS = ("push", "email", "sms", "wallet")
PURPOSES = ("offers", "profiling", "partners")
SOURCES_OF_STAFF = ("counter", "paper", "phone", "web", "import")
"""Where staff may say that a member spoke."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a member says about one channel and purpose; `text_version` names the text that was shown."""

    channel: str
    purpose: str
    granted: bool
    text_version: str | None = None


def record(
    session: Session,
    member_id: UUID,
    statements: Iterable[Statement],
    *,
    source: str,
    staff_id: UUID | None = None,
    pointer: str = "#/consents",
) -> None:
    """Add the statements that say something new, and publish `consent.changed` for each whose answer is another.

    `source` is where it was said: `app`, `join`, `staff`, `api`, `unsubscribe`, or one of `SOURCES_OF_STAFF`.
    Raises InvalidError about `pointer` when two statements of one request are about the same channel and purpose.
    """
    statements = list(statements)
    if len({(said.channel, said.purpose) for said in statements}) < len(statements):
        raise invalid_field(pointer, "Say one thing about each channel and purpose.")
    known = {(row.channel, row.purpose): (row.granted, row.text_version) for row in current(session, member_id)}
    for said in statements:
        if known.get((said.channel, said.purpose)) != (said.granted, said.text_version):
            session.add(
                Consent(
                    member_id=member_id,
                    channel=said.channel,
                    purpose=said.purpose,
                    granted=said.granted,
                    source=source,
                    text_version=said.text_version,
                    staff_id=staff_id,
                )
            )
            if known.get((said.channel, said.purpose), (False, None))[0] != said.granted:
                _publish(session, member_id, said, source)
    session.flush()


def write_down(
    session: Session, member_id: UUID, statements: Iterable[Statement], *, source: str, staff_id: UUID | None
) -> None:
    """Add what a member said elsewhere, as staff say; raise InvalidError for a consent without the text's version.

    The controller must be able to show to what a person said yes (GDPR article 7(1)).
    """
    statements = list(statements)
    for place, said in enumerate(statements):
        if said.granted and not said.text_version:
            raise invalid_field(f"#/consents/{place}/text_version", "Say which text the member was shown.")
    record(session, member_id, statements, source=source, staff_id=staff_id)


def _publish(session: Session, member_id: UUID, said: Statement, source: str) -> None:
    data = {
        "member": ids.show("member", member_id), "channel": said.channel, "purpose": said.purpose,
        "granted": said.granted, "source": source,
    }  # fmt: skip
    events.publish(session, kind="consent.changed", data=data, member_id=member_id)


def current(session: Session, member_id: UUID) -> list[Consent]:
    """Return the latest statement about each channel and purpose that the member spoke of."""
    query = (
        select(Consent)
        .where(Consent.member_id == member_id)
        .ext(distinct_on(Consent.channel, Consent.purpose))
        .order_by(Consent.channel, Consent.purpose, Consent.id.desc())
    )
    return list(session.scalars(query))


def of_customer(session: Session, customer_id: UUID) -> list[dict[str, Any]]:
    """Return `{card_id, program, consents}` for each card of a customer, over all programmes."""
    return list(session.scalar(select(func.my_consents(customer_id))) or [])
