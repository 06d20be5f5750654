"""Bodies of requests: one of which nothing is needed may be left out, and any other may not."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app import ids
from tests.world import World
from tests.world_campaigns import make_campaign, make_members


def test_a_request_may_leave_out_a_body_of_which_nothing_is_needed(client: FlaskClient, world: World) -> None:
    make_members(world, 1)
    campaign = make_campaign(client, world, where={"kind": "joined", "days": 1})
    headers = world.as_("marketer")
    key = {"Idempotency-Key": ids.new_id().hex}
    place = f"/v1/campaigns/{campaign['id']}"

    assert client.post(f"{place}/preview", headers=headers).status_code == 200
    assert client.post("/v1/segments/preview", headers=headers).json["count"] == 1
    assert client.post(f"{place}/schedule", headers=headers | key).json["status"] == "scheduled"


def test_a_body_that_is_needed_cannot_be_left_out(client: FlaskClient, world: World) -> None:
    answer = client.post("/v1/members", headers=world.as_("marketer"), content_type="application/json")

    assert (answer.status_code, answer.json["code"]) == (422, "invalid")


def test_openapi_says_which_bodies_are_needed(client: FlaskClient) -> None:
    paths = client.get("/openapi.json").json["paths"]

    assert paths["/v1/campaigns/{campaign_id}/schedule"]["post"]["requestBody"]["required"] is False
    assert paths["/v1/members"]["post"]["requestBody"]["required"] is True


@pytest.mark.parametrize(
    ("path", "pointer", "body"),
    [
        ("/v1/scans/batch", "#/scans", {"scans": [{}] * 1001}),
        ("/v1/scans/look-up", "#/code/1/x", {"code": [0, {"x": [0] * 1001}]}),
    ],
)
def test_a_list_of_more_than_a_thousand_is_too_large(
    client: FlaskClient, world: World, path: str, pointer: str, body: dict[str, Any]
) -> None:
    answer = client.post(path, json=body, headers=world.as_("till"))

    assert (answer.status_code, answer.json["code"]) == (413, "too-large")
    assert [one["pointer"] for one in answer.json["errors"]] == [pointer]


def test_a_list_that_is_only_too_long_for_its_field_is_pointed_at(client: FlaskClient, world: World) -> None:
    answer = client.post("/v1/scans/batch", json={"scans": [{}] * 1000}, headers=world.as_("till"))

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/scans")
