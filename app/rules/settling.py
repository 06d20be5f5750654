"""One purse's part of an activity: exact sum, multipliers, caps, and one rounding that rules share without a remainder.

The running sum is kept as two integers, since this runs at every scan; a `Fraction` appears only where a
purse does not floor.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import gcd
from typing import Any, Literal
from uuid import UUID

from app.money import AMOUNT_MAX, Rounding, rounded
from app.rules.compiled import CompiledEffect, CompiledRule
from app.rules.facts import Amount, PurseFacts, RuleUsage
from app.rules.kinds import Role
from app.rules.outcomes import Grant

CapKind = Literal["per_member", "per_day", "total"]
_UNUSED = RuleUsage()

Line = tuple[CompiledEffect, Amount, int]
"""An effect and its exact share."""


class Pot:
    """What fired for one purse: base rules with their lines, and multipliers, both in the order of the law."""

    __slots__ = ("base", "multipliers")

    def __init__(self) -> None:
        self.base: list[tuple[CompiledRule, list[Line]]] = []
        self.multipliers: list[tuple[CompiledRule, Line]] = []

    def put(self, rule: CompiledRule, line: Line) -> None:
        """Add an effect of a rule; the base effects of one rule stay together."""
        if line[0].role is Role.MULTIPLIER:
            self.multipliers.append((rule, line))
        elif self.base and self.base[-1][0] is rule:
            self.base[-1][1].append(line)
        else:
            self.base.append((rule, [line]))


class Room:
    """What is left under a rule's caps, as this activity uses it up."""

    __slots__ = ("left", "limits", "usage")

    def __init__(self, usage: Mapping[UUID, RuleUsage]) -> None:
        self.usage = usage
        self.left: dict[UUID, int] = {}
        self.limits: dict[UUID, dict[str, Any]] = {}

    def of(self, rule: CompiledRule) -> int:
        """Return how much the capped rule may still give, at least 0."""
        left = self.left.get(rule.id)
        if left is not None:
            return left
        assert rule.caps is not None
        used = self.usage.get(rule.id, _UNUSED)
        tightest: tuple[int, dict[str, Any]] | None = None
        kinds: tuple[CapKind, ...] = ("per_member", "per_day", "total")
        for kind in kinds:
            limit = getattr(rule.caps, kind)
            if limit is None:
                continue
            spent = getattr(used, kind)
            remaining = max(0, limit - spent)
            if tightest is None or remaining < tightest[0]:
                tightest = remaining, {"kind": kind, "limit": limit, "used": spent}
        assert tightest is not None
        self.left[rule.id], self.limits[rule.id] = tightest
        return tightest[0]

    def take(self, rule: CompiledRule, amount: int) -> None:
        """Use up `amount` of what is left."""
        self.left[rule.id] -= amount


class _Settlement:
    """The purse's running sum, exact; what of it is whole so far; and the grants that came of it."""

    __slots__ = ("bottom", "exact", "grants", "purse", "room", "top", "whole")

    def __init__(self, purse: PurseFacts, room: Room) -> None:
        self.purse, self.room = purse, room
        self.top, self.bottom, self.whole, self.exact = 0, 1, 0, "0"
        self.grants: list[Grant] = []

    def book(self, rule: CompiledRule, why: str, top: int, bottom: int, steps: dict[str, Any]) -> None:
        """Grant a rule its share `top / bottom`, clipped by its caps; a share that rounds to 0 is no grant."""
        ceiling = AMOUNT_MAX if rule.caps is None else self.room.of(rule)
        clipped = top > ceiling * bottom
        if clipped:
            top, bottom = ceiling, 1
        before = self.exact
        amount = self._add(top, bottom)
        if amount > ceiling:  # half to even may give a share of 1 two whole points
            amount, clipped = ceiling, True
        if amount <= 0:
            return
        if rule.caps is not None:
            self.room.take(rule, amount)
            if clipped:
                steps["cap"] = cap = self.room.limits[rule.id]
                why = f"{why} (clipped by {cap['kind']}: {cap['limit']})"
        steps["exact"] = _text(top, bottom)
        if before != "0":
            steps["sum_before"], steps["sum_after"] = before, self.exact
        steps["rounding"], steps["rounded"] = self.purse.rounding.value, amount
        self.grants.append(Grant(self.purse.id, amount, rule.id, rule.version_id, why, steps))

    def _add(self, top: int, bottom: int) -> int:
        """Add a share and return by how much the rounded sum grew."""
        if bottom == self.bottom:
            self.top += top
        else:
            self.top, self.bottom = self.top * bottom + top * self.bottom, self.bottom * bottom
        before, self.whole = self.whole, _whole(self.top, self.bottom, self.purse.rounding)
        self.exact = _text(self.top, self.bottom)
        return self.whole - before


def settle(purse: PurseFacts, pot: Pot, room: Room) -> list[Grant]:
    """Return the grants of one purse, in the order of the law.

    Each rule's grant is what the rounded sum grows by when the rule's exact share is added: the grants add up
    to the purse's sum rounded once, whatever the number of rules.
    """
    settlement = _Settlement(purse, room)
    for rule, lines in pot.base:
        effects = [{"kind": effect.kind, "exact": _text(*_plain(top, bottom))} for effect, top, bottom in lines]
        settlement.book(rule, lines[0][0].words, *_added(lines), {"effects": effects})
    for rule, (effect, factor, unit) in pot.multipliers:
        top, bottom = _plain(factor, unit)
        steps = {"effects": [{"kind": effect.kind}], "factor": _text(top, bottom)}
        extra = settlement.top * (top - bottom)
        settlement.book(rule, effect.words, extra, settlement.bottom * bottom, steps)
    return settlement.grants


def _added(lines: list[Line]) -> tuple[int, int]:
    """Return the exact sum of one rule's lines, at least 0: discounts may outweigh the items they stand beside."""
    top, bottom = _plain(*lines[0][1:])
    for _effect, other, unit in lines[1:]:
        more, divisor = _plain(other, unit)
        top, bottom = top * divisor + more * bottom, bottom * divisor
    return max(0, top), bottom


def _plain(top: Amount, bottom: int) -> tuple[int, int]:
    """Return a share as two integers: where only a part of a sale was kept, its numerator is a fraction itself."""
    if isinstance(top, int):
        return top, bottom
    return top.numerator, top.denominator * bottom


def _whole(top: int, bottom: int, mode: Rounding) -> int:
    if mode is Rounding.FLOOR:
        return top // bottom
    return rounded(Fraction(top, bottom), mode)


def _text(top: int, bottom: int) -> str:
    shared = gcd(top, bottom)
    return str(top // shared) if bottom == shared else f"{top // shared}/{bottom // shared}"
