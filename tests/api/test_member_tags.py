"""A programme's own words and facts about its members, and members listed by segment."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app import ids
from tests.world import World
from tests.world_members import enrol
from tests.world_segments import make_segment


def post(client: FlaskClient, world: World, **body: Any) -> Any:
    return client.post("/v1/members", json=body, headers=world.as_("marketer"))


def test_tags_and_fields_are_kept_and_changed(client: FlaskClient, world: World) -> None:
    made = post(client, world, tags=["vip", " regular ", "vip"], fields={"favourite": "espresso", "n": 2.5, "ok": True})
    assert made.status_code == 201, made.json
    assert made.json["tags"] == ["vip", "regular"]
    assert made.json["fields"] == {"favourite": "espresso", "n": 2.5, "ok": True}
    place = f"/v1/members/{made.json['id']}"

    changed = client.patch(
        place, json={"tags": [], "fields": {"n": None, "seats": 4}}, headers=world.as_("marketer")
    ).json

    assert changed["tags"] == []
    assert changed["fields"] == {"favourite": "espresso", "ok": True, "seats": 4}
    assert client.get(place, headers=world.as_("marketer")).json["fields"] == changed["fields"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"tags": "vip"}, "#/tags"),
        ({"tags": ["x" * 51]}, "#/tags/0"),
        ({"tags": [" "]}, "#/tags/0"),
        ({"tags": [7]}, "#/tags/0"),
        ({"tags": ["x"] * 51}, "#/tags"),
        ({"fields": ["a"]}, "#/fields"),
        ({"fields": {"Capital": 1}}, "#/fields/Capital"),
        ({"fields": {"a/b": 1}}, "#/fields/a~1b"),
        ({"fields": {"a": {"b": 1}}}, "#/fields/a"),
        ({"fields": {"a": [1]}}, "#/fields/a"),
        ({"fields": {"a": 2**53}}, "#/fields/a"),
        ({"fields": {"a": 1e300}}, "#/fields/a"),
        ({"fields": {"a": "x" * 201}}, "#/fields/a"),
        ({"fields": {"a": "x\u0000"}}, "#/fields/a"),
        ({"fields": {"a": "x\n"}}, "#/fields/a"),
        ({"fields": {f"f{n}": n for n in range(51)}}, "#/fields"),
    ],
)
def test_what_is_no_tag_or_field_is_refused_with_its_place(
    client: FlaskClient, world: World, body: dict[str, Any], pointer: str
) -> None:
    place = f"/v1/members/{ids.show('member', enrol(world).id)}"

    for answer in (post(client, world, **body), client.patch(place, json=body, headers=world.as_("marketer"))):
        assert answer.status_code == 422, answer.json
        assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_members_are_listed_by_segment_page_by_page(client: FlaskClient, world: World) -> None:
    vips = [post(client, world, tags=["vip"]).json["id"] for _ in range(3)]
    enrol(world)
    segment = ids.show("segment", make_segment(world, kind="rule", where={"kind": "tag", "tags": ["vip"]}))
    query = {"segment_id": segment, "limit": "2"}

    first = client.get("/v1/members", query_string=query, headers=world.as_("marketer")).json
    rest = client.get("/v1/members", query_string=query | {"after": first["next"]}, headers=world.as_("marketer")).json

    assert [one["id"] for one in first["data"] + rest["data"]] == vips[::-1]
    assert "next" not in rest
    assert client.get("/v1/members", query_string=query, headers=world.as_("till")).status_code == 403
    both = query | {"query": "Ana"}
    assert client.get("/v1/members", query_string=both, headers=world.as_("owner")).status_code == 422
