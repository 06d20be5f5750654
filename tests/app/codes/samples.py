"""Codes of every kind, as hypothesis draws them."""

import uuid

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies as st

from app.codes import base32, offline

NOON = 1_790_000_000
CARD_ID = uuid.UUID("01990000-0000-7000-8000-000000000001")
SERVER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SERVER_KEYS = {7: SERVER_KEY.public_key()}


def with_check(number: int, bits: int) -> str:
    text = base32.encode(number, bits)
    return text + base32.check_character(text)


def offline_text(*, valid_from: int = NOON, window_seconds: int = 60, redeem_max: int = 500) -> str:
    return offline.sign(
        SERVER_KEY,
        key_id=7,
        card_id=CARD_ID,
        valid_from=valid_from,
        window_seconds=window_seconds,
        redeem_max=redeem_max,
    )


card_tokens = st.integers(0, 2**80 - 1).map(lambda number: with_check(number, 80))
voucher_codes = st.integers(0, 2**60 - 1).map(lambda number: with_check(number, 60))
totp_keys = st.binary(min_size=20, max_size=20)
times = st.integers(0, 2**32 - 400)
