"""The till of the benchmarks: endless scans as bytes, each with a key of its own."""

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import count

from app import ids
from kit.load import request
from kit.seed import Programme

AMOUNT = 1250
_STRIDE = 7919
"""A prime: cards are visited in an order that is none, each as often as any other."""


def body(programme: Programme, code: str, receipt: str = "T1-000042") -> bytes:
    """Return the body of a scan: a purchase of 12.50 EUR."""
    said = {
        "code": code,
        "store_id": ids.show("store", programme.store_id),
        "activity": {"kind": "purchase", "amount": {"amount": AMOUNT, "currency": "EUR"}, "receipt": receipt},
    }
    return json.dumps(said, separators=(",", ":")).encode()


def headers(programme: Programme, key: str) -> dict[str, str]:
    """Return the headers of a scan."""
    return {"Authorization": f"Bearer {programme.till_key}", "Idempotency-Key": key, "Accept": "*/*"}


def scans(tills: Sequence[tuple[Programme, Sequence[str]]], *, ordered_keys: bool = False) -> Iterator[bytes]:
    """Yield scans of the programmes' cards in turn, for ever.

    Keys are as random as a till's UUIDv4, or, with `ordered_keys`, UUIDv7, which we advise: they come in order and
    spare the database's index.
    """
    key = "k" * 32
    parts = [
        request("POST", "/v1/scans", headers(programme, key), body(programme, code)).split(key.encode())
        for programme, codes in tills
        for code in codes
    ]
    run = ids.secret_bytes(16)
    for turn in count():
        before, after = parts[turn * _STRIDE % len(parts)]
        unique = (
            ids.new_id().hex if ordered_keys else blake2b(turn.to_bytes(8, "big"), digest_size=16, key=run).hexdigest()
        )
        yield b"%b%b%b" % (before, unique.encode(), after)
