"""Vouchers in Google's form, held against Google's own description, and told to the stand-in beside cards."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from app import clock, ids
from app.config import Settings
from tests.wallet.platforms.google.documents import faults, second_opinion
from tests.wallet.platforms.google.samples import CLASS_ID, ISSUER_ID, PROGRAM_ID, card, make_job, make_pass
from wallet.card_face import CardFace, FaceField
from wallet.platforms import Credential, Job
from wallet.platforms.google import accounts, save_links, vouchers
from wallet.platforms.google.accounts import Account
from wallet.platforms.google.courier import GoogleCourier
from wallet.stand_in.google import GoogleStandIn

VOUCHER = card(
    style="voucher", strip_style="plain", stamps=None, barcode_text="V10123456789ABC", barcode_caption="0123456789ABC",
    grouping="prg_1-vouchers", expires_at=datetime(2027, 3, 31, 22, tzinfo=UTC),
    fields=(
        FaceField(key="voucher", label="Café Assidu", value="Café offert", area="primary"),
        FaceField(key="expiry", label="Valable jusqu'au", value=date(2027, 3, 31), kind="date", area="secondary"),
        FaceField(key="gives", label="Vous recevez", value="Un café", area="back"),
    ),
)  # fmt: skip
BARE = card(style="voucher", fields=(), links=(), grouping=None, expires_at=None, strings={}, locales=("fr",))
VOID = dataclasses.replace(VOUCHER, barcode_text=None, voided=True)
VOUCHERS = f"{CLASS_ID}-vouchers"


def document(face: CardFace) -> dict[str, object]:
    return vouchers.voucher_object(
        face, object_id=f"{ISSUER_ID}.1", class_id=VOUCHERS, logo_url="https://cafe.example/logo.png"
    )


@pytest.mark.parametrize("face", [VOUCHER, BARE, VOID], ids=["voucher", "bare", "void"])
def test_google_understands_it(face: CardFace) -> None:
    assert faults("GenericObject", document(face)) == []


def test_google_understands_its_class_and_what_is_left_of_an_erased_one() -> None:
    erased = vouchers.erased_voucher(object_id=f"{ISSUER_ID}.1", class_id=VOUCHERS)
    assert faults("GenericObject", erased) == []
    for callback_url in (None, "https://cafe.example/wallet/google/callbacks"):
        assert faults("GenericClass", vouchers.voucher_class(class_id=VOUCHERS, callback_url=callback_url)) == []


def test_somebody_elses_model_of_google_agrees() -> None:
    assert second_opinion("GenericObject", document(VOUCHER)) == []
    assert second_opinion("GenericClass", vouchers.voucher_class(class_id=VOUCHERS)) == []
    assert second_opinion("GenericObject", document(VOUCHER) | {"genericType": "COUPON"}) != []


def test_it_says_what_it_is_worth_in_each_language_and_shows_its_code() -> None:
    made = document(VOUCHER)
    assert made["header"] == {
        "defaultValue": {"language": "fr", "value": "Café offert"},
        "translatedValues": [{"language": "en", "value": "Free coffee"}],
    }
    assert made["barcode"] == {"type": "QR_CODE", "value": "V10123456789ABC", "alternateText": "0123456789ABC"}
    assert (made["state"], made["genericType"]) == ("ACTIVE", "GENERIC_VOUCHER")
    assert "totp" not in str(made)


def test_one_that_no_till_honours_shows_no_code() -> None:
    made = document(VOID)
    assert (made["state"], "barcode" in made) == ("INACTIVE", False)


@pytest.fixture
def courier(settings: Settings) -> Iterator[GoogleCourier]:
    made = GoogleCourier(settings)
    yield made
    made.close()


@pytest.fixture
def credential(google: GoogleStandIn, settings: Settings) -> Credential:
    kept = accounts.check(google.upload, token_uris=accounts.Addresses.of(settings).token_uris)
    return Credential(
        id=ids.new_id(), program_id=PROGRAM_ID, facts={"issuer_id": ISSUER_ID}, secret=accounts.sealed_form(kept)
    )


def voucher_job(face: CardFace = VOUCHER) -> Job:
    return make_job(face, make_pass(voucher_id=ids.new_id()))


def id_of(job: Job) -> str:
    return f"{ISSUER_ID}.{job.row.serial}"


def test_vouchers_and_cards_are_told_of_together(
    courier: GoogleCourier, credential: Credential, google: GoogleStandIn
) -> None:
    jobs = [voucher_job(), make_job(), voucher_job(BARE)]
    told = courier.deliver(PROGRAM_ID, [credential], jobs)
    assert [one.outcome for one in told] == ["sent"] * 3
    assert set(google.vouchers) == {id_of(jobs[0]), id_of(jobs[2])}
    assert set(google.objects) == {id_of(jobs[1])}
    assert set(google.resources.kept["genericClass"]) == {VOUCHERS}


def test_a_voucher_that_was_used_loses_its_code_and_one_that_was_removed_everything(
    courier: GoogleCourier, credential: Credential, google: GoogleStandIn
) -> None:
    job = voucher_job()
    courier.deliver(PROGRAM_ID, [credential], [job])
    assert google.vouchers[id_of(job)]["barcode"]["value"] == "V10123456789ABC"
    job.row.google_inserted_at = clock.now()
    courier.deliver(PROGRAM_ID, [credential], [dataclasses.replace(job, face=VOID)])
    used = google.vouchers[id_of(job)]
    assert (used["state"], "barcode" in used) == ("INACTIVE", False)
    job.row.state = "removed"
    assert [one.outcome for one in courier.deliver(PROGRAM_ID, [credential], [job])] == ["sent"]
    assert "Café" not in str(google.vouchers[id_of(job)])
    assert google.refused == {404: 1}, "the class was not there at first"


def test_its_link_saves_it(
    courier: GoogleCourier, credential: Credential, google: GoogleStandIn, account: Account
) -> None:
    job = voucher_job()
    courier.deliver(PROGRAM_ID, [credential], [job])
    link = save_links.make(
        account.key, client_email=account.client_email, key_id=account.key_id, class_id=VOUCHERS,
        object_ids=[id_of(job)], origins=["https://cafe.example"], issued_at=clock.unix_seconds(),
        kind="genericObjects",
    )  # fmt: skip
    saved = google.save(link.rpartition("/")[2], "ana@example.com")
    assert (saved.status, google.vouchers[id_of(job)]["hasUsers"]) == (200, True)
