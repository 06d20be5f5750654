"""Apple's wallet as the engine knows it: hands packages out, and says what is wrong with them."""

import dataclasses
from pathlib import Path
from uuid import UUID

import pytest

from app import clock, ids
from app.config import Settings
from app.models import Pass
from tests.wallet.platforms.apple import engines, samples
from tests.wallet.platforms.apple.conftest import PASS_TYPE_ID
from wallet.card_face import CardFace
from wallet.platforms import PLATFORMS, Asked, Credential, Platform
from wallet.platforms.apple import AppleWallet, certificates, diagnosis, package, signature_checks
from wallet.platforms.apple.authority import Authority, Identity


@pytest.fixture
def settings(authority: Authority, tmp_path: Path) -> Settings:
    path = tmp_path / "intermediate.pem"
    path.write_bytes(authority.intermediate_pem)
    return Settings(home=tmp_path, wallet_authority_file=str(path))


def credential(settings: Settings, identity: Identity) -> Credential:
    document = {"certificate": identity.certificate_pem.decode(), "private_key": identity.key_pem.decode()}
    checked = AppleWallet().check(settings, document, clock.now())
    return Credential(id=ids.new_id(), program_id=ids.new_id(), facts=checked.facts, secret=checked.secret)


def asked(face: CardFace = samples.CARD, pass_type_id: str = PASS_TYPE_ID) -> Asked:
    nobody = UUID(int=1)
    row = Pass(
        card_id=nobody, member_id=nobody, platform="apple", pass_type_id=pass_type_id, serial="crd-1",
        changed_at=clock.now(),
    )  # fmt: skip
    return Asked(row=row, face=face, token=samples.TOKEN, service_url=samples.SERVICE)


def test_it_is_found_by_its_name() -> None:
    PLATFORMS.load("wallet.platforms")
    platform: Platform = PLATFORMS["apple"]
    assert isinstance(platform, AppleWallet)
    assert platform.kind == "apple"


def test_what_it_hands_out_opens(settings: Settings, identity: Identity, authority: Authority, tmp_path: Path) -> None:
    one = credential(settings, identity)
    handout = AppleWallet().hand_out(settings, [one], asked())
    assert (handout.media_type, handout.filename) == ("application/vnd.apple.pkpass", "card.pkpass")
    assert handout.content is not None
    assert diagnosis.of_package(handout.content, authorities=[authority.intermediate]) == []
    files = samples.files_of(handout.content)
    said = engines.verdicts(files["manifest.json"], files["signature"], authority.root_pem, tmp_path)
    assert said == engines.agreed(good=True)


def test_a_voucher_has_its_own_name(settings: Settings, identity: Identity) -> None:
    handout = AppleWallet().hand_out(settings, [credential(settings, identity)], asked(samples.VOUCHER))
    assert handout.filename == "voucher.pkpass"


def test_the_newest_credential_of_the_passes_type_signs(
    settings: Settings, identity: Identity, authority: Authority
) -> None:
    renewed, other = authority.issue(PASS_TYPE_ID), authority.issue("pass.example.other")
    credentials = [credential(settings, each) for each in (other, renewed, identity)]
    handout = AppleWallet().hand_out(settings, credentials, asked())
    signer = signature_checks.read(samples.files_of(handout.content or b"")["signature"]).signer
    assert signer == certificates.read_certificate(renewed.certificate_pem)
    with pytest.raises(ValueError, match=r"no credential for the pass type pass\.example\.gone"):
        AppleWallet().hand_out(settings, credentials, asked(pass_type_id="pass.example.gone"))


def test_it_has_nothing_to_complain_of_a_good_pass(settings: Settings, identity: Identity) -> None:
    assert AppleWallet().complaints(settings, [credential(settings, identity)], asked(), clock.now()) == []


def test_it_complains_of_credentials_before_it_makes_a_pass(
    settings: Settings, identity: Identity, tmp_path: Path
) -> None:
    one = credential(settings, identity)
    (said,) = AppleWallet().complaints(Settings(home=tmp_path), [one], asked(), clock.now())
    assert "is not Apple's G4: phones do not trust what it signs" in said


def test_it_complains_of_the_whole_pass(settings: Settings, identity: Identity) -> None:
    silent = dataclasses.replace(asked(), service_url="http://127.0.0.1:8000/passkit")
    (said,) = AppleWallet().complaints(settings, [credential(settings, identity)], silent, clock.now())
    assert "is not https" in said


def test_several_passes_of_a_member_travel_together(settings: Settings, identity: Identity) -> None:
    one = credential(settings, identity)
    handed = [AppleWallet().hand_out(settings, [one], asked(face)) for face in (samples.CARD, samples.VOUCHER)]
    assert len(samples.files_of(package.bundle([each.content or b"" for each in handed]))) == 2
