"""Faces of cards and vouchers, made of what the database says and what the programme's design asks for.

    of_cards(session, keyring, card_ids) -> {card id: CardFace}
    of_vouchers(session, keyring, voucher_ids) -> {voucher id: CardFace}

Where what stands is decided here, once for all platforms: the purse that the strip shows, the field beside the logo, at
most four fields below the strip (Apple's limit for a store card), the rest on the back.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, Final, cast
from uuid import UUID

from app import ids
from app.crypto import Keyring
from app.db import Session
from app.models import Purse, Reward
from app.rewards.kinds import language
from app.rewards.wording import money
from app.services import pass_faces
from app.services.pass_faces import Balance, CardFacts
from wallet import designs, voucher_faces
from wallet.card_face import Area, CardFace, FaceField, FaceVoucher, NextReward, Stamps

STAMPS_DRAWN_MAX: Final = 24
"""More stamps than this are no picture any more; a bar shows them."""
_FRONT_MAX: Final = 4
_SECONDARY_MAX: Final = 2


def of_cards(session: Session, keyring: Keyring, card_ids: Collection[UUID]) -> dict[UUID, CardFace]:
    """Return the face of each card of the programme that exists, by the card's id."""
    return {key: card_face(facts) for key, facts in pass_faces.of_cards(session, keyring, card_ids).items()}


def of_vouchers(session: Session, keyring: Keyring, voucher_ids: Collection[UUID]) -> dict[UUID, CardFace]:
    """Return the face of each voucher of the programme that exists, by its id."""
    return {
        key: voucher_faces.face(facts) for key, facts in pass_faces.of_vouchers(session, keyring, voucher_ids).items()
    }


def card_face(facts: CardFacts) -> CardFace:
    """Return the face of a card."""
    return _CardMaker(facts).face()


class _CardMaker:
    """One card's face on the way."""

    def __init__(self, facts: CardFacts) -> None:
        self.facts = facts
        self.frame = designs.frame(facts.program, facts.spoken)
        self.said = self.frame.said
        self.main = _main(facts)
        self.strip = self.frame.strip_style or _strip_for(self.main)
        if self.strip == "stamps" and (self.main is None or not _is_drawn(self.main.purse)):
            # Asked for, but there is no stamp card to show.
            self.strip = "progress" if self.main is not None else "plain"
        self.next = self._next_reward()

    def face(self) -> CardFace:
        """Put it together."""
        facts, said = self.facts, self.said
        voided = facts.card.status != "active"
        front, overflow = self._front(voided=voided)
        message = designs.message_of(facts.message, said)
        face = self.frame.face(
            style="card",
            description=said.phrase("card", program=lambda _: facts.program.name),
            strip_style=self.strip,
            barcode_text=facts.code,
            barcode_caption=facts.card.number if facts.code else None,
            member_name=designs.member_name(facts.member),
            card_number=facts.card.number,
            stamps=self._stamps(),
            progress=self._progress(),
            next_reward=self.next,
            vouchers=tuple(
                FaceVoucher(name=self._voucher_name(one.reward_id, one.name), valid_until=one.valid_until)
                for one in facts.vouchers
            ),
            fields=(*front, *self._back(overflow), *self.frame.message_fields(message), *self.frame.back_fields()),
            voided=voided,
            message=message[1] if message else None,
            nfc=self.frame.nfc(facts.code),
            grouping=ids.show("program", facts.program.id),
        )
        return replace(face, strings=said.strings)

    def _front(self, *, voided: bool) -> tuple[list[FaceField], list[FaceField]]:
        """Return what stands on the front, and what found no room there."""
        shown: list[FaceField] = []
        beside = self._beside_logo()
        if beside is not None:
            shown.append(self._balance(beside, "header"))
        if self.strip in {"plain", "progress"} and self.main is not None:
            shown.append(self._balance(self.main, "primary"))
        taken = {one.key for one in shown}
        below = [one for one in self._below(voided=voided) if one.key not in taken]
        member = [one for one in below if one.key == "member"]
        others = [one for one in below if one.key != "member"]
        room = _FRONT_MAX - len(member)
        chosen = [*others[:room], *member]
        shown += [
            replace(one, area="secondary" if place < _SECONDARY_MAX else "auxiliary")
            for place, one in enumerate(chosen)
        ]
        return shown, others[room:]

    def _beside_logo(self) -> Balance | None:
        """Return whose number stands beside the logo: points, where the picture shows something else already."""
        if self.strip not in {"stamps", "image"}:
            return None
        kinds = {one.purse.kind: one for one in reversed(self.facts.balances)}
        return kinds.get("points") or kinds.get("money") or self.main

    def _below(self, *, voided: bool) -> Iterator[FaceField]:
        if voided:
            yield self.frame.state_field("state", self.facts.card.status)
        if self.main is not None:
            yield self._balance(self.main, "secondary")
        if self.next is not None:
            yield FaceField(
                key="next_reward",
                label=self._missing(self.next),
                value=self.next.name,
                area="secondary",
                change_message=self.frame.change_message("next_reward", None),
            )
        for one in self.facts.balances:
            if one is not self.main:
                yield self._balance(one, "secondary")
        member = designs.member_name(self.facts.member)
        if member:
            said = self.said
            yield FaceField(key="member", label=said.phrase("member"), value=said.same(member), area="auxiliary")

    def _back(self, overflow: list[FaceField]) -> Iterator[FaceField]:
        facts, said = self.facts, self.said
        yield from (replace(one, area="back") for one in overflow)
        if facts.vouchers:
            names = ", ".join(self._voucher_name(one.reward_id, one.name) for one in facts.vouchers)
            yield FaceField(
                key="vouchers",
                label=said.phrase("vouchers"),
                value=names,
                area="back",
                change_message=self.frame.change_message("vouchers", "vouchers_changed"),
            )
        if facts.next_expiry is not None:
            yield self._expiry(facts.next_expiry)
        yield FaceField(key="card_number", label=said.phrase("card_number"), value=facts.card.number, area="back")

    def _expiry(self, found: pass_faces.NextExpiry) -> FaceField:
        purse = next(one.purse for one in self.facts.balances if one.purse.id == found.purse_id)
        label = self.said.phrase(
            "expiring",
            purse=lambda tag: designs.name_in(purse, tag),
            n=lambda tag: self._amount(purse.kind, found.amount, tag),
        )
        day = designs.last_day(found.at, self.facts.program.timezone)
        return FaceField(key="expiry", label=label, value=day, kind="date", area="back")

    def _balance(self, one: Balance, area: Area) -> FaceField:
        purse = one.purse
        key = self._key(one)
        field = FaceField(
            key=key,
            label=self.said.given(purse.name, designs.named(purse)),
            value=one.amount,
            kind="money" if purse.kind == "money" else "number",
            currency=self.facts.program.currency if purse.kind == "money" else None,
            area=area,
            change_message=self.frame.change_message(
                key, "balance_changed", purse=lambda tag: designs.name_in(purse, tag)
            ),
        )
        if purse.kind == "stamps" and purse.goal:
            return replace(field, value=f"{_filled(one)} / {purse.goal}", kind="text")
        return field

    def _key(self, one: Balance) -> str:
        """Return `points`, `stamps` or `money` for the oldest purse of a kind, `purse_<code>` for others."""
        oldest = next(other for other in self.facts.balances if other.purse.kind == one.purse.kind)
        return one.purse.kind if one is oldest else f"purse_{one.purse.code}"

    def _stamps(self) -> Stamps | None:
        if self.main is None or self.main.purse.kind != "stamps" or not self.main.purse.goal:
            return None
        purse = self.main.purse
        assert purse.goal is not None
        return Stamps(count=_filled(self.main), goal=purse.goal, name=self.said.given(purse.name, designs.named(purse)))

    def _progress(self) -> float | None:
        if self.main is None or self.strip != "progress":
            return None
        if self.next is None:
            return None
        had = max(self.main.amount, 0)
        whole = had + self.next.missing
        return round(had / whole, 2) if whole else 1.0

    def _next_reward(self) -> NextReward | None:
        """Return what comes next in the main purse; the dearest that can be had when none is dearer."""
        if self.main is None:
            return None
        purse, had = self.main.purse, self.main.amount
        unit = cast("Any", purse.kind)
        if purse.kind == "stamps" and purse.goal and (reward := self._goal_reward(purse)) is not None:
            return NextReward(name=self._reward_name(reward), missing=purse.goal - _filled(self.main), unit=unit)
        offered = [one for one in self.facts.rewards.values() if _is_offered(one, purse)]
        beyond = next((one for one in offered if one.price > had), None)
        if beyond is not None:
            return NextReward(name=self._reward_name(beyond), missing=beyond.price - had, unit=unit)
        return NextReward(name=self._reward_name(offered[-1]), missing=0, unit=unit) if offered else None

    def _goal_reward(self, purse: Purse) -> Reward | None:
        return self.facts.rewards.get(purse.reward_id) if purse.reward_id is not None else None

    def _missing(self, found: NextReward) -> str:
        if found.missing <= 0:
            return self.said.phrase("ready")
        return self.said.phrase("missing", n=lambda tag: self._amount(found.unit, found.missing, tag))

    def _amount(self, kind: str, amount: int, tag: str) -> str:
        return money(amount, self.facts.program.currency, language(tag)) if kind == "money" else str(amount)

    def _reward_name(self, reward: Reward) -> str:
        return self.said.given(reward.name, designs.named(reward))

    def _voucher_name(self, reward_id: UUID, name: str) -> str:
        reward = self.facts.rewards.get(reward_id)
        return self._reward_name(reward) if reward is not None else name


def _main(facts: CardFacts) -> Balance | None:
    """Return the balance that the card is about: stamps towards a goal, else points, else whatever is oldest."""
    towards = (one for one in facts.balances if one.purse.kind == "stamps" and one.purse.goal)
    points = (one for one in facts.balances if one.purse.kind == "points")
    return next(towards, None) or next(points, None) or next(iter(facts.balances), None)


def _is_drawn(purse: Purse) -> bool:
    return purse.kind == "stamps" and purse.goal is not None and purse.goal <= STAMPS_DRAWN_MAX


def _strip_for(main: Balance | None) -> str:
    if main is None:
        return "plain"
    return "stamps" if _is_drawn(main.purse) else "progress"


def _filled(one: Balance) -> int:
    assert one.purse.goal is not None
    return min(max(one.amount, 0), one.purse.goal)


def _is_offered(reward: Reward, purse: Purse) -> bool:
    return (
        reward.status == "live"
        and reward.purse_id == purse.id
        and reward.price > 0
        and reward.min_tier is None
        and reward.stock != 0
    )
