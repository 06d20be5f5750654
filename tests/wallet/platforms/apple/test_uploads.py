"""Uploads of credentials: what people have on their disks, and what they get wrong."""

import base64
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.config import Settings
from app.errors import InvalidError
from tests.wallet.platforms.apple import reissue
from tests.wallet.platforms.apple.conftest import PASS_TYPE_ID
from tests.wallet.platforms.apple.samples import NOON
from wallet.platforms import CheckedCredential
from wallet.platforms.apple import certificates, der, uploads, wwdr
from wallet.platforms.apple.authority import Authority, Identity
from wallet.platforms.apple.keys import AppleKeys

Document = dict[str, object]


@pytest.fixture
def document(identity: Identity) -> Document:
    return {"certificate": identity.certificate_pem.decode(), "private_key": identity.key_pem.decode()}


def check(document: Document, authority: Authority | None) -> CheckedCredential:
    return uploads.check(document, now=NOON, authorities=[authority.intermediate] if authority else [])


def wrong(document: Document, authority: Authority | None) -> dict[str, str]:
    """Return what is said of each field of an upload that is refused."""
    with pytest.raises(InvalidError) as caught:
        check(document, authority)
    return {error["pointer"]: error["detail"] for error in caught.value.errors}


def test_what_is_public_is_told_and_what_is_secret_is_not(
    document: Document, identity: Identity, authority: Authority
) -> None:
    checked = check(document, authority)
    certificate = certificates.read_certificate(identity.certificate_pem)
    assert checked.facts == {
        "pass_type_id": PASS_TYPE_ID,
        "team_id": "ASSIDU0001",
        "organization": "Assidu",
        "serial_number": f"{certificate.serial_number:X}",
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "nfc": False,
        "pushes_by": "certificate",
    }
    assert "PRIVATE" not in repr(checked)
    keys = AppleKeys.read(checked.secret)
    assert (keys.certificate_pem, keys.key_pem) == (identity.certificate_pem, identity.key_pem)
    assert keys.intermediate_pem == authority.intermediate_pem


def test_files_in_der_are_read_from_base_64(identity: Identity, authority: Authority) -> None:
    certificate = certificates.read_certificate(identity.certificate_pem)
    key = certificates.read_key(identity.key_pem)
    document: Document = {
        "certificate": base64.encodebytes(certificate.public_bytes(serialization.Encoding.DER)).decode(),
        "private_key": base64.b64encode(
            key.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        ).decode(),
    }
    assert AppleKeys.read(check(document, authority).secret).key_pem == identity.key_pem


@pytest.mark.parametrize("kind", ["-legacy", "-aes256"])
def test_a_p12_as_keychains_export_it_is_read(
    kind: str, identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "both.pem").write_bytes(identity.certificate_pem + identity.key_pem)
    ciphers = ["-legacy"] if kind == "-legacy" else ["-keypbe", "AES-256-CBC", "-certpbe", "AES-256-CBC"]
    subprocess.run(
        ["openssl", "pkcs12", "-export", "-in", "both.pem", "-out", "a.p12", "-passout", "pass:café", *ciphers],
        cwd=tmp_path, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    document: Document = {"p12": base64.b64encode((tmp_path / "a.p12").read_bytes()).decode(), "password": "café"}
    assert AppleKeys.read(check(document, authority).secret).key_pem == identity.key_pem
    assert "password is another one" in wrong({**document, "password": "tea"}, authority)["#/p12"]
    assert "#/p12" in wrong({**document, "certificate": "x"}, authority)


def test_a_key_with_a_password_is_opened_with_it(document: Document, identity: Identity, authority: Authority) -> None:
    key = certificates.read_key(identity.key_pem)
    document["private_key"] = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    ).decode()
    assert "password is needed" in wrong(document, authority)["#/private_key"]
    assert "password is another one" in wrong({**document, "password": "other"}, authority)["#/private_key"]
    checked = check({**document, "password": "secret"}, authority)
    assert AppleKeys.read(checked.secret).key_pem == identity.key_pem


def test_a_file_that_would_hold_the_server_up_is_given_up(
    identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_bytes(identity.key_pem)
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", "key.pem", "-out", "slow.pem", "-passout", "pass:x", "-iter", "40000"],
        cwd=tmp_path, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    encoded = b"".join((tmp_path / "slow.pem").read_bytes().splitlines()[1:-1])
    slow = with_integer(der.read(base64.b64decode(encoded)), 40_000, 2_000_000_000)
    document: Document = {
        "certificate": identity.certificate_pem.decode(),
        "private_key": base64.b64encode(slow).decode(),
        "password": "x",
    }
    assert "more work than any key of Apple's" in wrong(document, authority)["#/private_key"]


def with_integer(value: der.Value, old: int, new: int) -> bytes:
    """Return a value with one number in it changed, wherever it stands."""
    if value.encoded == der.integer(old):
        return der.integer(new)
    if value.tag in {der.SEQUENCE, der.SET}:
        return der.value(value.tag, *(with_integer(one, old, new) for one in value.children()))
    return value.encoded


def test_apples_intermediate_is_taken_where_no_other_signed(document: Document, authority: Authority) -> None:
    found = wrong(document, None)
    assert found.keys() == {"#/certificate"}
    assert "was not signed by the intermediate" in found["#/certificate"]
    named = {**document, "intermediate": authority.intermediate_pem.decode()}
    assert "is not Apple's G4" in wrong(named, None)["#/intermediate"]
    wrong_one = {**document, "intermediate": wwdr.G4_PEM.decode()}
    assert "was not signed by the intermediate" in wrong(wrong_one, authority)["#/intermediate"]


def test_everything_wrong_is_told_at_once(authority: Authority, identity: Identity) -> None:
    past = authority.issue(PASS_TYPE_ID, at=NOON - timedelta(days=40), days=10)
    found = wrong(
        {"certificate": past.certificate_pem.decode(), "private_key": identity.key_pem.decode(), "apns_key_id": "ABC"},
        authority,
    )
    assert found.keys() == {"#/certificate", "#/private_key", "#/apns_key_id"}
    assert "ended on" in found["#/certificate"]
    assert "not the one of this certificate" in found["#/private_key"]


def test_a_certificate_for_something_else_is_refused(identity: Identity, authority: Authority) -> None:
    other = reissue.by(authority, identity, without=certificates.PASS_TYPE_MARKER)
    document: Document = {"certificate": other.certificate_pem.decode(), "private_key": other.key_pem.decode()}
    assert "not a Pass Type ID certificate" in wrong(document, authority)["#/certificate"]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({}, "#/certificate"),
        ({"certificate": "x"}, "#/private_key"),
        ({"certificate": "é!", "private_key": "x"}, "#/certificate"),
        ({"certificate": "QUJD", "private_key": "QUJD"}, "#/certificate"),
        ({"p12": "QUJD"}, "#/p12"),
        ({"certificate": 7, "private_key": "x"}, "#/certificate"),
        ({"certificate": "x" * 65_537, "private_key": "x"}, "#/certificate"),
        ({"certificat": "x"}, "#/certificat"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(given: Document, pointer: str, authority: Authority) -> None:
    assert pointer in wrong(given, authority)


def test_a_key_for_apns_is_kept_beside(document: Document, authority: Authority) -> None:
    p8 = (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )
    checked = check({**document, "apns_key": p8, "apns_key_id": "ABC123DEFG"}, authority)
    assert checked.facts["pushes_by"] == "key"
    assert AppleKeys.read(checked.secret).apns_key_id == "ABC123DEFG"
    assert "#/apns_key_id" in wrong({**document, "apns_key": p8}, authority)
    assert "#/apns_key" in wrong(
        {**document, "apns_key": str(document["private_key"]), "apns_key_id": "ABC123DEFG"}, authority
    )


def test_authorities_of_development_are_read_from_their_file(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "authorities.pem"
    path.write_bytes(wwdr.G4_PEM + authority.intermediate_pem)
    settings = Settings(home=tmp_path, wallet_authority_file=str(path))
    assert uploads.trusted(settings) == [certificates.read_certificate(wwdr.G4_PEM), authority.intermediate]
    assert uploads.trusted(Settings(home=tmp_path)) == []
    with pytest.raises(ValueError, match="cannot be read"):
        uploads.trusted(Settings(home=tmp_path, wallet_authority_file=str(tmp_path / "none.pem")))


def test_an_authority_is_kept_for_us_alone(tmp_path: Path) -> None:
    first, second = Authority.kept(tmp_path / "wallet"), Authority.kept(tmp_path / "wallet")
    assert (first.root, first.intermediate) == (second.root, second.intermediate)
    issued = second.issue(PASS_TYPE_ID)
    assert certificates.issued_by(certificates.read_certificate(issued.certificate_pem), first.intermediate)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "wallet").iterdir()} == {0o600}
