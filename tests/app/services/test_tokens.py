"""Rotation of tokens, on plain rows."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import crypto, ids
from app.crypto import Keyring
from app.models import CustomerSession
from app.services import tokens

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KEYRING = Keyring(crypto.new_secret_key())


@dataclass
class SignIn:
    """A family that was begun at noon, and its row."""

    first: tokens.Pair
    row: CustomerSession
    family: UUID
    kind: tokens.Kind = field(default=tokens.CUSTOMER)

    def rotate(self, refresh: str, at: datetime) -> tokens.Pair | None:
        return tokens.rotate(
            KEYRING, self.kind, self.row, family_id=self.family, began_at=NOON, refresh=refresh, now=at
        )  # fmt: skip


@pytest.fixture
def sign_in() -> SignIn:
    pair, columns = tokens.begin(KEYRING, tokens.CUSTOMER, now=NOON)
    return SignIn(pair, CustomerSession(customer_id=ids.new_id(), **columns), columns["id"])


def test_a_rotation_replaces_both_tokens(sign_in: SignIn) -> None:
    second = sign_in.rotate(sign_in.first.refresh, NOON + SECOND)

    assert second is not None
    assert {second.access, second.refresh}.isdisjoint({sign_in.first.access, sign_in.first.refresh})
    assert sign_in.row.access_hash == ids.digest(second.access)
    assert sign_in.row.refresh_hash == ids.digest(second.refresh)


def test_a_lost_answer_is_given_again_for_ten_seconds(sign_in: SignIn) -> None:
    second = sign_in.rotate(sign_in.first.refresh, NOON)

    again = sign_in.rotate(sign_in.first.refresh, NOON + 9 * SECOND)

    assert second is not None
    assert again is not None
    assert (again.access, again.refresh) == (second.access, second.refresh)
    assert again.expires_in == second.expires_in - 9
    assert sign_in.row.revoked_at is None


def test_after_ten_seconds_the_replaced_token_ends_the_family(sign_in: SignIn) -> None:
    second = sign_in.rotate(sign_in.first.refresh, NOON)
    assert second is not None

    assert sign_in.rotate(sign_in.first.refresh, NOON + tokens.GRACE) is None
    assert sign_in.row.revoked_at == NOON + tokens.GRACE
    assert sign_in.rotate(second.refresh, NOON + tokens.GRACE) is None


def test_a_token_of_two_rotations_ago_ends_the_family_at_once(sign_in: SignIn) -> None:
    second = sign_in.rotate(sign_in.first.refresh, NOON)
    assert second is not None
    assert sign_in.rotate(second.refresh, NOON + SECOND) is not None

    assert sign_in.rotate(sign_in.first.refresh, NOON + 2 * SECOND) is None
    assert sign_in.row.revoked_at is not None


def test_a_sign_in_slides_by_thirty_days_and_ends_after_ninety(sign_in: SignIn) -> None:
    refresh, days = sign_in.first.refresh, 0
    while (pair := sign_in.rotate(refresh, NOON + timedelta(days=days))) is not None:
        refresh, days = pair.refresh, days + 29

    assert days == 116
    assert sign_in.row.expires_at == NOON + timedelta(days=90)
    assert sign_in.row.revoked_at is None


def test_a_sign_in_that_is_not_used_for_thirty_days_is_over(sign_in: SignIn) -> None:
    assert sign_in.rotate(sign_in.first.refresh, NOON + tokens.REFRESH_LIVES) is None


def test_an_access_token_does_not_outlive_its_family(sign_in: SignIn) -> None:
    refresh = sign_in.first.refresh
    for days in (29, 58, 87):
        pair = sign_in.rotate(refresh, NOON + timedelta(days=days))
        assert pair is not None
        refresh = pair.refresh

    last = sign_in.rotate(refresh, NOON + timedelta(days=90) - 60 * SECOND)

    assert last is not None
    assert last.expires_in == 60


def test_a_family_is_known_by_all_its_tokens(sign_in: SignIn) -> None:
    second = sign_in.rotate(sign_in.first.refresh, NOON)

    assert second is not None
    for pair in (sign_in.first, second):
        assert tokens.family(KEYRING, tokens.CUSTOMER, pair.refresh) == sign_in.family


def test_a_token_is_of_one_kind_and_one_installation(sign_in: SignIn) -> None:
    as_staff = sign_in.first.refresh.replace("rcu_", "rst_")

    assert tokens.family(KEYRING, tokens.STAFF, as_staff) is None
    assert tokens.family(Keyring(crypto.new_secret_key()), tokens.CUSTOMER, sign_in.first.refresh) is None


@given(st.integers(min_value=4, max_value=100), st.sampled_from("0aZ_-=é"))
def test_a_forged_token_has_no_family(position: int, letter: str) -> None:
    genuine = tokens.begin(KEYRING, tokens.CUSTOMER, now=NOON)[0].refresh
    forged = genuine[:position] + letter + genuine[position + 1 :]

    known = tokens.family(KEYRING, tokens.CUSTOMER, forged)

    assert known is None or forged == genuine


@given(st.text(max_size=120))
def test_any_text_is_a_clean_refusal(text: str) -> None:
    assert tokens.family(KEYRING, tokens.STAFF, text) is None
    assert tokens.family(KEYRING, tokens.STAFF, "rst_" + text) is None
