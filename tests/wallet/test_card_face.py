"""A face is one value: it says itself in every language, as JSON, and as a digest."""

import dataclasses
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.card_face import CardFace, Colours, FaceField, Link, NextReward, Place, Stamps

FACE = CardFace(
    program_name="Café Assidu",
    description="Carte de fidélité Café Assidu",
    title="Café Assidu",
    locale="fr",
    locales=("fr", "en"),
    strings={"en": {"Prochain cadeau": "Next reward", "Café offert": "Free coffee", "Membre": "Member", "fr": "never"}},
    member_name="Membre",
    colours=Colours(background="#3b2418", foreground="#fff8ee", label="#e3b778"),
    strip_style="stamps",
    stamps=Stamps(count=3, goal=10, name="Dix cafés"),
    next_reward=NextReward(name="Café offert", missing=7, unit="stamps"),
    fields=(
        FaceField(key="next_reward", label="Prochain cadeau", value="Café offert", area="secondary"),
        FaceField(key="member", label="Membre", value="Inès", area="auxiliary"),
        FaceField(key="expiry", label="Points : 3", value=date(2027, 1, 31), kind="date", area="back"),
        FaceField(key="points", label="Points", value=120, kind="number", area="header", change_message="%@"),
    ),
    links=(Link(label="Membre", url="https://cafe.example/"),),
    locations=(Place(latitude=48.853, longitude=2.369, text="Café offert"),),
    expires_at=datetime(2027, 1, 31, 23, 0, tzinfo=UTC),
)


def test_a_face_is_said_in_another_language_wherever_it_has_words() -> None:
    english = FACE.to_locale("en")

    assert english.locale == "en"
    assert [(one.label, one.value) for one in english.fields][:2] == [
        ("Next reward", "Free coffee"),
        ("Member", "Inès"),
    ]
    assert english.next_reward is not None
    assert english.next_reward.name == "Free coffee"
    assert (english.links[0].label, english.links[0].url) == ("Member", "https://cafe.example/")
    assert english.locations[0].text == "Free coffee"


def test_names_of_people_and_tags_are_translated_by_no_accident() -> None:
    english = FACE.to_locale("en")

    assert english.member_name == "Membre"
    assert english.locales == ("fr", "en")


@pytest.mark.parametrize("locale", ["fr", "de"])
def test_a_language_that_it_does_not_have_changes_nothing(locale: str) -> None:
    assert FACE.to_locale(locale) is FACE


def test_a_text_is_known_in_all_languages_of_the_programme() -> None:
    assert FACE.translations("Café offert") == {"fr": "Café offert", "en": "Free coffee"}
    assert FACE.translations("Inès") == {"fr": "Inès", "en": "Inès"}


def test_a_face_is_json_with_its_instants_as_text() -> None:
    document = FACE.document()

    assert json.loads(json.dumps(document)) == document
    assert document["expires_at"] == "2027-01-31T23:00:00+00:00"
    assert document["fields"][2]["value"] == "2027-01-31"


def test_a_face_is_found_by_area_and_key() -> None:
    assert [one.key for one in FACE.in_area("back")] == ["expiry"]
    assert FACE.get("points") is FACE.fields[3]
    assert FACE.get("tier") is None


CHANGES: dict[str, Any] = {
    "program_name": "Bar",
    "description": "x",
    "title": "x",
    "locale": "en",
    "locales": ("fr",),
    "strings": {},
    "member_name": None,
    "card_number": "9",
    "barcode_text": "A1X",
    "barcode_format": "aztec",
    "barcode_caption": "x",
    "style": "voucher",
    "colours": Colours(background="#000000", foreground="#fff8ee", label="#e3b778"),
    "logo_url": "https://x.example/",
    "strip_style": "progress",
    "strip_url": "https://x.example/",
    "stamps": Stamps(count=4, goal=10, name="Dix cafés"),
    "stamp_icon": "cup",
    "progress": 0.5,
    "tier": "Or",
    "next_reward": None,
    "vouchers": ("x",),
    "fields": FACE.fields[1:],
    "links": (),
    "locations": (),
    "max_distance_m": 5,
    "relevant": ("x",),
    "expires_at": None,
    "voided": True,
    "message": "x",
    "app": "x",
    "nfc": "x",
    "sharing_prohibited": False,
    "grouping": "x",
}


def test_every_part_of_a_face_is_tried() -> None:
    assert set(CHANGES) == {one.name for one in dataclasses.fields(CardFace)}


@pytest.mark.parametrize("part", CHANGES)
def test_whatever_changes_changes_the_digest(part: str) -> None:
    changed = dataclasses.replace(FACE, **{part: CHANGES[part]})

    assert changed.digest() != FACE.digest()
    assert len(changed.digest()) == 32


def test_equal_faces_have_one_digest_however_their_words_were_collected() -> None:
    turned = dataclasses.replace(FACE, strings={"en": dict(reversed(list(FACE.strings["en"].items())))})

    assert turned.digest() == FACE.digest()


@given(st.text(), st.text())
def test_texts_do_not_run_into_each_other(label: str, value: str) -> None:
    one = dataclasses.replace(FACE, title=label, description=value)
    other = dataclasses.replace(FACE, title=label + value, description="")

    assert (one.digest() == other.digest()) is (value == "")
