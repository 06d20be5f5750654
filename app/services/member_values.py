"""What templates are filled with: a member's own values, as texts in a language."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select

from app import ids
from app.db import Session
from app.models import Card, Member, Program, Reward
from app.rewards.kinds import Locale, language
from app.rewards.wording import money
from app.services import holdings
from app.services.holdings import Holding

MADE_UP = {
    "first_name": "Camille", "last_name": "Martin", "points": "120", "stamps": "7", "money": "12.50",
    "card_number": "1234 5678", "tier": "Gold", "voucher_code": "V1ABCDEFGHJKMN", "voucher_until": "2026-12-31",
    "unsubscribe_url": "https://example.com/unsubscribe",
}  # fmt: skip
"""A member who does not exist, for previews."""
_HELD = frozenset({"points", "stamps", "money"})


def of_members(
    session: Session,
    program: Program,
    members: Sequence[Member],
    *,
    names: Collection[str],
    locale: str | None = None,
    reward_id: str | None = None,
) -> dict[UUID, dict[str, str]]:
    """Return each member's values of the `names` that are asked for; what a member has not is left out.

    Of several purses of a kind the oldest is spoken of. Asks the database once for each sort of value, however many
    members there are. `tier`, `voucher_code`, `voucher_until` and `unsubscribe_url` are known to who sends.
    """
    found = {member.id: _own(member, program) for member in members}
    member_ids = [member.id for member in members]
    if _HELD & set(names):
        spoken = language(locale or program.locale)
        for member_id, held in holdings.of_members(session, member_ids).items():
            found[member_id] |= _held(held, program, spoken)
    if "card_number" in names:
        query = select(Card.member_id, Card.number).where(Card.member_id.in_(member_ids), Card.status == "active")
        for member_id, number in session.execute(query):
            found[member_id]["card_number"] = number
    if "reward" in names and reward_id is not None:
        reward = session.scalars(select(Reward.name).where(Reward.id == ids.parse("reward", reward_id))).one_or_none()
        for values in found.values():
            values["reward"] = reward or ""
    return {
        member_id: {name: value for name, value in values.items() if name in names and value}
        for member_id, values in found.items()
    }


def _own(member: Member, program: Program) -> dict[str, str]:
    return {"first_name": member.first_name or "", "last_name": member.last_name or "", "program": program.name}


def _held(held: Sequence[Holding], program: Program, spoken: Locale) -> dict[str, str]:
    values: dict[str, str] = {}
    for holding in held:
        kind = holding.purse.kind
        shown = money(holding.balance, program.currency, spoken) if kind == "money" else str(holding.balance)
        values.setdefault(kind, shown)
    return values
