"""Scans at the edge: one idempotent scan, by the hot path where it can and by the ordinary path where it must."""

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy.exc import IntegrityError

from api import till_answers
from api.operation import Edge
from api.principal import Principal
from app import ids
from app.codes.grammar import RotatingCode, ScannedCode, StaticCode
from app.db import Session
from app.errors import ConflictError, InvalidError
from app.services import activities, attempts, happenings, hot_scans, idempotency, my_cards, offline_scans, scans, tills
from app.services.attempts import Policy, Standing
from app.services.config import ProgramConfig
from app.services.happenings import Happening
from app.services.hot_scans import HotScan, NotPlain
from app.services.idempotency import KeptAnswer
from app.services.offline_scans import OfflineCaps, OfflineLimitError, OfflineTooOldError

_KEY_CONSTRAINT = "pk_idempotency_key"


@dataclass(frozen=True, slots=True)
class ScanAnswer:
    """The answer's JSON text, and whether it was given before."""

    text: str
    replayed: bool


def scan(here: Edge, principal: Principal, body: dict[str, Any], *, key: str) -> ScanAnswer:
    """Do one scan in one transaction and return its answer; the same key gives the same answer.

    Two tills with one key may race through the two paths: the loser of the key's primary key starts again, and finds
    the winner's answer.
    """
    assert principal.program_id is not None
    principal.must_work_in(body["store_id"])
    code = scans.read(body["code"])
    try:
        with here.guesses.watch(principal, body["store_id"], body["code"]):
            return _scan(here, principal, body, code, key)
    except (OfflineLimitError, OfflineTooOldError) as refusal:
        _put_aside(here, principal, body, key, refusal)
        raise


def _scan(here: Edge, principal: Principal, body: dict[str, Any], code: ScannedCode, key: str) -> ScanAnswer:
    print_ = print_of(body)
    if isinstance(code, StaticCode | RotatingCode):
        found = _hot(here, principal, body, code, key, print_)
        if found is not None:
            return found
    try:
        return _ordinary(here, principal, body, code, key, print_)
    except IntegrityError as error:
        if not isinstance(error.orig, UniqueViolation) or error.orig.diag.constraint_name != _KEY_CONSTRAINT:
            raise
        return _ordinary(here, principal, body, code, key, print_)


def print_of(body: dict[str, Any]) -> bytes:
    """Return what makes two scans the same: code, store, activity; not whether the till was offline meanwhile."""
    said = json.dumps(body["activity"], sort_keys=True, separators=(",", ":"))
    return idempotency.fingerprint("scan", body["code"], body["store_id"].bytes, said)


def scope_of(store_id: UUID) -> str:
    """Return what a scan's key is unique within: a till that signs in anew still cannot double.

    The store's id in base 64: it stands in each key's row and again in the index.
    """
    return "scan " + b64encode(store_id.bytes).decode().rstrip("=")


def _hot(
    here: Edge, principal: Principal, body: dict[str, Any], code: StaticCode | RotatingCode, key: str, print_: bytes
) -> ScanAnswer | None:
    """Do a plain scan in two round trips, or return None where it is not plain."""
    assert principal.program_id is not None
    # However old: the first round trip says which version there is, and another one is not plain.
    config = here.configs.known(principal.program_id)
    try:
        here.rule_sets.ensure(config)
        happening = happening_of(config, principal, body)
        happenings.check_store(config, happening.store_id)
        asked = HotScan(
            program_id=principal.program_id, code=code, happening=happening, scope=scope_of(body["store_id"]), key=key,
            fingerprint=print_, caps=OfflineCaps.of(here.database.settings),
        )  # fmt: skip
        text, replayed = hot_scans.attempt(here.database, config, asked, render=till_answers.scan_text)
    except (NotPlain, InvalidError):
        # What the remembered set-up refuses may be right by a newer one: the ordinary path reads it and decides.
        return None
    return ScanAnswer(text, replayed=replayed)


def _ordinary(
    here: Edge, principal: Principal, body: dict[str, Any], code: ScannedCode, key: str, print_: bytes
) -> ScanAnswer:
    scope = scope_of(body["store_id"])
    with here.database.transaction(principal.program_id) as session:
        kept = idempotency.find(session, scope=scope, key=key, fingerprint=print_)
        if kept is not None:
            return _again(kept)
        config = here.configs.current(session)
        text = till_answers.scan_text(_record(here, session, config, principal, body, code))
        idempotency.keep(session, scope=scope, key=key, fingerprint=print_, status=201, answer=text, permanent=True)
        return ScanAnswer(text, replayed=False)


def _record(
    here: Edge, session: Session, config: ProgramConfig, principal: Principal, body: dict[str, Any], code: ScannedCode
) -> tills.Told:
    keyring = here.database.keyring
    happening = happening_of(config, principal, body)
    found = scans.recognise(
        session, keyring, code, at=happening.occurred_at if happening.offline else None,
        keys=my_cards.verifying_keys(keyring),
    )  # fmt: skip
    caps = OfflineCaps.of(here.database.settings)
    caps.check(happening, found.card.id)
    recorded = activities.record(
        session, config, keyring, member=found.member, happening=happening.of_card(found.card.id)
    )

    def count(policy: Policy, subject: str) -> Standing:
        return attempts.count(session, keyring, policy=policy, subject=subject)

    caps.spend(happening, found.card.id, count)
    return tills.tell(session, config, keyring, recorded, found.member, found.card)


def happening_of(config: ProgramConfig, principal: Principal, body: dict[str, Any]) -> Happening:
    """Return what a till's body says happened; raise InvalidError for what cannot be believed."""
    said, offline = body["activity"], body.get("offline", False)
    amount = happenings.check_money(said.get("amount"), config, "#/activity/amount")
    items = happenings.check_items(said.get("items", ()), amount, config)
    return Happening(
        kind=said["kind"],
        # Of a till that was offline, `OfflineCaps` says what is too old, and keeps it for the owner.
        occurred_at=happenings.check_time(body.get("occurred_at"), past=None if offline else happenings.PAST),
        amount=amount,
        items=items,
        data=said.get("data"),
        receipt=said.get("receipt"),
        external_id=body.get("external_id"),
        store_id=body.get("store_id"),
        staff_id=principal.staff_id,
        api_key_id=principal.api_key_id,
        offline=offline,
    )


def _put_aside(here: Edge, principal: Principal, body: dict[str, Any], key: str, refusal: ConflictError) -> None:
    assert principal.program_id is not None
    activity = body["activity"]
    told = {
        "store": ids.show("store", body["store_id"]),
        "kind": activity["kind"],
        "amount": activity["amount"][0] if "amount" in activity else None,
        "receipt": activity.get("receipt"),
        "occurred_at": body["occurred_at"].isoformat() if "occurred_at" in body else None,
    }
    offline_scans.put_aside(
        here.database, principal.program_id, refusal, key=key, print_=print_of(body),
        told={name: value for name, value in told.items() if value is not None}, staff_id=principal.staff_id,
        api_key_id=principal.api_key_id,
    )  # fmt: skip


def _again(kept: KeptAnswer) -> ScanAnswer:
    return ScanAnswer(kept.body, replayed=True)


def said(happening: Happening) -> dict[str, Any]:
    """Return what makes two tellings of one activity the same."""
    return {
        "kind": happening.kind,
        "amount": happening.amount,
        "items": [dict(item) for item in happening.items],
        "store": happening.store_id.hex if happening.store_id else None,
    }
