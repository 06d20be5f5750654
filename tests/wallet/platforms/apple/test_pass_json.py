"""`pass.json`, face by face."""

import dataclasses
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.wallet.platforms.apple import samples
from tests.wallet.platforms.apple.samples import CARD, field
from wallet.card_face import CardFace, FaceField, Place
from wallet.platforms.apple import pass_json
from wallet.platforms.apple.pass_json import Particulars

PARTICULARS = Particulars(
    pass_type_id="pass.example.cafe",
    team_id="ASSIDU0001",
    organization="Café Lumière",
    serial="crd-1",
    token=samples.TOKEN,
    service_url=samples.SERVICE,
    nfc=True,
)


def made(face: CardFace = CARD, **changed: Any) -> dict[str, Any]:
    return pass_json.document(face, dataclasses.replace(PARTICULARS, **changed))


def shown(one: FaceField) -> dict[str, Any]:
    face = dataclasses.replace(CARD, fields=(one,))
    (only,) = made(face)["storeCard"][f"{one.area}Fields"][:1]
    assert isinstance(only, dict)
    return only


def test_it_says_whose_it_is_and_where_to_ask() -> None:
    pass_ = made()
    assert pass_["formatVersion"] == 1
    assert pass_["passTypeIdentifier"] == "pass.example.cafe"
    assert pass_["teamIdentifier"] == "ASSIDU0001"
    assert pass_["serialNumber"] == "crd-1"
    assert pass_["webServiceURL"] == samples.SERVICE
    assert pass_["authenticationToken"] == samples.TOKEN


def test_without_a_service_there_is_no_token_in_it() -> None:
    assert not {"webServiceURL", "authenticationToken"} & made(service_url=None).keys()


def test_a_voucher_is_a_coupon() -> None:
    pass_ = made(samples.VOUCHER)
    assert "coupon" in pass_
    assert "storeCard" not in pass_


def test_colours_are_triples() -> None:
    pass_ = made()
    assert (pass_["backgroundColor"], pass_["labelColor"]) == ("rgb(15, 90, 60)", "rgb(200, 230, 215)")


def test_a_field_speaks_when_it_says_where_the_value_goes() -> None:
    assert shown(field("points", "header", change_message="Vous avez %@"))["changeMessage"] == "Vous avez %@"
    assert "changeMessage" not in shown(field("points", "header", change_message="Merci"))


@pytest.mark.parametrize(
    ("minor", "currency", "value"), [(1234, "EUR", 12.34), (1200, "EUR", 12), (-5, "EUR", -0.05), (500, "JPY", 500)]
)
def test_money_is_in_units_of_its_currency(minor: int, currency: str, value: float) -> None:
    found = shown(field("cash", "header", value=minor, kind="money", currency=currency))
    assert (found["value"], found["currencyCode"]) == (value, currency)


def test_an_instant_keeps_its_zone() -> None:
    at = datetime(2026, 11, 22, 19, 30, 1, 500, tzinfo=timezone(timedelta(hours=1)))
    found = shown(field("when", "back", value=at, kind="instant"))
    assert (found["value"], found["timeStyle"]) == ("2026-11-22T19:30:01+01:00", "PKDateStyleShort")


def test_what_has_no_room_in_front_goes_to_the_back() -> None:
    fields = tuple(
        field(f"{area}{n}", area) for area in ("header", "primary", "secondary", "auxiliary") for n in range(4)
    )
    areas = made(dataclasses.replace(CARD, fields=fields, links=()))["storeCard"]
    assert {area: [one["key"] for one in found] for area, found in areas.items()} == {
        "headerFields": ["header0", "header1", "header2"],
        "primaryFields": ["primary0"],
        "secondaryFields": ["secondary0", "secondary1", "secondary2", "secondary3"],
        "backFields": ["header3", "primary1", "primary2", "primary3", *(f"auxiliary{n}" for n in range(4))],
    }


def test_a_voided_card_shows_no_code() -> None:
    pass_ = made(dataclasses.replace(CARD, voided=True))
    assert pass_["voided"] is True
    assert "barcodes" not in pass_


def test_behind_another_barcode_stands_a_qr_code() -> None:
    formats = [one["format"] for one in made(samples.VOUCHER)["barcodes"]]
    assert formats == ["PKBarcodeFormatCode128", "PKBarcodeFormatQR"]
    assert [one["format"] for one in made()["barcodes"]] == ["PKBarcodeFormatQR"]


def test_ten_places_and_no_more() -> None:
    many = tuple(Place(latitude=n, longitude=n) for n in range(12))
    assert len(made(dataclasses.replace(CARD, locations=many))["locations"]) == 10


def test_links_cannot_leave_their_quotes() -> None:
    link = dataclasses.replace(CARD.links[0], url="https://x.example/'onclick='y", label="<b>&")
    (found,) = made(dataclasses.replace(CARD, fields=(), links=(link,)))["storeCard"]["backFields"]
    assert found["attributedValue"] == "<a href='https://x.example/&#x27;onclick=&#x27;y'>&lt;b&gt;&amp;</a>"


@pytest.mark.parametrize(("requires", "granted"), [(True, True), (True, False), (False, True)])
def test_a_card_that_has_to_be_unlocked_is_not_shared(*, requires: bool, granted: bool) -> None:
    assert CARD.nfc is not None
    nfc = dataclasses.replace(CARD.nfc, requires_authentication=requires)
    pass_ = made(dataclasses.replace(CARD, nfc=nfc, sharing_prohibited=False), nfc=granted)
    assert pass_["sharingProhibited"] is (requires and granted)
    assert pass_.get("nfc", {}).get("requiresAuthentication", False) is (requires and granted)


def test_nfc_is_left_out_where_apple_did_not_grant_it() -> None:
    assert made()["nfc"] == {
        "message": CARD.barcode_text,
        "encryptionPublicKey": samples.NFC_KEY,
        "requiresAuthentication": True,
    }
    assert "nfc" not in made(nfc=False)


def test_every_language_has_the_words_that_any_has() -> None:
    face = dataclasses.replace(CARD, strings={"en": {"a": "A"}, "de": {"b": "B"}, "it": {}})
    assert pass_json.strings(face) == {
        "fr": {"a": "a", "b": "b"},
        "en": {"a": "A", "b": "b"},
        "de": {"a": "a", "b": "B"},
    }
