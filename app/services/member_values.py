"""What templates are filled with: a member's own values, as texts in a language."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from app import clock, ids
from app.crypto import Keyring
from app.db import Session
from app.models import Card, Member, Program, Reward, Voucher
from app.rewards.kinds import Locale, language
from app.rewards.wording import money
from app.services import holdings, vouchers
from app.services.holdings import Holding

MADE_UP = {
    "first_name": "Camille", "last_name": "Martin", "points": "120", "stamps": "7", "money": "12.50",
    "card_number": "1234 5678", "tier": "Gold", "voucher_code": "V1ABCDEFGHJKMN", "voucher_until": "2026-12-31",
    "unsubscribe_url": "https://example.com/unsubscribe",
}  # fmt: skip
"""A member who does not exist, for previews."""
VOUCHER = frozenset({"voucher_code", "voucher_until"})
_HELD = frozenset({"points", "stamps", "money"})
LOOKED_UP = _HELD | VOUCHER | {"card_number"}
"""Names whose values must be looked for beyond the member's own row."""


def of_members(
    session: Session,
    program: Program,
    members: Sequence[Member],
    *,
    names: Collection[str],
    locale: str | Mapping[UUID, str] | None = None,
    reward_id: str | None = None,
    keyring: Keyring | None = None,
) -> dict[UUID, dict[str, str]]:
    """Return each member's values of the `names` that are asked for; what a member has not is left out.

    Of several purses of a kind the oldest is spoken of; of several open vouchers (of the reward, if one is named) the
    one that runs out first. Without `keyring` its code is not shown. `locale` is everybody's or each member's own. Asks
    the database once for each sort of value, however many members there are. `tier` and `unsubscribe_url` are known to
    who sends.
    """
    found = {member.id: _own(member, program) for member in members}
    member_ids = [member.id for member in members]
    if _HELD & set(names):
        said = locale if isinstance(locale, Mapping) else {}
        common = None if isinstance(locale, Mapping) else locale
        for member_id, held in holdings.of_members(session, member_ids).items():
            spoken = language(said.get(member_id) or common or program.locale)
            found[member_id] |= _held(held, program, spoken)
    if "card_number" in names:
        query = select(Card.member_id, Card.number).where(Card.member_id.in_(member_ids), Card.status == "active")
        for member_id, number in session.execute(query):
            found[member_id]["card_number"] = number
    if VOUCHER & set(names):
        for voucher in _next_vouchers(session, member_ids, reward_id):
            found[voucher.member_id] |= _of_voucher(voucher, program, keyring)
    if "reward" in names and reward_id is not None:
        reward = session.scalars(select(Reward.name).where(Reward.id == ids.parse("reward", reward_id))).one_or_none()
        for values in found.values():
            values["reward"] = reward or ""
    return {
        member_id: {name: value for name, value in values.items() if name in names and value}
        for member_id, values in found.items()
    }


def _next_vouchers(session: Session, member_ids: list[UUID], reward_id: str | None) -> Sequence[Voucher]:
    still_good = or_(Voucher.valid_until.is_(None), Voucher.valid_until > clock.now())
    query = (
        select(Voucher)
        .ext(distinct_on(Voucher.member_id))
        .where(Voucher.member_id.in_(member_ids), Voucher.status == "issued", still_good)
        .order_by(Voucher.member_id, Voucher.valid_until.nulls_last(), Voucher.id)
    )
    if reward_id is not None:
        query = query.where(Voucher.reward_id == ids.parse("reward", reward_id))
    return session.scalars(query).all()


def _of_voucher(voucher: Voucher, program: Program, keyring: Keyring | None) -> dict[str, str]:
    code = vouchers.code_of(keyring, voucher) if keyring is not None else "••••••••"
    values = {"voucher_code": code}
    if voucher.valid_until is not None:
        values["voucher_until"] = voucher.valid_until.astimezone(ZoneInfo(program.timezone)).date().isoformat()
    return values


def _own(member: Member, program: Program) -> dict[str, str]:
    return {"first_name": member.first_name or "", "last_name": member.last_name or "", "program": program.name}


def _held(held: Sequence[Holding], program: Program, spoken: Locale) -> dict[str, str]:
    values: dict[str, str] = {}
    for holding in held:
        kind = holding.purse.kind
        shown = money(holding.balance, program.currency, spoken) if kind == "money" else str(holding.balance)
        values.setdefault(kind, shown)
    return values
