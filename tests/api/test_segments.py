"""Segments over HTTP: saved, tried, refused with pointers, imported and exported."""

from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from app import ids
from app.db import Database
from app.services import cards
from tests.world import World, make_world
from tests.world_members import enrol, make_customer, make_purse
from tests.world_segments import make_campaign, make_consent, make_device, make_segment
from tests.world_wallet import make_wallet

TAGGED = {"all": [{"kind": "tag", "tags": ["vip"]}]}


def path(segment_id: UUID, rest: str = "") -> str:
    return f"/v1/segments/{ids.show('segment', segment_id)}{rest}"


def preview(client: FlaskClient, world: World, **body: Any) -> Any:
    return client.post("/v1/segments/preview", json=body, headers=world.as_("marketer"))


def upload(client: FlaskClient, world: World, segment_id: UUID, text: str | bytes, query: str = "") -> Any:
    headers = world.as_("marketer") | {"Content-Type": "text/csv"}
    return client.post(path(segment_id, f"/members/import{query}"), data=text, headers=headers)


def listed(client: FlaskClient, world: World, segment_id: UUID) -> set[str]:
    answer = client.get(path(segment_id, "/members"), headers=world.as_("marketer"))
    return {one["id"] for one in answer.json["data"]}


def test_a_segment_is_saved_read_changed_and_archived(client: FlaskClient, world: World) -> None:
    headers = world.as_("marketer")
    made = client.post("/v1/segments", json={"name": "VIP", "where": TAGGED}, headers=headers)
    assert made.status_code == 201, made.json
    place, tag = f"/v1/segments/{made.json['id']}", {"If-Match": made.headers["ETag"]}
    assert client.get(place, headers=headers).json == made.json
    assert [one["id"] for one in client.get("/v1/segments", headers=headers).json["data"]] == [made.json["id"]]

    changed = client.patch(place, json={"where": {"none": [TAGGED]}}, headers=headers | tag)
    assert changed.json["version"] == 2
    assert client.patch(place, json={"name": "x"}, headers=headers | tag).status_code == 412

    assert client.delete(place, headers=headers).status_code == 204
    assert client.get("/v1/segments", headers=headers).json["data"] == []
    assert client.patch(place, json={"name": "x"}, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("where", "pointer"),
    [
        ({"kind": "sorcery"}, "#/where/kind"),
        ({"all": [{"kind": "tag", "tags": ["a"]}, {"any": [{"kind": 7}]}]}, "#/where/all/1/any/0/kind"),
        ({"all": []}, "#/where/all"),
        ({"all": [TAGGED], "any": [TAGGED]}, "#/where"),
        ({"most": [TAGGED]}, "#/where"),
        ({}, "#/where"),
        ([], "#/where"),
        ("vip", "#/where"),
        ({"none": "vip"}, "#/where/none"),
        ({"all": ["vip"]}, "#/where/all/0"),
        ({"all": [{"kind": "visits", "count": "3"}]}, "#/where/all/0/count"),
        ({"all": [{"kind": "visits", "count": True}]}, "#/where/all/0/count"),
        ({"all": [{"kind": "visits", "count": 3, "within_days": 99999}]}, "#/where/all/0/within_days"),
        ({"all": [{"kind": "visits", "count": 3, "sql": "1=1"}]}, "#/where/all/0/sql"),
        ({"any": [{"kind": "birthday", "from_days": 3, "to_days": 1}]}, "#/where/any/0/to_days"),
        ({"any": [{"kind": "field", "name": "a", "op": "at_least", "text": "9"}]}, "#/where/any/0/op"),
        ({"any": [{"kind": "language", "languages": ["fr'--"]}]}, "#/where/any/0/languages"),
        ({"any": [{"kind": "balance", "purse_id": "sto_1", "amount": 1}]}, "#/where/any/0/purse_id"),
    ],
)
def test_a_bad_question_is_refused_with_its_place(client: FlaskClient, world: World, where: Any, pointer: str) -> None:
    for answer in (
        client.post("/v1/segments", json={"name": "x", "where": where}, headers=world.as_("marketer")),
        preview(client, world, where=where),
    ):
        assert answer.status_code == 422, answer.json
        assert pointer in {error["pointer"] for error in answer.json["errors"]}


def test_a_tree_is_bounded_in_depth_and_size(client: FlaskClient, world: World) -> None:
    deep: dict[str, Any] = TAGGED
    for _ in range(4):
        deep = {"none": [deep]}
    assert preview(client, world, where=deep).status_code == 200
    refused = preview(client, world, where={"any": [deep]})
    assert refused.json["errors"][0]["pointer"] == "#/where/any/0/none/0/none/0/none/0/none/0/all"
    endless = '{"where":' + '{"all":[' * 20_000 + "]}" * 20_000 + "}"
    headers = world.as_("marketer") | {"Content-Type": "application/json"}
    assert client.post("/v1/segments/preview", data=endless, headers=headers).status_code == 400

    half = {"any": [{"kind": "tag", "tags": ["vip"]}] * 26}
    assert preview(client, world, where={"all": [half]}).status_code == 200
    assert preview(client, world, where={"all": [half, half]}).json["errors"][0]["pointer"] == "#/where"


@pytest.mark.parametrize("kind", ["purse", "store", "campaign", "segment"])
def test_another_programmes_things_are_not_there(
    client: FlaskClient, world: World, database: Database, kind: str
) -> None:
    other = make_world(database)
    stranger = {
        "purse": make_purse(other), "store": other.store_id, "campaign": make_campaign(other),
        "segment": make_segment(other),
    }[kind]  # fmt: skip
    named = ids.show(kind, stranger)
    condition, place = {
        "purse": ({"kind": "balance", "purse_id": named, "amount": 1}, "purse_id"),
        "store": ({"kind": "store", "store_ids": [named]}, "store_ids/0"),
        "campaign": ({"kind": "campaign", "campaign_id": named, "did": "opened"}, "campaign_id"),
        "segment": ({"kind": "list", "segment_id": named}, "segment_id"),
    }[kind]

    answer = preview(client, world, where={"all": [condition]})

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [f"#/where/all/0/{place}"]
    if kind == "segment":
        assert client.get(path(stranger), headers=world.as_("marketer")).status_code == 404
        assert client.get(path(stranger, "/members"), headers=world.as_("marketer")).status_code == 404
        assert upload(client, world, stranger, "email\n").status_code == 404
        assert preview(client, world, segment_id=named).status_code == 404


def test_only_a_static_list_is_named_by_a_condition(client: FlaskClient, world: World) -> None:
    rule = make_segment(world, kind="rule", where=TAGGED)

    answer = preview(client, world, where={"kind": "list", "segment_id": ids.show("segment", rule)})

    assert answer.json["errors"][0]["pointer"] == "#/where/segment_id"


def test_a_segment_in_use_is_not_archived(client: FlaskClient, world: World) -> None:
    members, asked = make_segment(world), make_segment(world, kind="rule", where=TAGGED)
    on_list = {"kind": "list", "segment_id": ids.show("segment", members)}
    by_segment = make_segment(world, kind="rule", where={"all": [on_list]})
    audience = {"segment_id": ids.show("segment", asked)}
    campaign = make_campaign(world, status="scheduled", segment_id=asked, definition={"audience": audience})
    make_campaign(world, status="finished", segment_id=by_segment)

    for segment_id, user in (
        (members, ids.show("segment", by_segment)),
        (asked, ids.show("campaign", campaign)),
    ):
        refused = client.delete(path(segment_id), headers=world.as_("marketer"))
        assert (refused.status_code, refused.json["code"]) == (409, "still-used")
        assert refused.json["used_by"] == [user]
    assert client.delete(path(by_segment), headers=world.as_("marketer")).status_code == 204
    assert client.delete(path(members), headers=world.as_("marketer")).status_code == 204


def test_a_preview_counts_samples_and_says_who_is_reached_and_why_not(
    client: FlaskClient, world: World, database: Database
) -> None:
    person, silent = make_customer(database), make_customer(database)
    for owner in (person, silent):
        make_device(world, owner.id)
    with_app = enrol(world, first_name="Ana", email=person.email)
    without_consent = enrol(world, email=silent.email)
    nobody = enrol(world, phone="+33612345678")
    for channel in ("push", "email"):
        make_consent(world, with_app.id, channel)
        make_consent(world, nobody.id, channel)
    make_consent(world, without_consent.id, "email")
    make_consent(world, without_consent.id, "email", granted=False)
    enrol(make_world(database))

    told = preview(client, world).json

    assert (told["count"], told["exact"]) == (3, True)
    assert {one["id"] for one in told["sample"]} == {
        ids.show("member", row.id) for row in (with_app, without_consent, nobody)
    }
    assert told["reach"] == {
        "push": {"reachable": 1, "no_device": 1, "no_consent": 1},
        "email": {"reachable": 1, "no_address": 1, "no_consent": 1},
        "inbox": {"reachable": 2, "no_address": 1},
        "wallet": {"reachable": 0, "no_consent": 3},
    }


def test_a_preview_says_whose_card_is_in_a_phones_wallet(client: FlaskClient, world: World) -> None:
    people = [enrol(world) for _ in range(3)]
    with world.database.transaction(world.program_id) as session:
        make_wallet(session, people[0].id, cards.of_members(session, [people[0].id])[people[0].id].id)
    for one in people[:2]:
        make_consent(world, one.id, "wallet")

    assert preview(client, world).json["reach"]["wallet"] == {"reachable": 1, "no_address": 1, "no_consent": 1}


def test_a_preview_of_nobody_says_so(client: FlaskClient, world: World) -> None:
    told = preview(client, world, where=TAGGED).json

    assert (told["count"], told["sample"]) == (0, [])
    assert told["reach"]["push"] == {"reachable": 0}


def test_a_list_is_imported_line_by_line_and_again_without_change(client: FlaskClient, world: World) -> None:
    ana, bea = enrol(world, external_id="C-1"), enrol(world, external_id="C-2", email="bea@example.com")
    segment = make_segment(world)
    file = '﻿name;external_id\r\nAna;C-1\r\n\r\n"Béa; ma chère";C-2\r\nAna;C-1\r\n'

    first = upload(client, world, segment, file.encode())

    assert first.status_code == 200, first.json
    assert first.json == {"lines": 3, "added": 2, "removed": 0, "members": 2, "skipped": []}
    assert upload(client, world, segment, file.encode()).json["added"] == 0
    assert listed(client, world, segment) == {ids.show("member", row.id) for row in (ana, bea)}
    replaced = upload(client, world, segment, "email\n Bea@Example.com \n", "?mode=replace")
    assert (replaced.json["removed"], replaced.json["members"]) == (1, 1)
    removed = upload(client, world, segment, f"member_id\n{ids.show('member', bea.id)}\n", "?mode=remove")
    assert removed.json["members"] == 0


def test_a_line_that_names_nobody_refuses_the_whole_file_or_is_skipped(
    client: FlaskClient, world: World, database: Database
) -> None:
    enrol(world, external_id="C-1")
    enrol(make_world(database), external_id="C-2")
    segment = make_segment(world)

    refused = upload(client, world, segment, "external_id\nC-1\nC-2\n\n,x\n")

    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json["errors"]] == ["#/3/external_id", "#/5/external_id"]
    assert refused.json["refused"] == 2
    assert listed(client, world, segment) == set()
    skipped = upload(client, world, segment, "external_id\nC-1\nC-2\n", "?on_unknown=skip").json
    assert (skipped["added"], [one["line"] for one in skipped["skipped"]]) == (1, [3])


@pytest.mark.parametrize(
    "text",
    [b"", b"name\nAna\n", b"email,phone\na@b.fr,1\n", "external_id\nBéa\n".encode("latin-1"), b'external_id\n"C-1\n',
     b"\x00\x01", b"external_id\n" + b"x" * 200_000],
    ids=["empty", "no column", "two columns", "latin-1", "open quote", "binary", "endless line"],
)  # fmt: skip
def test_what_is_no_list_is_a_problem(client: FlaskClient, world: World, text: bytes) -> None:
    answer = upload(client, world, make_segment(world), text)

    assert answer.status_code == 422, answer.json


def test_a_file_is_csv_and_not_too_large(client: FlaskClient, world: World) -> None:
    segment = make_segment(world)
    answer = client.post(path(segment, "/members/import"), json={}, headers=world.as_("marketer"))
    assert answer.status_code == 415
    assert upload(client, world, segment, b"email\n" + b"\n" * 20_000_000).status_code == 413
    rule = make_segment(world, kind="rule", where=TAGGED)
    assert upload(client, world, rule, "email\n").json["code"] == "not-a-list"


def test_an_export_is_harmless_in_a_spreadsheet_and_comes_back_by_import(client: FlaskClient, world: World) -> None:
    enrol(world, first_name="=HYPERLINK(1)", phone="+33612345678")
    everybody = make_segment(world, kind="rule", where={"none": [TAGGED]})

    answer = client.get(path(everybody, "/members/export"), headers=world.as_("marketer"))

    assert answer.mimetype == "text/csv"
    header, line = answer.text.splitlines()
    assert "'+33612345678" in line
    assert "'=HYPERLINK(1)" in line
    again = f"phone\n{line.split(',')[header.split(',').index('phone')]}\n"
    assert upload(client, world, make_segment(world), again).json["added"] == 1


def test_marketers_may_and_tills_may_not(client: FlaskClient, world: World) -> None:
    for who in ("cashier", "till"):
        assert client.get("/v1/segments", headers=world.as_(who)).status_code == 403
        assert client.post("/v1/segments/preview", json={}, headers=world.as_(who)).status_code == 403
