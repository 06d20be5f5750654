"""Rewards, vouchers, refunds and corrections over HTTP."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from app import clock, ids
from app.services import api_keys
from tests.world import World
from tests.world_till import Cafe, Guest, Till, make_cafe, make_guest


def test_a_reward_costs_its_price_and_gives_a_voucher(till: Till, guest: Guest, cafe: Cafe) -> None:
    till.scan(guest, "purchase", amount=5000)

    voucher = _redeem(till, guest, cafe)

    assert (voucher.status_code, voucher.json["status"]) == (201, "issued"), voucher.json
    assert till.balance(guest, cafe.points) == 20


def test_a_balance_that_is_too_small_is_told_with_figures(till: Till, guest: Guest, cafe: Cafe) -> None:
    till.scan(guest, "purchase", amount=1000)

    answer = _redeem(till, guest, cafe)

    assert (answer.status_code, answer.json["code"]) == (409, "insufficient-balance")
    assert (answer.json["needed"], answer.json["available"]) == (30, 10)


def test_a_voucher_is_honoured_once_and_the_second_till_is_told_when(till: Till, guest: Guest, cafe: Cafe) -> None:
    till.scan(guest, "purchase", amount=5000)
    code = _redeem(till, guest, cafe).json["code"]

    first = till.post(f"/vouchers/V1{code}/use", {"store_id": cafe.store})
    second = till.post(f"/vouchers/{code}/use", {"store_id": cafe.store})

    assert (first.status_code, first.json["status"]) == (200, "used")
    assert (second.status_code, second.json["code"], second.json["store"]) == (409, "voucher-used", "Bastille")


def test_a_withdrawn_voucher_gives_its_price_back(till: Till, guest: Guest, cafe: Cafe) -> None:
    till.scan(guest, "purchase", amount=5000)
    code = _redeem(till, guest, cafe).json["code"]

    answer = till.post(f"/vouchers/{code}/void", {"reason": "mistake"})

    assert answer.json["status"] == "void"
    assert till.balance(guest, cafe.points) == 50


def test_a_refund_takes_its_points_back(till: Till, guest: Guest, cafe: Cafe) -> None:
    sale = till.scan(guest, "purchase", amount=1250).json["id"]

    answer = till.post(f"/activities/{sale}/reverse", {"reason": "refund"})

    assert answer.status_code == 201, answer.json
    assert [one["amount"] for one in answer.json["reclaimed"]] == [12]
    assert till.balance(guest, cafe.points) == 0


def test_a_cashier_of_the_sales_store_gives_back_without_naming_it(
    client: FlaskClient, till: Till, guest: Guest, cafe: Cafe
) -> None:
    sale = till.scan(guest, "purchase", amount=1250).json["id"]
    here, elsewhere = (
        _headers_of_key(cafe, store_id=store) for store in (cafe.world.store_id, cafe.world.other_store_id)
    )
    path = f"/v1/activities/{sale}/reverse"

    refused = client.post(path, json={"reason": "refund"}, headers=elsewhere)
    done = client.post(path, json={"reason": "refund"}, headers=here)

    assert (refused.status_code, refused.json["code"]) == (403, "wrong-store")
    assert done.status_code == 201, done.json
    assert till.balance(guest, cafe.points) == 0


def test_a_till_of_one_store_that_names_none_is_told_to(client: FlaskClient, guest: Guest, cafe: Cafe) -> None:
    body = {"member_id": ids.show("member", guest.id), "activity": {"kind": "visit"}}

    answer = client.post("/v1/activities", json=body, headers=_headers_of_key(cafe, store_id=cafe.world.store_id))

    assert (answer.status_code, answer.json["code"]) == (403, "wrong-store")
    assert "store_id" in answer.json["detail"]


def test_an_activity_finds_its_member_by_the_members_own_external_id(till: Till, cafe: Cafe) -> None:
    guest = make_guest(cafe, external_id="shop-7")
    body = {"external_id": "shop-7", "activity": {"kind": "purchase", "amount": 900}}

    answers = [till.post("/activities", body), till.post("/activities", body)]
    nobody = till.post("/activities", body | {"external_id": "shop-8"})

    assert [one.json["member"]["id"] for one in answers] == [ids.show("member", guest.id)] * 2
    assert till.balance(guest, cafe.points) == 18
    assert (nobody.status_code, nobody.json["code"]) == (404, "unknown-member")


@pytest.mark.parametrize("kind", ["visit\n", "Visit", "visit ", "", "é", "1visit", "v" * 41])
def test_a_kind_of_activity_is_a_word(till: Till, guest: Guest, kind: str) -> None:
    answer = till.scan(guest, kind)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/activity/kind")


def test_refunds_in_parts_take_what_the_whole_would(till: Till, guest: Guest, cafe: Cafe) -> None:
    sale = till.scan(guest, "purchase", amount=1250).json["id"]

    answers = [till.post(f"/activities/{sale}/reverse", {"amount": part, "reason": "r"}) for part in (99, 99, 52, 1000)]

    assert [one.status_code for one in answers] == [201] * 4
    assert till.balance(guest, cafe.points) == 0


def test_a_second_refund_of_the_whole_is_refused(till: Till, guest: Guest) -> None:
    sale = till.scan(guest, "purchase", amount=1250).json["id"]
    till.post(f"/activities/{sale}/reverse", {"reason": "refund"})

    again = till.post(f"/activities/{sale}/reverse", {"reason": "refund"})

    assert (again.status_code, again.json["code"]) == (409, "already-reversed")


def test_a_refund_of_spent_points_becomes_a_debt_that_the_next_sale_pays(till: Till, guest: Guest, cafe: Cafe) -> None:
    sale = till.scan(guest, "purchase", amount=3000).json["id"]
    _redeem(till, guest, cafe)

    till.post(f"/activities/{sale}/reverse", {"reason": "refund"})
    owing = till.balance(guest, cafe.points)
    till.scan(guest, "purchase", amount=4000)

    assert (owing, till.balance(guest, cafe.points)) == (-30, 10)


def test_a_refunded_visit_reopens_the_full_card(till: Till, guest: Guest, cafe: Cafe) -> None:
    visits = [till.scan(guest).json["id"] for _ in range(10)]

    answer = till.post(f"/activities/{visits[-1]}/reverse", {"reason": "mistake"})

    assert [one["status"] for one in answer.json["vouchers"]] == ["void"]
    assert till.balance(guest, cafe.stamps) == 9


def test_a_balance_pays_and_is_corrected(till: Till, client: FlaskClient, guest: Guest, cafe: Cafe) -> None:
    account = till.scan(guest, "purchase", amount=5000).json["accounts"][0]["id"]
    owner = Till(client, cafe, "owner")

    paid = till.post(f"/accounts/{account}/burn", {"amount": 20, "store_id": cafe.store})
    more = owner.post(f"/accounts/{account}/adjust", {"amount": 5, "reason": "goodwill"})

    assert (paid.status_code, more.status_code) == (201, 201), more.json
    assert till.balance(guest, cafe.points) == 35


def test_a_hold_keeps_its_part_until_it_is_captured(till: Till, guest: Guest, cafe: Cafe) -> None:
    account = till.scan(guest, "purchase", amount=5000).json["accounts"][0]["id"]
    hold = till.post(f"/accounts/{account}/holds", {"amount": 40, "store_id": cafe.store}).json["id"]

    refused = till.post(f"/accounts/{account}/burn", {"amount": 20, "store_id": cafe.store})
    captured = till.post(f"/holds/{hold}/capture", {"amount": 35})

    assert refused.json["code"] == "insufficient-balance"
    assert (captured.status_code, till.balance(guest, cafe.points)) == (201, 15)


def test_an_order_with_the_same_external_id_counts_once(till: Till, cafe: Cafe) -> None:
    guest = make_guest(cafe, email="ada@example.com")
    body = {"email": "ada@example.com", "external_id": "order-1", "activity": {"kind": "purchase", "amount": 900}}

    first = till.post("/activities", body)
    again = till.post("/activities", body)

    assert again.json == first.json, first.json
    assert till.balance(guest, cafe.points) == 9


def test_an_activity_is_read_back_with_what_it_gave_and_why(till: Till, client: FlaskClient, guest: Guest) -> None:
    sale = till.scan(guest, "purchase", amount=1250).json
    visits = [till.scan(guest).json for _ in range(10)]

    bought, visited = (
        client.get(f"/v1/activities/{one['id']}", headers=till.headers).json for one in (sale, visits[-1])
    )

    assert [(one["amount"], one["why"], one["rule_id"]) for one in bought["effects"]] == [
        (12, "Un point par euro", sale["effects"][0]["rule_id"])
    ]
    assert [one["kind"] for one in visited["effects"]] == ["stamps", "voucher"]
    assert visited["effects"][1]["voucher"] == visits[-1]["effects"][1]["voucher"]
    assert (bought["activity"], bought["member"]) == (sale["activity"], sale["member"])


def test_an_activity_is_read_back_with_what_still_waits(client: FlaskClient, world: World) -> None:
    cafe = make_cafe(world, hold_days=14)
    guest, till = make_guest(cafe), Till(client, cafe)
    sale = till.scan(guest, "purchase", amount=1250).json["id"]
    till.post(f"/activities/{sale}/reverse", {"amount": 500, "reason": "refund"})

    (waiting,) = client.get(f"/v1/activities/{sale}", headers=till.headers).json["effects"]
    (credited,) = till.post(f"/activities/{sale}/confirm", {}).json["effects"]

    assert (waiting["amount"], waiting["pending"], waiting["why"]) == (7, True, "Un point par euro")
    assert (credited["amount"], "pending" in credited) == (7, False)


def test_points_that_wait_are_credited_when_the_shop_confirms(client: FlaskClient, world: World) -> None:
    cafe = make_cafe(world, hold_days=14)
    guest, till = make_guest(cafe), Till(client, cafe)
    sale = till.scan(guest, "purchase", amount=1250).json

    waiting = (sale["accounts"][0]["balance"], sale["accounts"][0]["pending"])
    till.post(f"/activities/{sale['id']}/confirm", {})

    assert waiting == (0, 12)
    assert till.balance(guest, cafe.points) == 12


def test_a_balance_can_be_asked_as_of_any_instant(till: Till, client: FlaskClient, guest: Guest) -> None:
    account = till.scan(guest, "purchase", amount=1000).json["accounts"][0]["id"]
    between = clock.now().isoformat().replace("+00:00", "Z")
    till.scan(guest, "purchase", amount=500)

    now = client.get(f"/v1/accounts/{account}", headers=till.headers).json["balance"]
    then = client.get(f"/v1/accounts/{account}?at={between}", headers=till.headers).json["balance"]

    assert (then, now) == (10, 15)


def test_what_ran_out_is_gone_wherever_a_balance_is_read(client: FlaskClient, world: World) -> None:
    cafe = make_cafe(world, expiry={"policy": "after_days", "days": 1})
    guest, till = make_guest(cafe), Till(client, cafe)
    with clock.held(clock.now()):
        sale = till.scan(guest, "purchase", amount=1000).json
        clock.advance(timedelta(days=3))
        account = client.get(f"/v1/accounts/{sale['accounts'][0]['id']}", headers=till.headers).json
        activity = client.get(f"/v1/activities/{sale['id']}", headers=till.headers).json
        looked_up = till.balance(guest, cafe.points)

    assert (account["balance"], activity["accounts"][0]["balance"], looked_up) == (0, 0, 0)


def _redeem(till: Till, guest: Guest, cafe: Cafe) -> Any:
    body = {"code": guest.code, "reward_id": ids.show("reward", cafe.cake), "store_id": cafe.store}
    return till.post("/redemptions", body)


@pytest.fixture
def cafe(world: World) -> Cafe:
    return make_cafe(world)


@pytest.fixture
def guest(cafe: Cafe) -> Guest:
    return make_guest(cafe)


@pytest.fixture
def till(client: FlaskClient, cafe: Cafe) -> Till:
    return Till(client, cafe)


def _headers_of_key(cafe: Cafe, *, store_id: UUID) -> dict[str, str]:
    """Make a till's key that works in one store; return a request's headers with it."""
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        _, key = api_keys.create(session, name="Till", scopes=["till"], store_id=store_id)
    return {"Authorization": f"Bearer {key}", "Idempotency-Key": ids.new_id().hex}
