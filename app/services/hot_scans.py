"""The hot path of a scan: read once with the member's accounts locked, decide in Python, write once.

It knows only the plain case: an active card, rules that credit. Whatever is special (a full stamp card, a debt, what
runs out, budgets, vouchers, waiting credits) is left to the ordinary path, `app.services.activities`, in a new
transaction; `tests/app/services/test_hot_scans.py` holds the two paths to the same books.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation

from app import clock, ids
from app.codes.grammar import RotatingCode, StaticCode
from app.crypto import Keyring
from app.db import Database
from app.db.hot import HotTransaction
from app.rules.facts import MemberFacts
from app.rules.outcomes import Outcome
from app.services import activities, attempts, expiry, happenings, idempotency, pending, rule_sets, scans
from app.services.activities import EFFECT_KINDS
from app.services.attempts import Policy, Standing
from app.services.config import ProgramConfig
from app.services.happenings import Happening
from app.services.offline_scans import OfflineCaps
from app.services.tills import Told, ToldAccount, ToldEffect, ToldVoucher

_NOTHING_KNOWN = MemberFacts()
"""Rules that ask anything of the member's past are for the ordinary path."""


class NotPlain(Exception):  # noqa: N818 - not an error: the ordinary path takes over
    """The scan is special; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HotScan:
    """What the hot path is asked: a parsed code, what happened, and the key of the scan."""

    program_id: UUID
    code: StaticCode | RotatingCode
    happening: Happening
    scope: str
    key: str
    fingerprint: bytes
    caps: OfflineCaps | None = None
    """What is believed of a till that was offline; None: everything."""


@dataclass(frozen=True, slots=True)
class _Account:
    id: UUID
    purse_id: UUID
    balance: int
    pending: int
    debt: int
    sequence: int


@dataclass(slots=True)
class _Credits:
    """Columns of the entries and lots to write, one place each."""

    entries: list[UUID]
    lots: list[UUID]
    accounts: list[UUID]
    amounts: list[int]
    balances: list[int]
    sequences: list[int]
    rules: list[UUID]
    versions: list[UUID]
    expiries: list[datetime | None]
    steps: list[Any]


def attempt(
    database: Database, config: ProgramConfig, scan: HotScan, *, render: Callable[[Told], str]
) -> tuple[str, bool]:
    """Do the scan and return its answer's text and whether it was given before.

    `config` is what the process remembers; raises NotPlain when it is old or the scan is special, the refusals of
    `scans.recognise`, and KeyReusedError.
    """
    needs = config.ruleset.needs(scan.happening.kind)
    if needs.usage or needs.tier or needs.first_purchase:
        raise NotPlain
    with database.hot.lend() as connection:
        transaction = HotTransaction(connection)
        row = transaction.begin_with(
            "scan_read", scan.program_id, ids.digest(scan.code.token), scan.scope, scan.key, clock.now()
        )  # fmt: skip
        return _decide(transaction, database.keyring, config, scan, row, render)


def _decide(
    transaction: HotTransaction, keyring: Keyring, config: ProgramConfig, scan: HotScan, row: list[str | None],
    render: Callable[[Told], str],
) -> tuple[str, bool]:  # fmt: skip
    (version, card_id, number, status, sealed, member_id, first_name, accounts, expiring, vouchers,
     print_, key_status, answer) = row  # fmt: skip
    if card_id is None or status is None or member_id is None or sealed is None:
        raise scans.UnknownCardError(scans.UNKNOWN_CARD)
    if print_ is not None:
        kept = idempotency.replay(bytes.fromhex(print_), scan.fingerprint, int(key_status or 0), answer)
        return kept.body, True
    scans.check_status(status)
    if scan.caps is not None:
        scan.caps.check(scan.happening, UUID(card_id))
    if version != str(config.config_version) or accounts is None or expiring == "t":
        raise NotPlain
    card = UUID(card_id)
    period = _period(keyring, card, bytes.fromhex(sealed), scan)
    held = {one.purse_id: one for one in (_account(*values) for values in json.loads(accounts))}
    facts = happenings.facts_of(config, scan.happening)
    outcome = config.ruleset.evaluate(facts, _NOTHING_KNOWN, config.purse_facts)
    credits_ = _credits(config, scan.happening, held, outcome)
    now = clock.now()
    activity_id = ids.new_id()
    told = _told(config, scan, outcome, held, credits_, keyring, vouchers,
                 ids_=(activity_id, UUID(member_id), card), number=number, first_name=first_name, now=now)  # fmt: skip
    text = render(told)
    if scan.caps is not None:
        scan.caps.spend(scan.happening, card, partial(_count, transaction, keyring))
    _write(transaction, config, scan, told, credits_, text, period)
    return text, False


def _period(keyring: Keyring, card_id: UUID, sealed: bytes, scan: HotScan) -> int | None:
    if isinstance(scan.code, StaticCode):
        return None
    at = scan.happening.occurred_at if scan.happening.offline else clock.now()
    return scans.check_rotating(keyring, card_id, sealed, scan.code, at)


def _count(transaction: HotTransaction, keyring: Keyring, policy: Policy, subject: str) -> Standing:
    return attempts.count_hot(transaction, keyring, policy=policy, subject=subject)


def _account(id_: str, purse_id: str, balance: int, waiting: int, debt: int, sequence: int) -> _Account:
    return _Account(UUID(id_), UUID(purse_id), balance, waiting, debt, sequence)


def _credits(config: ProgramConfig, happening: Happening, held: dict[UUID, _Account], outcome: Outcome) -> _Credits:
    """Return what to write; raise NotPlain for what the ordinary path must do."""
    found = _Credits([], [], [], [], [], [], [], [], [], [])
    if outcome.vouchers:
        raise NotPlain
    moved: dict[UUID, tuple[int, int]] = {}
    for grant in outcome.grants:
        account = held.get(grant.purse_id)
        purse = config.purses[grant.purse_id]
        if account is None or account.debt or pending.confirms_at(purse, happening.occurred_at) is not None:
            raise NotPlain
        balance, sequence = moved.get(grant.purse_id, (account.balance, account.sequence))
        balance, sequence = balance + grant.amount, sequence + 1
        moved[grant.purse_id] = (balance, sequence)
        if activities.is_full(config, purse, balance):
            raise NotPlain
        found.entries.append(ids.new_id())
        found.lots.append(ids.new_id())
        found.accounts.append(account.id)
        found.amounts.append(grant.amount)
        found.balances.append(balance)
        found.sequences.append(sequence)
        found.rules.append(grant.rule_id)
        found.versions.append(grant.rule_version_id)
        found.expiries.append(expiry.expires_at(purse.expiry, happening.occurred_at, config.zone))
        found.steps.append(grant.steps)
    for purse_id in held:
        if config.purses[purse_id].expiry.get("policy") == "inactivity":
            raise NotPlain
    return found


def _told(
    config: ProgramConfig, scan: HotScan, outcome: Outcome, held: dict[UUID, _Account], credits_: _Credits,
    keyring: Keyring, vouchers: str | None, *, ids_: tuple[UUID, UUID, UUID], number: str | None,
    first_name: str | None, now: datetime,
) -> Told:  # fmt: skip
    happening = scan.happening
    after = dict(zip(credits_.accounts, credits_.balances, strict=True))
    activity_id, member_id, card_id = ids_
    return Told(
        activity_id=activity_id,
        kind=happening.kind,
        occurred_at=happening.occurred_at,
        recorded_at=now,
        amount=happening.amount,
        currency=config.currency,
        store_id=happening.store_id,
        receipt=happening.receipt,
        member_id=member_id,
        first_name=first_name,
        card_id=card_id,
        card_number=number,
        effects=[
            ToldEffect(EFFECT_KINDS[config.purses[one.purse_id].kind], one.why, one.rule_id, one.purse_id, one.amount)
            for one in outcome.grants
        ],
        accounts=[
            ToldAccount(
                one.id, purse.id, purse.kind, purse.name, after.get(one.id, one.balance), one.pending, purse.goal
            )
            for one in sorted(held.values(), key=lambda account: account.purse_id)
            if not (purse := config.purses[one.purse_id]).archived or one.balance
        ],
        vouchers=[_voucher(keyring, *values) for values in json.loads(vouchers)] if vouchers else [],
    )


def _voucher(
    keyring: Keyring, id_: str, reward_id: str, name: str, sealed: str, valid_until: str | None
) -> ToldVoucher:
    voucher_id = UUID(id_)
    code = keyring.unseal(bytes.fromhex(sealed), context=voucher_id.bytes).decode()
    until = datetime.fromisoformat(valid_until) if valid_until else None
    return ToldVoucher(voucher_id, code, UUID(reward_id), name, "issued", until)


def _write(
    transaction: HotTransaction, config: ProgramConfig, scan: HotScan, told: Told, credits_: _Credits, text: str,
    period: int | None,
) -> None:  # fmt: skip
    happening = scan.happening
    store = config.stores.get(happening.store_id) if happening.store_id else None
    try:
        transaction.end_with(
            "scan_write", scan.program_id, told.recorded_at,
            told.activity_id, told.member_id, told.card_id, happening.kind, happening.occurred_at, happening.amount,
            json.dumps([dict(item) for item in happening.items]) if happening.items else None,
            json.dumps(dict(happening.data)) if happening.data else None, happening.receipt, happening.store_id,
            store.partner_id if store else None, happening.staff_id, happening.api_key_id, happening.offline,
            rule_sets.id_of(config.ruleset),
            credits_.entries, credits_.lots, credits_.accounts, credits_.amounts, credits_.balances,
            credits_.sequences, credits_.rules, credits_.versions, credits_.expiries, json.dumps(credits_.steps),
            ids.new_id(), json.dumps(_fact(told)),
            scan.scope, scan.key, scan.fingerprint, text, period,
        )  # fmt: skip
    except UniqueViolation as error:
        if error.diag.constraint_name == "pk_code_use":
            raise scans.CodeUsedError(scans.CODE_USED) from None
        raise NotPlain from None


def _fact(told: Told) -> dict[str, Any]:
    return {
        "activity": ids.show("activity", told.activity_id),
        "kind": told.kind,
        "effects": [
            {"kind": one.kind, "purse": ids.show("purse", one.purse_id), "amount": one.amount}
            for one in told.effects
            if one.purse_id is not None
        ],
    }


class RuleSets:
    """The rule sets that this process knows to be kept, so that each is remembered once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: set[tuple[UUID, UUID]] = set()

    def ensure(self, config: ProgramConfig) -> None:
        """Keep the programme's live rule versions as a set, in a transaction of its own, unless they are kept."""
        found = (config.program_id, rule_sets.id_of(config.ruleset))
        if found in self._kept:
            return
        with self._database.transaction(config.program_id) as session:
            rule_sets.remember(session, config.ruleset)
        self._kept.add(found)
