"""Google as one of our wallets: what is handed out, and what would stop a card."""

import base64
import dataclasses
import json
from typing import Any

import pytest

from app import clock, ids
from app.config import Settings
from app.errors import InvalidError
from tests.wallet.platforms.google.samples import CARD, CLASS_ID, ISSUER_ID, PROGRAM_ID, TOTP_KEY, card, make_pass
from wallet.card_face import CardFace, FaceField
from wallet.handing import platform_of
from wallet.platforms import Asked, Credential
from wallet.platforms.google.platform import UNREACHABLE, GooglePlatform
from wallet.stand_in.google import GoogleStandIn

PLATFORM = GooglePlatform()


@pytest.fixture
def credential(google: GoogleStandIn, settings: Settings) -> Credential:
    checked = PLATFORM.check(settings, google.upload, clock.now())
    return Credential(id=ids.new_id(), program_id=PROGRAM_ID, facts=checked.facts, secret=checked.secret)


def asked(face: CardFace = CARD, **row: Any) -> Asked:
    return Asked(row=make_pass(**row), face=face, token="secret-token", service_url="https://loyalty.example/passkit")


def test_it_is_found_by_its_name() -> None:
    assert isinstance(platform_of("google"), GooglePlatform)


def test_a_card_that_google_does_not_know_is_not_ready(credential: Credential, settings: Settings) -> None:
    handout = PLATFORM.hand_out(settings, [credential], asked())

    assert (handout.ready, handout.link, handout.content) == (False, None, None)


def test_the_link_names_the_card_and_holds_no_secret(
    credential: Credential, settings: Settings, google: GoogleStandIn
) -> None:
    wanted = asked(google_inserted_at=clock.now())

    link = PLATFORM.hand_out(settings, [credential], wanted).link

    assert link is not None
    assert link.startswith(f"{google.url}/gp/v/save/")
    claims = json.loads(base64.urlsafe_b64decode(link.split(".")[1] + "=="))
    named = {"id": f"{ISSUER_ID}.{wanted.row.serial}", "classId": CLASS_ID}
    assert claims["payload"] == {"loyaltyObjects": [named]}
    assert claims["origins"] == ["https://loyalty.example"]
    for secret in (wanted.token, TOTP_KEY.hex(), "PRIVATE KEY", str(CARD.member_name), str(CARD.barcode_text)):
        assert secret not in json.dumps(claims)


def test_a_vouchers_link_names_the_voucher_as_what_it_is(credential: Credential, settings: Settings) -> None:
    wanted = asked(voucher_id=ids.new_id(), google_inserted_at=clock.now())
    link = PLATFORM.hand_out(settings, [credential], wanted).link
    assert link is not None
    payload = json.loads(base64.urlsafe_b64decode(link.rpartition("/")[2].split(".")[1] + "=="))["payload"]
    named = {"id": f"{ISSUER_ID}.{wanted.row.serial}", "classId": f"{CLASS_ID}-vouchers"}
    assert payload == {"genericObjects": [named]}


def test_an_account_of_google_itself_is_checked_against_googles_address(
    google: GoogleStandIn, settings: Settings
) -> None:
    real = dataclasses.replace(settings, google_wallet_endpoint="https://walletobjects.googleapis.com")

    with pytest.raises(InvalidError) as refused:
        PLATFORM.check(real, google.upload, clock.now())

    assert [one["pointer"] for one in refused.value.errors] == ["#/service_account/token_uri"]


def test_everything_wrong_is_said_at_once(settings: Settings) -> None:
    with pytest.raises(InvalidError) as refused:
        PLATFORM.check(settings, {"issuer_id": 5, "service_account": "x"}, clock.now())

    assert len(refused.value.errors) == 6


def test_files_for_another_wallet_are_not_dropped_in_silence(google: GoogleStandIn, settings: Settings) -> None:
    with pytest.raises(InvalidError) as caught:
        PLATFORM.check(settings, {**google.upload, "certificate": "x", "private_key": "x"}, clock.now())

    assert {error["pointer"] for error in caught.value.errors} == {"#/certificate", "#/private_key"}


def test_no_complaints_about_a_card_that_is_well(credential: Credential, settings: Settings) -> None:
    assert PLATFORM.complaints(settings, [credential], asked(card(locations=())), clock.now()) == []


@pytest.mark.parametrize("base_url", ["", "http://loyalty.example"])
def test_google_cannot_reach_what_is_not_public(credential: Credential, settings: Settings, base_url: str) -> None:
    real = dataclasses.replace(
        settings, google_wallet_endpoint="https://walletobjects.googleapis.com", base_url=base_url
    )

    assert PLATFORM.complaints(real, [credential], None, clock.now()) == [UNREACHABLE]


def test_what_google_will_cut_is_said_before(credential: Credential, settings: Settings) -> None:
    texts = tuple(FaceField(key=f"back_{place}", label="x", value="y", area="back") for place in range(11))
    face = card(program_name="A café with quite a long name", fields=texts, locations=CARD.locations)

    said = PLATFORM.complaints(settings, [credential], asked(face), clock.now())

    assert [one.split(":")[0] for one in said] == [
        "The programme's name is longer than 20 letters",
        "The design has more than 10 texts for the back",
        "The design has more than 10 places",
    ]


def test_an_account_that_cannot_be_read_any_more_is_named(credential: Credential, settings: Settings) -> None:
    broken = dataclasses.replace(credential, secret=b"{}")

    (said,) = PLATFORM.complaints(settings, [broken], None, clock.now())

    assert "upload it again" in said
