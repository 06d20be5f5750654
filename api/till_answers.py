"""Answers to tills as JSON, written out by hand: the one place on the hot path where speed chose the form.

`tests/api/test_scans.py` holds these documents against the schemas in `api.till_schemas`, which document them.
"""

import json
from typing import Any

from api.fields import show_instant
from app.ids import PREFIXES
from app.services.config import RewardConfig
from app.services.tills import Told, ToldAccount, ToldEffect, ToldVoucher

_ACTIVITY = PREFIXES["activity"] + "_"
_ACCOUNT = PREFIXES["account"] + "_"
_CARD = PREFIXES["card"] + "_"
_MEMBER = PREFIXES["member"] + "_"
_PURSE = PREFIXES["purse"] + "_"
_REWARD = PREFIXES["reward"] + "_"
_RULE = PREFIXES["rule"] + "_"
_STORE = PREFIXES["store"] + "_"
_VOUCHER = PREFIXES["voucher"] + "_"

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def scan_text(told: Told) -> str:
    """Return the answer to a scan as JSON text."""
    return _dumps(scan(told))


def scan(told: Told) -> dict[str, Any]:
    """Return the answer to a scan."""
    activity: dict[str, Any] = {
        "id": _ACTIVITY + told.activity_id.hex,
        "kind": told.kind,
        "occurred_at": show_instant(told.occurred_at),
        "recorded_at": show_instant(told.recorded_at),
    }
    if told.amount is not None:
        activity["amount"] = {"amount": told.amount, "currency": told.currency}
    if told.store_id is not None:
        activity["store_id"] = _STORE + told.store_id.hex
    if told.receipt is not None:
        activity["receipt"] = told.receipt
    answer: dict[str, Any] = {"id": activity["id"], "activity": activity, "member": member(told)}
    if told.card_id is not None:
        answer["card"] = {"id": _CARD + told.card_id.hex, "number": told.card_number}
    answer["effects"] = [_effect(one) for one in told.effects]
    answer["accounts"] = [account(one) for one in told.accounts]
    answer["vouchers"] = [voucher(one) for one in told.vouchers]
    return answer


def member(told: Told) -> dict[str, Any]:
    """Return as much of the member as a till needs."""
    found = {"id": _MEMBER + told.member_id.hex}
    if told.first_name is not None:
        found["first_name"] = told.first_name
    return found


def account(one: ToldAccount) -> dict[str, Any]:
    """Return an account."""
    found: dict[str, Any] = {
        "id": _ACCOUNT + one.id.hex,
        "purse_id": _PURSE + one.purse_id.hex,
        "kind": one.kind,
        "name": one.name,
        "balance": one.balance,
        "pending": one.pending,
    }
    if one.goal is not None:
        found["goal"] = one.goal
    return found


def voucher(one: ToldVoucher) -> dict[str, Any]:
    """Return a voucher."""
    found = {
        "id": _VOUCHER + one.id.hex,
        "code": one.code,
        "reward_id": _REWARD + one.reward_id.hex,
        "name": one.name,
        "status": one.status,
    }
    if one.valid_until is not None:
        found["valid_until"] = show_instant(one.valid_until)
    if one.used_at is not None:
        found["used_at"] = show_instant(one.used_at)
    return found


def _effect(one: ToldEffect) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": one.kind, "why": one.why}
    if one.rule_id is not None:
        found["rule_id"] = _RULE + one.rule_id.hex
    if one.purse_id is not None:
        found["purse_id"] = _PURSE + one.purse_id.hex
    if one.amount is not None:
        found["amount"] = one.amount
    if one.pending:
        found["pending"] = True
    if one.voucher is not None:
        found["voucher"] = voucher(one.voucher)
    return found


def reward(one: RewardConfig, locale: str | None) -> dict[str, Any]:
    """Return a reward that can be redeemed now."""
    assert one.purse_id is not None
    return {
        "id": _REWARD + one.id.hex,
        "name": one.name_in(locale),
        "kind": one.kind,
        "price": one.price,
        "purse_id": _PURSE + one.purse_id.hex,
    }
