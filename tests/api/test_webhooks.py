"""Webhooks over HTTP: made once, shown without secrets, changed, disabled, tested."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app import ids
from app.models import Event, Webhook
from tests.world import World, make_world

HOOK = {"url": "https://shop.example/hooks", "kinds": ["voucher.used"]}


def make(client: FlaskClient, world: World, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/webhooks", json=HOOK | fields, headers=world.as_("marketer"))
    assert answer.status_code == 201, answer.json
    document: dict[str, Any] = answer.json
    return document


def test_a_new_webhook_shows_its_secret_this_once(client: FlaskClient, world: World) -> None:
    made = make(client, world)
    shown = client.get(f"/v1/webhooks/{made['id']}", headers=world.as_("owner"))
    listed = client.get("/v1/webhooks", headers=world.as_("owner"))

    assert made["secret"].startswith("whsec_")
    assert made["secret"] not in shown.get_data(as_text=True) + listed.get_data(as_text=True)
    assert [one["id"] for one in listed.json["data"]] == [made["id"]]


def test_the_secret_is_sealed_at_rest(client: FlaskClient, world: World) -> None:
    made = make(client, world)

    with world.database.transaction(world.program_id) as session:
        row = session.scalars(select(Webhook)).one()
    assert made["secret"].removeprefix("whsec_").encode() not in row.secrets_sealed


@pytest.mark.parametrize(
    "url", ["http://shop.example/", "https://127.0.0.1/", "https://user:x@shop.example/", "https://shop.local/", "x"]
)
def test_an_address_that_we_do_not_connect_to_is_refused_when_it_is_written(
    client: FlaskClient, world: World, url: str
) -> None:
    made = client.post("/v1/webhooks", json=HOOK | {"url": url}, headers=world.as_("marketer"))
    changed = client.patch(
        f"/v1/webhooks/{make(client, world)['id']}", json={"url": url}, headers=world.as_("marketer")
    )

    for answer in (made, changed):
        assert (answer.status_code, answer.json["code"]) == (422, "url-refused")
        assert answer.json["errors"][0]["pointer"] == "#/url"


def test_a_kind_that_is_not_published_is_named(client: FlaskClient, world: World) -> None:
    answer = client.post("/v1/webhooks", json=HOOK | {"kinds": ["voucher.usd"]}, headers=world.as_("marketer"))

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "#/kinds/0"


def test_a_webhook_is_changed_by_who_saw_its_last_version(client: FlaskClient, world: World) -> None:
    path, headers = f"/v1/webhooks/{make(client, world)['id']}", world.as_("marketer")
    tag = client.get(path, headers=headers).headers["ETag"]

    first = client.patch(path, json={"kinds": ["*"]}, headers=headers | {"If-Match": tag})
    late = client.patch(path, json={"kinds": ["member.joined"]}, headers=headers | {"If-Match": tag})

    assert first.json["kinds"] == ["*"]
    assert late.status_code == 412


def test_an_archived_webhook_is_gone(client: FlaskClient, world: World) -> None:
    path = f"/v1/webhooks/{make(client, world)['id']}"

    assert client.delete(path, headers=world.as_("owner")).status_code == 204
    assert client.get(path, headers=world.as_("owner")).status_code == 404
    assert client.post(f"{path}/enable", headers=world.as_("owner")).status_code == 404
    assert client.get("/v1/webhooks", headers=world.as_("owner")).json["data"] == []


def test_a_webhook_of_another_programme_is_not_found(client: FlaskClient, world: World) -> None:
    foreign = make(client, make_world(world.database))

    answer = client.post(f"/v1/webhooks/{foreign['id']}/rotate-secret", headers=world.as_("owner"))

    assert answer.status_code == 404


def test_a_disabled_webhook_is_not_tested_before_it_is_enabled(client: FlaskClient, world: World) -> None:
    made = make(client, world)
    path, headers = f"/v1/webhooks/{made['id']}", world.as_("owner")
    with world.database.transaction(world.program_id) as session:
        session.execute(update(Webhook).values(status="disabled", disabled_reason="It answered 410."))

    refused = client.post(f"{path}/test", headers=headers)
    enabled = client.post(f"{path}/enable", headers=headers)
    tested = client.post(f"{path}/test", headers=headers)

    assert (refused.status_code, refused.json["code"]) == (409, "webhook-disabled")
    assert enabled.json["status"] == "live"
    assert "disabled_reason" not in enabled.json
    assert tested.status_code == 202
    with world.database.transaction(world.program_id) as session:
        event = session.scalars(select(Event).where(Event.kind == "webhook.ping")).one()
    assert tested.json["event_id"] == ids.show("event", event.id)


def test_a_programme_has_fifty_webhooks_at_most(client: FlaskClient, world: World) -> None:
    for _ in range(50):
        make(client, world)

    answer = client.post("/v1/webhooks", json=HOOK, headers=world.as_("owner"))

    assert (answer.status_code, answer.json["code"]) == (409, "too-many-webhooks")


def test_a_cashier_hears_nothing_of_webhooks(client: FlaskClient, world: World) -> None:
    assert client.get("/v1/webhooks", headers=world.as_("cashier")).status_code == 403
    assert client.get("/v1/webhooks", headers=world.as_("till")).status_code == 403
