"""`assidu wallet doctor FILE` on a good pass and on the mutants that people meet most, as a person runs it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api import cli
from app import clock
from tests.wallet.platforms.apple import samples
from tests.wallet.platforms.apple.conftest import PASS_TYPE_ID
from tests.wallet.platforms.apple.samples import CARD, VOUCHER, files_of, images, zipped
from wallet.platforms.apple import package, pass_json
from wallet.platforms.apple.authority import Authority, Identity
from wallet.platforms.apple.pass_json import Particulars
from wallet.platforms.apple.signing import Signer

Mutant = Callable[[Authority, Identity], bytes]


def signer_of(authority: Authority, identity: Identity) -> Signer:
    return Signer(identity.certificate_pem, identity.key_pem, authority.intermediate_pem)


def good(authority: Authority, identity: Identity) -> bytes:
    return samples.build(signer_of(authority, identity), at=clock.now())


def wrong_hash(authority: Authority, identity: Identity) -> bytes:
    return zipped({**files_of(good(authority, identity)), "strip.png": samples.png(375, 140)})


def missing_intermediate(_authority: Authority, identity: Identity) -> bytes:
    return samples.build(Signer(identity.certificate_pem, identity.key_pem, identity.certificate_pem), at=clock.now())


def wrong_type(authority: Authority, identity: Identity) -> bytes:
    particulars = Particulars(pass_type_id="pass.example.other", team_id="ASSIDU0001", organization="Café", serial="1")
    document = pass_json.document(VOUCHER, particulars)
    return b"".join(package.assemble(document, images(), signer_of(authority, identity)))


def stray_file(authority: Authority, identity: Identity) -> bytes:
    return zipped({**files_of(good(authority, identity)), "__MACOSX/._icon.png": b"x"})


def other_manifests_signature(authority: Authority, identity: Identity) -> bytes:
    other = files_of(samples.build(signer_of(authority, identity), VOUCHER, at=clock.now()))
    return zipped({**files_of(good(authority, identity)), "signature": other["signature"]})


def expired_certificate(authority: Authority, _identity: Identity) -> bytes:
    old = authority.issue(PASS_TYPE_ID, at=clock.now() - timedelta(days=400), days=396)
    return samples.build(signer_of(authority, old), CARD, at=clock.now())


MUTANTS: dict[str, tuple[Mutant, str]] = {
    "wrong hash": (wrong_hash, "`strip.png` is not the file that was signed"),
    "missing WWDR": (missing_intermediate, "does not travel in the signature"),
    "wrong type id": (wrong_type, "of the type `pass.example.other`, its certificate of `pass.example.cafe`"),
    "stray file": (stray_file, "`__MACOSX/._icon.png` does not belong in a pass"),
    "signature of another manifest": (other_manifests_signature, "belongs to another `manifest.json`"),
    "expired certificate": (expired_certificate, "The certificate ended on"),
}


@pytest.fixture
def doctor(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Result]:
    trusted = tmp_path / "intermediate.pem"
    trusted.write_bytes(authority.intermediate_pem)
    monkeypatch.setenv("ASSIDU_WALLET_AUTHORITY_FILE", str(trusted))
    monkeypatch.setenv("ASSIDU_HOME", str(tmp_path))

    def run(content: bytes) -> Result:
        path = tmp_path / "card.pkpass"
        path.write_bytes(content)
        return CliRunner().invoke(cli.cli, ["wallet", "doctor", str(path)])

    return run


def test_a_good_pass_is_well(doctor: Callable[[bytes], Result], authority: Authority, identity: Identity) -> None:
    said = doctor(good(authority, identity))
    assert (said.exit_code, said.output) == (0, "card.pkpass: all is well\n")


@pytest.mark.parametrize(("mutant", "words"), MUTANTS.values(), ids=MUTANTS.keys())
def test_a_mutant_is_refused_in_words(
    mutant: Mutant, words: str, doctor: Callable[[bytes], Result], authority: Authority, identity: Identity
) -> None:
    said = doctor(mutant(authority, identity))
    assert said.exit_code == 1
    assert words in said.output
