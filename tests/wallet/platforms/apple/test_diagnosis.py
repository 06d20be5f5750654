"""Mutants of a good package: each is refused, and by the check that says what is wrong with it.

The mutants are those that were seen in the wild, or that famous validators let through: most of them carry a signature
that every crypto engine accepts.
"""

import functools
import json
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import ExtensionOID
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wallet.platforms.apple import engines, reissue, samples
from tests.wallet.platforms.apple.samples import NOON, files_of, zipped
from wallet.platforms.apple import archive, certificates, diagnosis, package
from wallet.platforms.apple.authority import Authority, Identity
from wallet.platforms.apple.signing import Signer

Files = dict[str, bytes]


def codes(built: bytes, authority: Authority, **asked: object) -> set[str]:
    """Return the codes of what keeps this package from opening."""
    found = diagnosis.of_package(built, **{"now": NOON, "authorities": [authority.intermediate], **asked})  # type: ignore[arg-type]
    return {finding.code for finding in diagnosis.stopping(found)}


def warnings(built: bytes, authority: Authority) -> set[str]:
    found = diagnosis.of_package(built, now=NOON, authorities=[authority.intermediate])
    return {finding.code for finding in found if not finding.stops}


def changed(files: Files, **of_the_pass: object) -> dict[str, object]:
    """Return the document of a package with some keys of it changed; None takes one away."""
    document = {**json.loads(files["pass.json"]), **of_the_pass}
    return {key: value for key, value in document.items() if value is not None}


def rebuilt(signer: Signer, **of_the_pass: object) -> bytes:
    """Return the sample package with another `pass.json`, listed and signed as it should be."""
    files = files_of(samples.build(signer))
    return b"".join(package.assemble(changed(files, **of_the_pass), samples.images(), signer, at=NOON))


def signed(files: Files, signer: Signer) -> bytes:
    """Return these files with a manifest and a signature that fit them."""
    kept = {path: content for path, content in files.items() if path not in {"manifest.json", "signature"}}
    manifest = json.dumps(archive.part(kept.items()).hashes).encode()
    return zipped({**kept, "manifest.json": manifest, "signature": signer.sign(manifest, at=NOON)})


# Files and manifest


CAPITALS = bytes.maketrans(b"bdf", b"BDF")
ALTERED: dict[str, tuple[Callable[[Files], Files], set[str]]] = {
    "another picture": (lambda f: {**f, "icon.png": samples.png(29, 28)}, {"hash-differs"}),
    "another pass.json": (lambda f: {**f, "pass.json": f["pass.json"].replace(b"1250", b"9999")}, {"hash-differs"}),
    "a file that is not listed": (lambda f: {**f, "notes.txt": b"hello"}, {"file-not-listed"}),
    "a hidden file": (lambda f: {**f, ".DS_Store": b"x"}, {"file-not-listed", "stray-file"}),
    "a Mac's folder": (lambda f: {**f, "__MACOSX/._icon.png": b"x"}, {"file-not-listed", "stray-file"}),
    "a path that climbs": (lambda f: {**f, "../evil.png": b"x"}, {"file-not-listed", "stray-file"}),
    "a listed file missing": (lambda f: {k: v for k, v in f.items() if k != "logo.png"}, {"file-missing"}),
    "no manifest": (lambda f: {k: v for k, v in f.items() if k != "manifest.json"}, {"file-absent", "other-manifest"}),
    "no signature": (lambda f: {k: v for k, v in f.items() if k != "signature"}, {"file-absent"}),
    "no pass.json": (lambda f: {k: v for k, v in f.items() if k != "pass.json"}, {"file-absent", "file-missing"}),
    "a manifest of capitals": (
        lambda f: {**f, "manifest.json": f["manifest.json"].translate(CAPITALS)},
        {"hash-differs", "file-missing", "file-not-listed", "other-manifest"},
    ),
    "a manifest with a space more": (lambda f: {**f, "manifest.json": f["manifest.json"] + b" "}, {"other-manifest"}),
    "a manifest of a list": (lambda f: {**f, "manifest.json": b"[]"}, {"manifest-unreadable", "other-manifest"}),
    "a signature that is none": (lambda f: {**f, "signature": b"signature"}, {"signature-unreadable"}),
    "a folder around it all": (lambda f: {f"pass/{k}": v for k, v in f.items()}, {"folder-too-deep", "stray-file"}),
}  # fmt: skip


@pytest.mark.parametrize(("alter", "expected"), ALTERED.values(), ids=ALTERED.keys())
def test_an_altered_package_is_refused(
    alter: Callable[[Files], Files], expected: set[str], signer: Signer, authority: Authority
) -> None:
    assert codes(zipped(alter(files_of(samples.build(signer)))), authority) == expected


def test_no_icon_is_refused_though_manifest_and_signature_fit(signer: Signer, authority: Authority) -> None:
    files = {k: v for k, v in files_of(samples.build(signer)).items() if not k.startswith("icon")}
    assert codes(signed(files, signer), authority) == {"file-absent"}


def test_a_file_that_is_there_twice_is_refused(signer: Signer, authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "a.pkpass"
    path.write_bytes(samples.build(signer))
    with zipfile.ZipFile(path, "a") as opened, pytest.warns(UserWarning, match="Duplicate"):
        opened.writestr("icon.png", samples.images()["icon.png"])
    assert codes(path.read_bytes(), authority) == {"file-twice"}


def test_compressed_files_and_folders_entries_are_told_and_open(signer: Signer, authority: Authority) -> None:
    files = files_of(samples.build(signer))
    built = zipped({**files, "fr.lproj/": b""}, zipfile.ZIP_DEFLATED)
    assert codes(built, authority) == set()
    assert warnings(built, authority) == {"compressed", "folder-entry"}


# The signature


def test_the_signature_of_another_manifest_is_refused(signer: Signer, authority: Authority) -> None:
    mine, other = (files_of(samples.build(signer, face)) for face in (samples.CARD, samples.VOUCHER))
    assert codes(zipped({**mine, "signature": other["signature"]}), authority) == {"other-manifest"}


def test_a_signature_by_another_key_is_refused(signer: Signer, authority: Authority, tmp_path: Path) -> None:
    files = files_of(samples.build(signer))
    forger = authority.issue("pass.example.cafe", at=NOON)
    theirs = cms.ContentInfo.load(
        Signer(forger.certificate_pem, forger.key_pem, authority.intermediate_pem).sign(files["manifest.json"], at=NOON)
    )
    ours = cms.ContentInfo.load(files["signature"])
    ours["content"]["signer_infos"][0]["signature"] = theirs["content"]["signer_infos"][0]["signature"].native
    forged = ours.dump(force=True)
    assert codes(zipped({**files, "signature": forged}), authority) == {"signature-wrong"}
    said = engines.verdicts(files["manifest.json"], forged, authority.root_pem, tmp_path)
    assert said == engines.agreed(good=False)


def test_an_attached_signature_is_refused(signer: Signer, authority: Authority, tmp_path: Path) -> None:
    files = files_of(samples.build(signer))
    info = cms.ContentInfo.load(files["signature"])
    info["content"]["encap_content_info"]["content"] = files["manifest.json"]
    attached = info.dump(force=True)
    assert codes(zipped({**files, "signature": attached}), authority) == {"attached"}
    said = engines.verdicts(files["manifest.json"], attached, authority.root_pem, tmp_path)
    assert said == {name: name != "pyhanko" for name in engines.ALL}, "most engines take it all the same"


def test_without_the_intermediate_it_is_refused(identity: Identity, authority: Authority) -> None:
    lonely = Signer(identity.certificate_pem, identity.key_pem, identity.certificate_pem)
    assert codes(samples.build(lonely), authority) == {"intermediate-missing"}


def test_with_apples_intermediate_and_not_the_one_that_signed_it_is_refused(
    identity: Identity, authority: Authority
) -> None:
    mixed = Signer(identity.certificate_pem, identity.key_pem)
    assert codes(samples.build(mixed), authority) == {"intermediate-missing"}


def test_a_certificate_that_signed_itself_is_refused(identity: Identity, authority: Authority, tmp_path: Path) -> None:
    own = reissue.by_itself(identity)
    files = files_of(samples.build(Signer(own.certificate_pem, own.key_pem, own.certificate_pem)))
    found = diagnosis.of_package(zipped(files), now=NOON, authorities=[authority.intermediate])
    assert [(one.code, one.says) for one in found if one.stops] == [
        ("intermediate-missing", "The certificate signed itself: phones take certificates from Apple only.")
    ]
    said = engines.verdicts(files["manifest.json"], files["signature"], authority.root_pem, tmp_path)
    assert said == engines.agreed(good=False)


def test_an_authority_that_nobody_named_is_not_trusted(signer: Signer, authority: Authority) -> None:
    assert codes(samples.build(signer), authority, authorities=[]) == {"issuer-not-trusted"}


def test_a_certificate_that_ended_is_refused(signer: Signer, authority: Authority, tmp_path: Path) -> None:
    built = samples.build(signer)
    later = signer.facts.not_after + timedelta(seconds=1)
    assert codes(built, authority, now=later) == {"certificate-ended"}
    assert codes(built, authority, now=signer.facts.not_after) == set()
    past = authority.issue("pass.example.cafe", at=NOON - timedelta(days=30), days=20)
    ended = Signer(past.certificate_pem, past.key_pem, authority.intermediate_pem)
    files = files_of(samples.build(ended))
    assert codes(zipped(files), authority) == {"certificate-ended"}
    assert not engines.openssl(files["manifest.json"], files["signature"], authority.root_pem, tmp_path)


def test_a_certificate_that_has_not_begun_is_refused(signer: Signer, authority: Authority) -> None:
    earlier = signer.facts.not_before - timedelta(seconds=1)
    assert codes(samples.build(signer, at=earlier), authority, now=earlier) == {"certificate-not-yet"}


def test_a_certificate_that_ends_within_a_month_is_told_of(signer: Signer, authority: Authority) -> None:
    now = signer.facts.not_after - timedelta(days=29)
    (found,) = diagnosis.of_package(samples.build(signer), now=now, authorities=[authority.intermediate])
    assert (found.code, found.stops) == ("certificate-ends-soon", False)
    assert f"{signer.facts.not_after:%Y-%m-%d}, in 29 days" in found.says


@pytest.mark.parametrize(
    ("without", "expected"),
    [(certificates.PASS_TYPE_MARKER, "not-for-passes"), (ExtensionOID.EXTENDED_KEY_USAGE, "not-for-passes")],
    ids=["marker", "purpose"],
)
def test_a_certificate_for_something_else_is_refused(
    without: ObjectIdentifier, expected: str, identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    other = reissue.by(authority, identity, without=without)
    files = files_of(samples.build(Signer(other.certificate_pem, other.key_pem, authority.intermediate_pem)))
    assert codes(zipped(files), authority) == {expected}
    said = engines.verdicts(files["manifest.json"], files["signature"], authority.root_pem, tmp_path)
    assert said == engines.agreed(good=True), "only the structure says so"


def test_a_certificate_of_two_pass_types_is_refused(authority: Authority) -> None:
    two = authority.issue("pass.example.cafe", at=NOON, marked_pass_type_id="pass.example.other")
    built = samples.build(Signer(two.certificate_pem, two.key_pem, authority.intermediate_pem))
    assert codes(built, authority) == {"two-pass-types"}


def test_no_signing_time_is_refused_though_every_engine_accepts_it(
    identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    timeless = Timeless(identity.certificate_pem, identity.key_pem, authority.intermediate_pem)
    files = files_of(samples.build(timeless))
    assert codes(zipped(files), authority) == {"no-signing-time"}
    said = engines.verdicts(files["manifest.json"], files["signature"], authority.root_pem, tmp_path)
    assert said == engines.agreed(good=True), "only the structure says so"


class Timeless(Signer):
    """Signs with another attribute where the time should be: a signing description of RFC 2985."""

    def sign(self, manifest: bytes, *, at: datetime | None = None) -> bytes:
        info = cms.ContentInfo.load(super().sign(manifest, at=at))
        (signer_info,) = info["content"]["signer_infos"]
        kept = [each for each in signer_info["signed_attrs"] if each["type"].native != "signing_time"]
        signer_info["signed_attrs"] = cms.CMSAttributes(kept)
        to_sign = cms.CMSAttributes(kept).dump(force=True)
        key = certificates.read_key(self.key_pem)
        signer_info["signature"] = key.sign(to_sign, padding.PKCS1v15(), hashes.SHA256())
        return bytes(info.dump(force=True))

    def __init__(self, certificate_pem: bytes, key_pem: bytes, intermediate_pem: bytes) -> None:
        super().__init__(certificate_pem, key_pem, intermediate_pem)
        self.key_pem = key_pem


def test_a_signing_time_to_come_is_refused(signer: Signer, authority: Authority) -> None:
    built = samples.build(signer, at=NOON + timedelta(hours=1))
    assert codes(built, authority) == {"signed-in-future"}


def test_attributes_out_of_order_are_told_of_as_gnutls_refuses_them(
    signer: Signer, identity: Identity, authority: Authority, tmp_path: Path
) -> None:
    files = files_of(samples.build(signer))
    disordered = reissue.attributes_reversed(files["signature"], identity)
    built = zipped({**files, "signature": disordered})
    assert codes(built, authority) == set()
    assert warnings(built, authority) == {"attributes-disordered"}
    said = engines.verdicts(files["manifest.json"], disordered, authority.root_pem, tmp_path)
    refuses = {"gnutls"}
    assert said == {name: name not in refuses for name in engines.ALL}


# pass.json: all of these are listed and signed as they should be, and every crypto engine accepts them


def barcode(**parts: object) -> dict[str, object]:
    return {"barcodes": [{"format": "PKBarcodeFormatQR", "message": "A1", "messageEncoding": "iso-8859-1", **parts}]}


def back(**parts: object) -> dict[str, object]:
    return {"storeCard": {"backFields": [{"key": "a", **parts}]}}


DOCUMENTS: dict[str, tuple[dict[str, object], set[str]]] = {
    "another pass type": ({"passTypeIdentifier": "pass.example.other"}, {"other-pass-type"}),
    "another team": ({"teamIdentifier": "ASSIDU0002"}, {"other-team"}),
    "no serial number": ({"serialNumber": None}, {"text-missing"}),
    "a serial number that is no text": ({"serialNumber": 17}, {"text-missing"}),
    "no description": ({"description": None}, {"text-missing"}),
    "an empty organisation": ({"organizationName": ""}, {"text-missing"}),
    "another format": ({"formatVersion": "1"}, {"format-version"}),
    "no style": ({"storeCard": None}, {"style"}),
    "two styles": ({"generic": {}}, {"style"}),
    "a style that is a list": ({"storeCard": []}, {"style"}),
    "a short token": ({"authenticationToken": "x" * 15}, {"token-short"}),
    "a service without a token": ({"authenticationToken": None}, {"half-service", "token-short"}),
    "a token without a service": ({"webServiceURL": None}, {"half-service"}),
    "a day without a zone": ({"expirationDate": "2028-01-01T00:00:00"}, {"date"}),
    "an unknown barcode": (barcode(format="QR"), {"barcode-format"}),
    "a barcode of a number": (barcode(message=1), {"barcode"}),
    "a barcode beyond its letters": (barcode(message="Ω"), {"barcode-encoding"}),
    "eleven places": ({"locations": [{"latitude": 1, "longitude": 1}] * 11}, {"locations"}),
    "a long NFC message": ({"nfc": {"message": "x" * 65, "encryptionPublicKey": samples.NFC_KEY}}, {"nfc-long"}),
    "an NFC key that is none": ({"nfc": {"message": "x", "encryptionPublicKey": "QUJD"}}, {"nfc-key"}),
    "two fields of one key": ({"storeCard": {"backFields": [{"key": "a", "value": "a@b"}] * 2}}, {"key-twice"}),
    "a field without a value": ({"storeCard": {"backFields": [{"key": "a"}]}}, {"field-value"}),
    "a field without a key": ({"storeCard": {"backFields": [{"value": "a@b"}]}}, {"field-key"}),
    "a date that is none": (back(value="31.12.", dateStyle="PKDateStyleShort"), {"field-date"}),
    "a number that is a text": (back(value="7", numberStyle="PKNumberStyleDecimal"), {"field-number"}),
}  # fmt: skip


@pytest.mark.parametrize(("of_the_pass", "expected"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_a_document_that_phones_refuse_is_refused(
    of_the_pass: dict[str, object], expected: set[str], signer: Signer, authority: Authority
) -> None:
    assert codes(rebuilt(signer, **of_the_pass), authority) == expected


UNWANTED: dict[str, tuple[dict[str, object], set[str]]] = {
    "no web service": ({"webServiceURL": None, "authenticationToken": None}, {"no-service"}),
    "a service that is not https": ({"webServiceURL": "http://loyalty.example/passkit"}, {"service-not-https"}),
    "a service that ends in v1": ({"webServiceURL": "https://loyalty.example/passkit/v1/"}, {"service-v1"}),
    "a colour of the web": ({"labelColor": "#ffffff"}, {"colour"}),
    "a barcode of tomorrow": (barcode(format="PKBarcodeFormatEAN13"), {"barcode-new"}),
    "NFC not granted": ({"nfc": {"message": "x", "encryptionPublicKey": samples.NFC_KEY}}, {"nfc-not-granted"}),
    "a link to an app that is none": ({"appLaunchURL": "lumiere"}, {"app-link"}),
    "an app that is not named": ({"associatedStoreIdentifiers": None}, {"app-unknown"}),
    "a silent change": (back(value="a@b.example", changeMessage="Merci"), {"change-message"}),
    "a fifth field": (
        {"storeCard": {"auxiliaryFields": [{"key": f"{n}", "value": n} for n in range(5)]}}, {"row-full", "no-contact"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("of_the_pass", "expected"), UNWANTED.values(), ids=UNWANTED.keys())
def test_what_opens_and_disappoints_is_told(
    of_the_pass: dict[str, object], expected: set[str], signer: Signer, authority: Authority
) -> None:
    built = rebuilt(signer, **of_the_pass)
    assert codes(built, authority) == set()
    assert warnings(built, authority) == expected


# Pictures and languages


def test_pictures_that_are_none_or_too_large_are_told(signer: Signer, authority: Authority) -> None:
    files = files_of(samples.build(signer))
    assert codes(signed({**files, "icon.png": b"GIF89a"}, signer), authority) == {"not-a-png"}
    large = {**files, "logo.png": samples.png(161, 50)}
    del large["strip@3x.png"]
    assert warnings(signed(large, signer), authority) == {"picture-large", "picture-coarse"}


def test_languages_that_differ_or_cannot_be_read_are_told(signer: Signer, authority: Authority) -> None:
    files = files_of(samples.build(signer))
    broken = {**files, "en.lproj/pass.strings": b'"a" = "unfinished'}
    assert codes(signed(broken, signer), authority) == {"strings-unreadable"}
    words = tuple(samples.CARD.strings["en"].items())
    lacking = {**files, "en.lproj/pass.strings": package.strings_file(words[:2])}
    assert warnings(signed(lacking, signer), authority) == {"strings-missing"}
    silent = {**files, "en.lproj/pass.strings": package.strings_file((*words[:2], (words[2][0], "More points")))}
    assert warnings(signed(silent, signer), authority) == {"strings-silent"}


# Bundles


def test_each_pass_of_a_bundle_is_looked_at(signer: Signer, authority: Authority) -> None:
    good = samples.build(signer)
    assert codes(package.bundle([good, samples.build(signer, samples.VOUCHER)]), authority) == set()
    bad = zipped({**files_of(good), "notes.txt": b"hello"})
    found = diagnosis.of_package(package.bundle([good, bad]), now=NOON, authorities=[authority.intermediate])
    assert [(one.code, one.says[:19]) for one in found if one.stops] == [("file-not-listed", "In `pass-2.pkpass`:")]


def test_a_bundle_of_eleven_is_too_large(signer: Signer, authority: Authority) -> None:
    built = zipped({f"{place}.pkpass": small(signer) for place in range(11)})
    assert codes(built, authority) == {"bundle-too-large"}


def test_an_archive_that_unpacks_to_hundreds_of_megabytes_is_not_unpacked(authority: Authority) -> None:
    bomb = zipped({f"{place}.png": bytes(16_000_000) for place in range(10)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 200_000
    assert codes(bomb, authority) == {"archive-too-large"}


# Whatever the bytes


@given(st.binary(max_size=400))
def test_noise_is_refused_and_never_crashes(noise: bytes) -> None:
    assert diagnosis.stopping(diagnosis.of_package(noise, now=NOON))


@settings(max_examples=150)
@given(place=st.floats(0, 1, exclude_max=True), bits=st.integers(1, 255))
def test_one_changed_byte_anywhere_is_refused(place: float, bits: int, authority: Authority, signer: Signer) -> None:
    """Times and attributes in the archive's own headers say nothing about the pass: those alone may change."""
    built = bytearray(small(signer))
    at = int(place * len(built))
    built[at] ^= bits
    found = diagnosis.of_package(bytes(built), now=NOON, authorities=[authority.intermediate])
    if not diagnosis.stopping(found):
        assert files_of(bytes(built)) == files_of(small(signer))


@settings(max_examples=150)
@given(place=st.floats(0, 1, exclude_max=True), bits=st.integers(1, 255))
def test_one_changed_byte_of_the_signature_is_refused(
    place: float, bits: int, authority: Authority, signer: Signer
) -> None:
    files = files_of(small(signer))
    signature = bytearray(files["signature"])
    signature[int(place * len(signature))] ^= bits
    assert codes(zipped({**files, "signature": bytes(signature)}), authority)


@functools.cache
def small(signer: Signer) -> bytes:
    pictures = {"icon.png": samples.png(1, 1)}
    return b"".join(
        package.build(samples.VOUCHER, pictures, signer, serial="1", token=samples.TOKEN, service_url=None, at=NOON)
    )
