"""Three months of the café's life, lived again through the services, each moment under a clock that is held then."""

from datetime import datetime, timedelta
from uuid import UUID

from api.demo.cafe import Cafe
from api.demo.people import Moment, Person, draw, moments
from app import clock
from app.crypto import Keyring
from app.db import Session
from app.models import Activity, Member, Voucher
from app.services import activities, cards, config, members, redemptions, reversals, vouchers
from app.services.activities import Recorded
from app.services.config import ProgramConfig
from app.services.consents import Statement
from app.services.happenings import Happening
from app.services.ledger import Origin
from app.services.reversals import Refund

_REFUNDED = 0.02
"""How many of the purchases are brought back, a part of them."""
_TREATS_THEMSELVES = 0.06
"""How often somebody who can pay for a reward takes one."""
_USES_COFFEE = 0.4
_REFUND_LATER = timedelta(minutes=12)
_STILL_OPEN = timedelta(hours=1)
_FORGET_EVERY = 50


class History:
    """Lives the moments in one session; nothing of it is there unless the session commits."""

    def __init__(self, session: Session, keyring: Keyring, cafe: Cafe) -> None:
        self._session = session
        self._keyring = keyring
        self._cafe = cafe
        self._config: ProgramConfig = config.load(session)
        self._store_ids = [store.id for store in cafe.stores]
        self._cashier_id = cafe.cashier.id
        self._rewards = sorted((reward.price, reward.id) for reward in cafe.rewards)
        self._members: dict[int, tuple[UUID, UUID]] = {}
        self._coffees: dict[int, list[UUID]] = {}

    def live(self, now: datetime) -> None:
        """Live the three months before `now` (aware)."""
        today = now.astimezone(self._config.zone).date()
        for step, moment in enumerate(moments(today, self._config.zone, now - _STILL_OPEN)):
            with clock.held(moment.at):
                self._live(moment)
            if step % _FORGET_EVERY == 0:
                # What was written is not looked at again: flushing would compare it each time.
                self._session.flush()
                self._session.expunge_all()

    def _live(self, moment: Moment) -> None:
        if moment.kind == "join":
            self._join(moment.person, moment.store)
            return
        member_id, card_id = self._members[moment.person.number]
        member = self._session.get_one(Member, member_id)
        happening = Happening(
            kind=moment.kind, occurred_at=moment.at, amount=moment.amount, card_id=card_id,
            store_id=self._store_ids[moment.store], staff_id=self._cashier_id,
        )  # fmt: skip
        recorded = activities.record(self._session, self._config, self._keyring, member=member, happening=happening)
        if moment.kind == "visit":
            self._keep_coffees(moment, recorded)
            self._drink_coffee(moment)
        elif draw("refund", moment.person.number, moment.at) < _REFUNDED:
            self._refund(moment, recorded.activity)
        else:
            self._treat(moment, member, recorded)

    def _join(self, person: Person, store: int) -> None:
        allowed = draw("offers", person.number)
        statements = [Statement(channel="push", purpose="offers", granted=allowed < 0.7, text_version="2026-01")]  # noqa: PLR2004
        member = members.enrol(
            self._session, self._keyring, source="staff" if store else "join", email=person.email, phone=person.phone,
            first_name=person.first_name, last_name=person.last_name, birth_on=person.birth_on, locale=person.locale,
            statements=statements,
        )  # fmt: skip
        card = cards.of_members(self._session, [member.id])[member.id]
        # As if all had signed in on that day: the card that the demo shows outlives a sign-in under its address.
        card.unproved = False
        self._members[person.number] = (member.id, card.id)

    def _keep_coffees(self, moment: Moment, recorded: Recorded) -> None:
        given = [effect.voucher.id for effect in recorded.effects if effect.voucher is not None]
        self._coffees.setdefault(moment.person.number, []).extend(given)

    def _drink_coffee(self, moment: Moment) -> None:
        waiting = self._coffees.get(moment.person.number, [])
        # The one that this visit gave is for the next.
        if len(waiting) == 0 or draw("free", moment.person.number, moment.at) >= _USES_COFFEE:
            return
        voucher = self._session.get_one(Voucher, waiting[0])
        if voucher.issued_at < moment.at:
            waiting.pop(0)
            if voucher.valid_until is None or voucher.valid_until > moment.at:
                self._use(voucher, moment)

    def _treat(self, moment: Moment, member: Member, recorded: Recorded) -> None:
        balance = next(account.balance for account in recorded.accounts if account.purse_id == self._cafe.points)
        affordable = [reward_id for price, reward_id in self._rewards if price <= balance]
        if not affordable or draw("treat", moment.person.number, moment.at) >= _TREATS_THEMSELVES:
            return
        with clock.held(moment.at + timedelta(seconds=5)):
            origin = Origin(
                occurred_at=clock.now(), store_id=self._store_ids[moment.store], staff_id=self._cashier_id,
                reason="redemption",
            )  # fmt: skip
            voucher = redemptions.redeem(
                self._session, self._config, self._keyring, member=member, reward_id=affordable[-1], origin=origin
            )
            self._use(voucher, moment)

    def _use(self, voucher: Voucher, moment: Moment) -> None:
        vouchers.use(
            self._session, voucher, store_id=self._store_ids[moment.store], staff_id=self._cashier_id, api_key_id=None
        )

    def _refund(self, moment: Moment, bought: Activity) -> None:
        with clock.held(moment.at + _REFUND_LATER):
            refund = Refund(
                reason="refund", amount=(moment.amount or 0) // 2, store_id=self._store_ids[moment.store],
                staff_id=self._cashier_id,
            )  # fmt: skip
            reversals.reverse(self._session, self._config, bought, refund)
