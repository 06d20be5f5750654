"""Handing out vouchers as passes of their own, and a card with its vouchers in one file, which Safari adds at once."""

from uuid import UUID

from sqlalchemy import select

from app.db import Database, Session
from app.errors import NotFoundError
from app.models import Card, Voucher
from app.services import cards, vouchers
from wallet import handing
from wallet.platforms import Handout
from wallet.platforms.apple import package

KIND = "apple"
VOUCHERS_MAX = package.BUNDLE_MAX - 1


def hand_out_voucher(
    database: Database, program_id: UUID, card_id: UUID, voucher_id: UUID, *, kind: str = KIND,
    customer_id: UUID | None = None,
) -> Handout:  # fmt: skip
    """Return a voucher of the card's member as a file, or as a link for a wallet that has links.

    Opens its own transactions, none of them while it is made. Raises NotFoundError for a voucher of somebody else, and
    what `handing.hand_out` raises.
    """
    platform = handing.platform_of(kind)
    with database.transaction(program_id, customer_id=customer_id) as session:
        card = cards.shown(cards.get(session, card_id))
        voucher = _of_member(session, card, voucher_id)
        credentials, asked = handing.prepare(session, database, platform, card, voucher_id=voucher.id)
    return platform.hand_out(database.settings, credentials, asked)


def hand_out(database: Database, program_id: UUID, card_id: UUID, *, customer_id: UUID | None = None) -> Handout:
    """Return the card and the newest of its member's vouchers that can be used, ten passes at most, in one file.

    Opens its own transactions, none of them while it is made. Raises what `handing.hand_out` raises.
    """
    platform = handing.platform_of(KIND)
    with database.transaction(program_id, customer_id=customer_id) as session:
        card = cards.shown(cards.get(session, card_id))
        usable = vouchers.of_member(session, card.member_id, limit=VOUCHERS_MAX)
        prepared = [
            handing.prepare(session, database, platform, card, voucher_id=voucher_id)
            for voucher_id in (None, *(voucher.id for voucher in usable))
        ]
    made = [platform.hand_out(database.settings, credentials, asked) for credentials, asked in prepared]
    return Handout(
        chunks=(package.bundle([one.content for one in made if one.content is not None]),),
        media_type=package.BUNDLE_MEDIA_TYPE,
        filename="cards.pkpasses",
    )


def _of_member(session: Session, card: Card, voucher_id: UUID) -> Voucher:
    query = select(Voucher).where(Voucher.id == voucher_id, Voucher.member_id == card.member_id)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFoundError("This card's member has no such voucher.")
    return found
