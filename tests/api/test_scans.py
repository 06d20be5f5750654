"""Scans over HTTP: what a till sends, and what it is told."""

import pytest
from flask.testing import FlaskClient

from api.till_schemas import Scan
from app import ids
from app.models import ApiKey
from tests.world import World, make_world
from tests.world_till import Cafe, Guest, Till, make_cafe, make_guest


def test_a_purchase_earns_a_point_for_each_whole_euro(till: Till, guest: Guest, cafe: Cafe) -> None:
    answer = till.scan(guest, "purchase", amount={"amount": 1250, "currency": "EUR"})

    assert answer.status_code == 201, answer.json
    assert [(one["kind"], one["amount"]) for one in answer.json["effects"]] == [("points", 12)]
    assert till.balance(guest, cafe.points) == 12


def test_ten_visits_fill_the_card_and_give_a_coffee(till: Till, guest: Guest, cafe: Cafe) -> None:
    answers = [till.scan(guest).json for _ in range(10)]

    voucher = answers[-1]["vouchers"][0]
    assert [len(one["vouchers"]) for one in answers] == [0] * 9 + [1]
    assert (voucher["name"], voucher["status"]) == ("Café offert", "issued")
    assert till.balance(guest, cafe.stamps) == 0


def test_the_answer_is_what_the_documentation_says(till: Till, guest: Guest) -> None:
    for _ in range(9):
        till.scan(guest)

    answer = till.scan(guest).json

    assert Scan().validate(answer) == {}
    assert Scan().dump(Scan().load(answer)) == answer


def test_the_same_key_is_one_scan(till: Till, guest: Guest, cafe: Cafe) -> None:
    first = till.scan(guest, key="k1")
    again = till.scan(guest, key="k1")

    assert again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true"
    assert till.balance(guest, cafe.stamps) == 1


def test_the_same_key_for_another_scan_is_refused(till: Till, guest: Guest, cafe: Cafe) -> None:
    till.scan(guest, key="k1")

    other = till.scan(make_guest(cafe), key="k1")

    assert (other.status_code, other.json["code"]) == (422, "idempotency-key-reused")


def test_without_a_key_a_scan_is_refused(client: FlaskClient, cafe: Cafe, guest: Guest) -> None:
    body = {"code": guest.code, "store_id": cafe.store, "activity": {"kind": "visit"}}

    answer = client.post("/v1/scans", json=body, headers=cafe.world.as_("till"))

    assert (answer.status_code, answer.json["code"]) == (400, "idempotency-key-required")


def test_another_shops_card_is_told_apart_from_no_card_at_all(till: Till, world: World) -> None:
    foreign = make_guest(make_cafe(make_world(world.database)))

    answer = till.scan(foreign)

    assert (answer.status_code, answer.json["code"]) == (404, "unknown-card")


@pytest.mark.parametrize(
    "code", ["", "hello", "https://example.com/", "A1", "A1" + "0" * 17, "V1XXXX", "'; DROP TABLE card"]
)
def test_what_is_no_card_is_refused_kindly(till: Till, guest: Guest, code: str) -> None:
    answer = till.scan(guest, code=code)

    assert answer.status_code in {404, 422}
    assert answer.content_type == "application/problem+json"


def test_a_purchase_in_another_currency_is_refused(till: Till, guest: Guest) -> None:
    answer = till.scan(guest, "purchase", amount={"amount": 1250, "currency": "USD"})

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/activity/amount"


def test_a_closed_or_foreign_store_is_refused(till: Till, guest: Guest) -> None:
    body = {"code": guest.code, "store_id": ids.show("store", ids.new_id()), "activity": {"kind": "visit"}}

    answer = till.post("/scans", body)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/store_id")


def test_a_batch_answers_each_scan_in_order(till: Till, guest: Guest, cafe: Cafe) -> None:
    good = {"key": "b1", "code": guest.code, "store_id": cafe.store, "activity": {"kind": "visit"}}
    bad = {**good, "key": "b2", "code": "nonsense"}

    first = till.post("/scans/batch", {"scans": [good, bad, {**good, "key": "b3"}]}).json["data"]
    again = till.post("/scans/batch", {"scans": [good, bad, {**good, "key": "b3"}]}).json["data"]

    assert [one["status"] for one in first] == [201, 422, 201]
    assert [one["replayed"] for one in again] == [True, False, True]
    assert till.balance(guest, cafe.stamps) == 2


def test_a_look_up_shows_what_can_be_redeemed_now(till: Till, client: FlaskClient, guest: Guest, cafe: Cafe) -> None:
    till.scan(guest, "purchase", amount=3000)

    body = {"code": guest.code, "store_id": cafe.store}
    answer = client.post("/v1/scans/look-up", json=body, headers=till.headers).json

    assert answer["member"]["first_name"] == "Ada"
    assert [one["name"] for one in answer["redeemable"]] == ["Gâteau"]


def test_a_till_bound_to_one_store_is_told_so_in_another(client: FlaskClient, cafe: Cafe, guest: Guest) -> None:
    key = f"ask_live_{ids.secret_text()}"
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        bound = ApiKey(
            name="Nation", key_hash=ids.digest(key), hint="xxxx", scopes=["till"], store_id=cafe.world.other_store_id
        )
        session.add(bound)
    body = {"code": guest.code, "store_id": cafe.store, "activity": {"kind": "visit"}}
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k"}

    answer = client.post("/v1/scans", json=body, headers=headers)

    assert (answer.status_code, answer.json["code"]) == (403, "wrong-store")


@pytest.fixture
def cafe(world: World) -> Cafe:
    return make_cafe(world)


@pytest.fixture
def guest(cafe: Cafe) -> Guest:
    return make_guest(cafe)


@pytest.fixture
def till(client: FlaskClient, cafe: Cafe) -> Till:
    return Till(client, cafe)
