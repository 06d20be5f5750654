"""Certificates as they age, with the intermediate that ages above them."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.wallet.platforms.apple import reissue
from tests.wallet.platforms.apple.samples import NOON
from wallet.platforms.apple import credential_checks, wwdr
from wallet.platforms.apple.authority import Authority, Identity
from wallet.platforms.apple.findings import Finding

PASS_TYPE = "pass.example.cafe"


def found(
    identity: Identity, intermediate_pem: bytes, *, now: datetime, authority: Authority | None = None
) -> dict[str, bool]:
    """Return the codes of what is found, and whether each keeps passes from opening."""
    all_of_it: list[Finding] = credential_checks.of_credential(
        identity.certificate_pem,
        identity.key_pem,
        intermediate_pem,
        now=now,
        authorities=[authority.intermediate] if authority else [],
    )
    return {one.code: one.stops for one in all_of_it}


@pytest.mark.parametrize(
    ("days_left", "expected"),
    [
        (31, {}),
        (29, {"certificate-ends-soon": False}),
        (1, {"certificate-ends-soon": False}),
        (-1, {"certificate-ended": True}),
    ],
)
def test_a_certificates_end_is_told_of_a_month_ahead(
    days_left: int, expected: dict[str, bool], authority: Authority
) -> None:
    issued = authority.issue(PASS_TYPE, at=NOON, days=100)
    now = NOON + timedelta(days=100 - days_left)
    assert found(issued, authority.intermediate_pem, now=now, authority=authority) == expected


def test_an_intermediate_that_ended_is_refused_though_the_certificate_lives_on() -> None:
    old = Authority.make(at=NOON - timedelta(days=3651))
    issued = old.issue(PASS_TYPE, at=NOON)
    assert found(issued, old.intermediate_pem, now=NOON, authority=old) == {"intermediate-ended": True}


def test_the_end_of_apples_intermediate_is_told_of_a_season_ahead(authority: Authority) -> None:
    before = datetime(2030, 9, 1, tzinfo=UTC)
    issued = authority.issue(PASS_TYPE, at=before)
    mixed = {"other-issuer": True}
    assert found(issued, wwdr.G4_PEM, now=before) == mixed
    assert found(issued, wwdr.G4_PEM, now=before + timedelta(days=30)) == {**mixed, "intermediate-ends-soon": False}
    assert found(issued, wwdr.G4_PEM, now=before + timedelta(days=101)) == {**mixed, "intermediate-ended": True}


def test_what_is_no_certificate_or_no_key_is_told_by_name(authority: Authority, identity: Identity) -> None:
    nothing = Identity(certificate_pem=b"-----BEGIN nothing-----", key_pem=b"")
    assert found(nothing, authority.intermediate_pem, now=NOON) == {"certificate-unreadable": True}
    keyless = Identity(certificate_pem=identity.certificate_pem, key_pem=b"-----BEGIN nothing-----")
    told = found(keyless, b"nothing", now=NOON, authority=authority)
    assert told == {"key-unreadable": True, "intermediate-unreadable": True}


def test_a_weak_key_and_a_missing_team_are_refused(authority: Authority, identity: Identity) -> None:
    weak = reissue.of_nobody(authority, identity, key_bits=1024)
    told = found(weak, authority.intermediate_pem, now=NOON, authority=authority)
    assert told == {"no-team": True, "weak-key": True}


def test_a_certificate_that_signed_itself_is_called_so(identity: Identity) -> None:
    own = reissue.by_itself(identity)
    (said,) = credential_checks.of_credential(own.certificate_pem, own.key_pem, now=NOON)
    assert (said.code, said.says) == (
        "other-issuer",
        "The certificate signed itself: phones take certificates from Apple only.",
    )
