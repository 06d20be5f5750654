"""Whole packages: accepted by every engine and by our own diagnosis, in the form that Wallet wants."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from tests.wallet.platforms.apple import engines, samples
from wallet.card_face import CardFace
from wallet.platforms.apple import diagnosis, language_checks, package
from wallet.platforms.apple.authority import Authority
from wallet.platforms.apple.signing import Signer

both = pytest.mark.parametrize("face", [samples.CARD, samples.VOUCHER], ids=["card", "voucher"])


@both
def test_every_engine_accepts_it(face: CardFace, signer: Signer, authority: Authority, tmp_path: Path) -> None:
    files = samples.files_of(samples.build(signer, face))
    said = engines.verdicts(files["manifest.json"], files["signature"], authority.root_pem, tmp_path)
    assert said == engines.agreed(good=True)


@both
def test_nothing_is_found_wrong_with_it(face: CardFace, signer: Signer, authority: Authority) -> None:
    found = diagnosis.of_package(samples.build(signer, face), now=samples.NOON, authorities=[authority.intermediate])
    assert found == []


def test_the_manifest_lists_every_other_file_by_its_sha_1(signer: Signer) -> None:
    files = samples.files_of(samples.build(signer))
    listed = json.loads(files.pop("manifest.json"))
    files.pop("signature")
    assert listed == {path: hashlib.sha1(content, usedforsecurity=False).hexdigest() for path, content in files.items()}
    assert files.keys() == {
        *samples.images(),
        "pass.json",
        *(f"{tag}.lproj/pass.strings" for tag in ("fr", "en", "ar")),
    }


def test_languages_have_the_same_words_as_the_face_itself(signer: Signer) -> None:
    files = samples.files_of(samples.build(signer))
    words = {tag: language_checks.read(files[f"{tag}.lproj/pass.strings"]) for tag in ("fr", "en", "ar")}
    assert words["en"] == samples.CARD.strings["en"]
    assert words["ar"] == samples.CARD.strings["ar"]
    assert words["fr"] == {word: word for word in words["en"]}


def test_words_with_quotes_and_line_ends_are_read_back() -> None:
    hard = {'"quoted" \\ back': 'a\nb\r\tc "d"', "émoji 🎁": "هدية"}
    assert language_checks.read(package.strings_file(tuple(hard.items()))) == hard


def test_a_face_of_one_language_has_no_folders_of_languages(signer: Signer) -> None:
    assert not [path for path in samples.files_of(samples.build(signer, samples.VOUCHER)) if "lproj" in path]


def test_two_faces_share_pictures_and_nothing_else(signer: Signer) -> None:
    other = dataclasses.replace(samples.CARD, title="Autre", strings={})
    first, second = (samples.files_of(samples.build(signer, face)) for face in (samples.CARD, other))
    assert "en.lproj/pass.strings" not in second
    assert first["pass.json"] != second["pass.json"]
    assert {path: second[path] for path in samples.images()} == samples.images()


def test_pictures_are_sent_from_where_they_are_and_copied_for_nobody(signer: Signer) -> None:
    first, second = (
        package.build(samples.CARD, samples.images(), signer, serial=serial, token=samples.TOKEN, service_url=None)
        for serial in ("1", "2")
    )
    assert first[0] is second[0]
    assert first[1] != second[1]
    assert samples.images()["strip.png"] in first[0]


def test_a_changed_picture_is_not_taken_from_memory(signer: Signer) -> None:
    changed = {**samples.images(), "strip.png": samples.png(10, 10)}
    built = [
        b"".join(package.build(samples.CARD, pictures, signer, serial="1", token=samples.TOKEN, service_url=None))
        for pictures in (samples.images(), changed)
    ]
    assert [samples.files_of(one)["strip.png"] for one in built] == [
        samples.images()["strip.png"],
        changed["strip.png"],
    ]


def test_without_an_icon_there_is_no_package(signer: Signer) -> None:
    with pytest.raises(ValueError, match=r"icon\.png"):
        package.build(samples.CARD, {"logo.png": b""}, signer, serial="1", token=samples.TOKEN, service_url=None)


def test_a_short_token_is_refused(signer: Signer) -> None:
    with pytest.raises(ValueError, match="16 characters"):
        samples.build(signer, token="0123456789abcde")


def test_several_passes_travel_in_one_file(signer: Signer) -> None:
    packages = [samples.build(signer, face) for face in (samples.CARD, samples.VOUCHER)]
    inside = samples.files_of(package.bundle(packages))
    assert list(inside) == ["pass-1.pkpass", "pass-2.pkpass"]
    assert list(inside.values()) == packages


@pytest.mark.parametrize("count", [0, 11])
def test_a_bundle_holds_one_to_ten(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 10"):
        package.bundle([b"pass"] * count)
