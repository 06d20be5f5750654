"""Signatures, judged by engines that are not ours."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from app import clock
from tests import tools
from tests.wallet.platforms.apple import engines
from wallet.platforms.apple import certificates, der, signing, wwdr
from wallet.platforms.apple.authority import Authority, Identity
from wallet.platforms.apple.signing import Signer

MANIFEST = (
    b'{"icon.png":"da39a3ee5e6b4b0d3255bfef95601890afd80709","pass.json":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}'
)
NOON = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", engines.ENGINES)
def test_each_engine_is_here_and_tells_good_from_bad(
    name: str, signer: Signer, authority: Authority, tmp_path: Path
) -> None:
    engine, programs = engines.ENGINES[name]
    tools.need(*programs)
    signature = signer.sign(MANIFEST)
    said = [engine(manifest, signature, authority.root_pem, tmp_path) for manifest in (MANIFEST, MANIFEST + b" ")]
    assert said == [True, False]


@pytest.mark.parametrize(
    "manifest",
    [MANIFEST, b"{}", b'{\n  "a": 1\n}\n', '{"café": "Ω"}'.encode(), b"\r\n\x00" * 50_000],
    ids=["one line", "empty", "line feeds", "beyond ASCII", "large"],
)
def test_every_engine_accepts_a_signature_with_nothing_but_the_root(
    manifest: bytes, signer: Signer, authority: Authority, tmp_path: Path
) -> None:
    signature = signer.sign(manifest)
    assert engines.verdicts(manifest, signature, authority.root_pem, tmp_path) == engines.agreed(good=True)


def test_no_engine_accepts_it_for_another_manifest(signer: Signer, authority: Authority, tmp_path: Path) -> None:
    signature = signer.sign(MANIFEST)
    assert engines.verdicts(MANIFEST + b" ", signature, authority.root_pem, tmp_path) == engines.agreed(good=False)


def test_no_engine_finds_the_root_without_the_intermediate(
    identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    lonely = Signer(identity.certificate_pem, identity.key_pem, identity.certificate_pem)
    signature = lonely.sign(MANIFEST)
    assert engines.verdicts(MANIFEST, signature, authority.root_pem, tmp_path) == engines.agreed(good=False)


def test_no_engine_accepts_it_under_another_root(signer: Signer, tmp_path: Path) -> None:
    other = Authority.make()
    assert engines.verdicts(MANIFEST, signer.sign(MANIFEST), other.root_pem, tmp_path) == engines.agreed(good=False)


@pytest.mark.parametrize("at", [NOON, NOON.replace(year=2049), NOON.replace(year=2050)], ids=str)
def test_it_is_detached_der_with_both_certificates_and_three_signed_attributes(
    at: datetime, signer: Signer, authority: Authority
) -> None:
    encoded = signer.sign(MANIFEST, at=at)
    info = cms.ContentInfo.load(encoded, strict=True)
    signed = info["content"]
    # asn1crypto writes DER from what it read: equal bytes say that ours were in every order and length as DER wants.
    assert info.dump(force=True) == encoded
    assert info["content_type"].native == "signed_data"
    assert signed["version"].native == "v1"
    assert signed["encap_content_info"].native == {"content_type": "data", "content": None}
    held = {certificate.dump() for certificate in signed["certificates"]}
    assert held == {
        certificate.public_bytes(serialization.Encoding.DER)
        for certificate in (signer.certificate, authority.intermediate)
    }
    (signer_info,) = signed["signer_infos"]
    attributes = {each["type"].native: each["values"].native for each in signer_info["signed_attrs"]}
    assert attributes == {
        "content_type": ["data"],
        "signing_time": [at],
        "message_digest": [hashlib.sha256(MANIFEST).digest()],
    }
    assert signer_info["digest_algorithm"]["algorithm"].native == "sha256"
    assert signer_info["sid"].native["serial_number"] == signer.certificate.serial_number


def test_the_signing_time_is_the_clocks(signer: Signer) -> None:
    with clock.held(NOON):
        signed = cms.ContentInfo.load(signer.sign(MANIFEST))["content"]
    attributes = {a["type"].native: a["values"].native for a in signed["signer_infos"][0]["signed_attrs"]}
    assert attributes["signing_time"] == [NOON]


def test_it_says_the_same_as_the_builder_of_cryptography(
    signer: Signer, identity: Identity, authority: Authority
) -> None:
    key = serialization.load_pem_private_key(identity.key_pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    theirs = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(MANIFEST)
        .add_signer(signer.certificate, key, hashes.SHA256())
        .add_certificate(authority.intermediate)
        .sign(
            serialization.Encoding.DER,
            [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities],
        )
    )
    at = signing_time(theirs)
    ours = cms.ContentInfo.load(signer.sign(MANIFEST, at=at)).native
    expected = cms.ContentInfo.load(theirs).native
    by_serial = lambda certificate: certificate["tbs_certificate"]["serial_number"]  # noqa: E731 - an order
    for signed in (ours["content"], expected["content"]):
        signed["certificates"] = sorted(signed["certificates"], key=by_serial)
    assert ours == expected


def signing_time(signature: bytes) -> datetime:
    (info,) = cms.ContentInfo.load(signature)["content"]["signer_infos"]
    (found,) = (each["values"][0].native for each in info["signed_attrs"] if each["type"].native == "signing_time")
    assert isinstance(found, datetime)
    return found


def test_a_key_that_belongs_to_another_certificate_is_refused(identity: Identity, authority: Authority) -> None:
    other = authority.issue("pass.example.other")
    with pytest.raises(certificates.UnreadableError, match="not the one of this certificate"):
        Signer(identity.certificate_pem, other.key_pem, authority.intermediate_pem)


def test_an_elliptic_key_is_refused(identity: Identity, authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(certificates.UnreadableError, match="RSA"):
        Signer(identity.certificate_pem, key, authority.intermediate_pem)


def test_a_credential_is_loaded_once(identity: Identity, authority: Authority) -> None:
    asked = (identity.certificate_pem, identity.key_pem, authority.intermediate_pem)
    assert signing.signer(*asked) is signing.signer(*asked)


def test_the_bundled_intermediate_is_apples_fourth() -> None:
    g4 = x509.load_pem_x509_certificate(wwdr.G4_PEM)
    assert g4.fingerprint(hashes.SHA256()).hex() == wwdr.G4_SHA256
    assert f"{g4.serial_number:X}" == "13DC77955271E53DC632E8CCFFE521F3CCC5CED2"
    assert g4.not_valid_after_utc == datetime(2030, 12, 10, tzinfo=UTC)
    assert g4.extensions.get_extension_for_oid(certificates.WWDR_MARKER)


def test_signatures_of_one_second_are_the_same_bytes(signer: Signer) -> None:
    assert signer.sign(MANIFEST, at=NOON) == signer.sign(MANIFEST, at=NOON)
    assert der.read(signer.sign(MANIFEST, at=NOON)).tag == der.SEQUENCE
