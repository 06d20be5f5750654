"""Every document that we send is one that Google's own description of its API allows, whatever is on the card."""

import dataclasses
import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.codes import grammar, totp
from tests.wallet.platforms.google.documents import discovery, faults, second_opinion
from tests.wallet.platforms.google.samples import (
    CARD,
    CLASS_ID,
    ISSUER_ID,
    TOKEN,
    TOTP_KEY,
    card,
    make_message,
    with_points,
)
from wallet.card_face import CardFace, Colours, FaceField, Link, Place, Stamps
from wallet.platforms.google import objects, words
from wallet.platforms.google.classes import loyalty_class
from wallet.platforms.google.objects import loyalty_object
from wallet.stand_in.discovery import Discovery

OBJECT_ID = f"{ISSUER_ID}.card"
LOGO = "https://cafe.example/logo.png"
CALLBACK = "https://loyalty.example/wallet/google/callbacks"


def object_of(face: CardFace = CARD, **values: Any) -> dict[str, Any]:
    return loyalty_object(face, object_id=OBJECT_ID, class_id=CLASS_ID, **{"totp_key": TOTP_KEY, **values})


def class_of(face: CardFace = CARD, **values: Any) -> dict[str, Any]:
    return loyalty_class(face, class_id=CLASS_ID, **{"logo_url": LOGO, "callback_url": CALLBACK, **values})


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
TAGS = ("fr", "en", "ar")


@st.composite
def fields(draw: st.DrawFn) -> FaceField:
    kind = draw(st.sampled_from(["text", "number", "money", "date", "instant"]))
    values: dict[str, Any] = {
        "text": TEXTS,
        "number": st.integers(-(10**15), 10**15),
        "money": st.integers(-(10**15), 10**15),
        "date": st.dates(),
        "instant": st.datetimes(timezones=st.just(UTC)),
    }
    key = draw(st.sampled_from(["points", "stamps", "money", "purse_a", "purse_b", "tier", "next_reward", "vouchers",
                                "expiry", "back_1", "contact_url", "issuer", "message", "member"]))  # fmt: skip
    return FaceField(
        key=key, label=draw(TEXTS), value=draw(values[kind]), kind=kind, area="back",
        currency=draw(st.sampled_from(["EUR", "JPY", "KWD"])) if kind == "money" else None,
        change_message=draw(st.none() | st.just("%@")),
    )  # fmt: skip


@st.composite
def faces(draw: st.DrawFn) -> CardFace:
    locales = tuple(draw(st.lists(st.sampled_from(TAGS), min_size=1, unique=True)))
    shown = draw(st.lists(fields(), max_size=14, unique_by=lambda one: one.key))
    said = {tag: {one.label: draw(TEXTS) for one in shown} for tag in locales[1:]}
    colour = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True)
    return CardFace(
        program_name=draw(TEXTS.filter(bool)), description="", title=draw(TEXTS), locale=locales[0], locales=locales,
        strings=said, member_name=draw(st.none() | TEXTS), card_number=draw(st.none() | TEXTS),
        barcode_text=draw(st.none() | st.just("A10123456789ABCDEFG") | st.just("V1ABC")),
        barcode_format=draw(st.sampled_from(["qr", "pdf417", "aztec", "code128"])),
        colours=Colours(background=draw(colour), foreground=draw(colour), label=draw(colour)),
        strip_style=draw(st.sampled_from(["plain", "stamps", "image"])), strip_url=LOGO,
        stamps=draw(st.none() | st.just(Stamps(count=0, goal=9, name="x"))),
        fields=tuple(shown), links=tuple(draw(st.lists(st.just(Link(label="x", url=LOGO)), max_size=3))),
        locations=tuple(draw(st.lists(st.just(Place(latitude=1, longitude=2.5)), max_size=12))),
        expires_at=draw(st.none() | st.datetimes(timezones=st.just(UTC))), voided=draw(st.booleans()),
        grouping=draw(st.none() | st.just("g")),
    )  # fmt: skip


@given(faces(), st.none() | st.just(LOGO))
def test_whatever_a_card_shows_google_understands_it(face: CardFace, picture: str | None) -> None:
    ours = Discovery(discovery())
    for schema, document in (
        ("LoyaltyObject", object_of(face, hero_url=picture)),
        ("LoyaltyClass", class_of(face, callback_url=picture)),
    ):
        sent = json.loads(json.dumps(document))
        assert faults(schema, sent) == []
        assert ours.problems(schema, sent, whole=True) == []


def test_somebody_elses_model_of_google_agrees() -> None:
    assert second_opinion("LoyaltyObject", object_of(hero_url=LOGO)) == []
    assert second_opinion("LoyaltyClass", class_of()) == []
    assert second_opinion("LoyaltyObject", object_of() | {"state": "BLOCKED"}) != []
    assert second_opinion("LoyaltyClass", class_of() | {"points": 3}) != []


@pytest.mark.parametrize(
    ("schema", "change"),
    [
        ("LoyaltyObject", {"state": "BLOCKED"}),
        ("LoyaltyObject", {"state": "active"}),
        ("LoyaltyObject", {"points": 3}),
        ("LoyaltyObject", {"classId": None}),
        ("LoyaltyObject", {"loyaltyPoints": {"balance": {"int": 2**31}}}),
        ("LoyaltyObject", {"loyaltyPoints": {"balance": {"money": {"micros": 5}}}}),
        ("LoyaltyObject", {"textModulesData": {"body": "not a list"}}),
        ("LoyaltyObject", {"rotatingBarcode": {"totpDetails": {"periodMillis": 30000}}}),
        ("LoyaltyClass", {"reviewStatus": "NEVER_HEARD_OF"}),
        ("LoyaltyClass", {"merchantLocations": [{"latitude": "48", "longitude": 2}]}),
        ("LoyaltyClass", {"multipleDevicesAndHoldersAllowedStatus": "EVERYBODY"}),
    ],
)
def test_both_judges_refuse_what_google_does_not_know(schema: str, change: dict[str, Any]) -> None:
    document = {**(object_of() if schema == "LoyaltyObject" else class_of()), **change}

    assert faults(schema, document) != []
    assert Discovery(discovery()).problems(schema, document, whole=True) != []


@pytest.mark.parametrize("name", ["id", "classId", "state"])
def test_both_judges_miss_what_is_required(name: str) -> None:
    document = object_of()
    del document[name]

    assert faults("LoyaltyObject", document) != []
    assert Discovery(discovery()).problems("LoyaltyObject", document, whole=True) == [f"{name}: is required"]


def test_balances_stand_in_googles_own_places() -> None:
    document = object_of()

    assert document["loyaltyPoints"] == {"label": "Points", "balance": {"int": 1250}}
    assert document["secondaryLoyaltyPoints"]["balance"] == {"string": "3/10"}
    assert document["secondaryLoyaltyPoints"]["localizedLabel"]["translatedValues"] == [
        {"language": "en", "value": "Ten coffees"}
    ]


def test_money_is_said_in_millionths_of_its_currency() -> None:
    cash = [one for one in CARD.fields if one.key == "purse_cash"]
    yen = [dataclasses.replace(cash[0], currency="JPY", value=7)]

    euros = object_of(card(fields=tuple(cash)))["loyaltyPoints"]["balance"]

    assert euros == {"money": {"micros": "12340000", "currencyCode": "EUR"}}
    assert object_of(card(fields=tuple(yen)))["loyaltyPoints"]["balance"]["money"]["micros"] == "7000000"


def test_a_balance_beyond_32_bits_is_a_text() -> None:
    assert object_of(with_points(2**31))["loyaltyPoints"]["balance"] == {"string": "2147483648"}
    assert object_of(with_points(2**31 - 1))["loyaltyPoints"]["balance"] == {"int": 2**31 - 1}


def test_a_fortune_in_yen_is_a_text_too() -> None:
    """Its millionths are beyond 64 bits."""
    cash = next(one for one in CARD.fields if one.key == "purse_cash")
    rich = dataclasses.replace(cash, currency="JPY", value=10**15)

    assert set(object_of(card(fields=(rich,)))["loyaltyPoints"]["balance"]) == {"string"}


def test_the_rotating_code_is_the_one_that_tills_read() -> None:
    rotating = object_of()["rotatingBarcode"]
    at = 1_790_000_000

    text = rotating["valuePattern"].replace("{totp_value_0}", totp.code(TOTP_KEY, at))
    shown = text.replace("{totp_timestamp_seconds}", str(at))

    assert shown == grammar.rotating_code("0123456789ABCDEFG", TOTP_KEY, at)
    assert rotating["totpDetails"] == {
        "algorithm": "TOTP_SHA1",
        "periodMillis": "30000",
        "parameters": [{"key": "3132333435363738393031323334353637383930", "valueLength": 8}],
    }
    assert rotating["alternateText"] == "9000 1234"


def test_no_static_code_stands_beside_the_rotating_one() -> None:
    assert "barcode" not in object_of()
    assert f"A1{TOKEN}" not in json.dumps(object_of())


def test_a_blocked_card_is_inactive_and_shows_no_code() -> None:
    document = object_of(card(voided=True, barcode_text=None, barcode_caption=None))

    assert document["state"] == "INACTIVE"
    assert "rotatingBarcode" not in document


def test_an_erased_card_says_nothing_of_anybody() -> None:
    document = objects.erased_object(object_id=OBJECT_ID, class_id=CLASS_ID)

    assert document == {"id": OBJECT_ID, "classId": CLASS_ID, "state": "EXPIRED"}
    assert faults("LoyaltyObject", document) == []


def test_two_members_of_a_programme_ask_for_the_same_class() -> None:
    english = card(
        locale="en", locales=CARD.locales, member_name="Bob", card_number="1", title="Café Assidu",
        strings={"fr": {said: text for text, said in CARD.strings["en"].items()}},
        fields=tuple(
            dataclasses.replace(
                one, label=CARD.translated(one.label, "en"),
                value=CARD.translated(one.value, "en") if isinstance(one.value, str) else one.value,
            )
            for one in CARD.fields if one.key not in {"stamps", "expiry"}
        ),
        links=tuple(dataclasses.replace(one, label=CARD.translated(one.label, "en")) for one in CARD.links),
        stamps=None,
    )  # fmt: skip

    assert class_of(english) == class_of()


def test_no_more_places_and_texts_are_sent_than_google_takes() -> None:
    many = tuple(FaceField(key=f"back_{n}", label="x", value="y", area="back") for n in range(15))
    own = tuple(FaceField(key=f"own_{n}", label="x", value="y", area="back") for n in range(15))

    assert len(class_of(card(fields=many))["textModulesData"]) == 10
    assert len(class_of()["merchantLocations"]) == 10
    assert len(object_of(card(fields=own))["textModulesData"]) == 10


def test_days_and_instants_are_read_by_people() -> None:
    modules = {one["id"]: one["body"] for one in object_of()["textModulesData"]}

    assert modules["expiry"] == "2027-03-31"
    assert modules["next_visit"] == "2026-12-01 18:00"
    assert "purse_cash" in modules


def test_what_google_has_places_for_is_not_said_twice() -> None:
    keys = {one["id"] for one in object_of()["textModulesData"]}

    assert keys.isdisjoint({"points", "stamps", "member", "card_number", "message", "back_0", "contact_email"})


def test_leftovers_are_what_google_shows_and_we_no_longer_say() -> None:
    document = object_of()
    shown = {**document, "heroImage": {"sourceUri": {"uri": LOGO}}, "hasUsers": True, "messages": [{"id": "1"}]}

    assert objects.leftovers(document, shown) == {"heroImage"}
    assert objects.leftovers(document, document) == set()


@pytest.mark.parametrize("sounds", [True, False])
def test_messages_are_valid_in_all_their_languages(*, sounds: bool) -> None:
    one = make_message("Bonjour", en="Hello")

    said = words.message(CARD, one.id.hex, one.text, sounds=sounds)

    assert faults("AddMessageRequest", {"message": said}) == []
    assert (said["body"], said["messageType"]) == ("Bonjour", "TEXT_AND_NOTIFY" if sounds else "TEXT")
    assert said["localizedBody"]["translatedValues"] == [{"language": "en", "value": "Hello"}]


def test_the_vendored_description_is_the_one_that_is_named() -> None:
    assert (discovery()["id"], discovery()["revision"]) == ("walletobjects:v1", "20260806")
