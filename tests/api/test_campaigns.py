"""Campaigns over HTTP: written, changed, listed, and what is refused."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app import ids
from app.models import AuditEntry
from tests.world import World, make_world
from tests.world_campaigns import VARIANTS, WORDS, act, make_campaign, make_members, make_segment, set_threshold
from tests.world_setup import made, make_reward, pointers


def test_a_campaign_is_written_as_a_draft_and_read_back(client: FlaskClient, world: World) -> None:
    campaign = make_campaign(client, world, holdout_percent=10, schedule={"cron": "0 18 * * 5"}, priority=5)

    assert (campaign["status"], campaign["kind"], campaign["version"], campaign["priority"]) == (
        "draft", "recurring", 1, 5,
    )  # fmt: skip
    assert campaign["variants"][0]["weight"] == 1
    assert client.get(f"/v1/campaigns/{campaign['id']}", headers=world.as_("cashier")).json == campaign


def test_a_draft_may_lack_parts_and_is_told_what_it_lacks(client: FlaskClient, world: World) -> None:
    make_members(world, 1)
    draft = made(client, world, "campaigns", {"name": "Later"})

    answer = act(client, world, draft, "schedule", confirm_all=True)

    assert answer.json["code"] == "campaign-not-ready"
    assert pointers(answer) == ["#/channels", "#/variants"]


def test_a_new_campaign_may_say_that_it_is_a_draft_and_nothing_else(client: FlaskClient, world: World) -> None:
    body, headers = {"name": "Avent"}, world.as_("marketer")

    refused = client.post("/v1/campaigns", json=body | {"status": "running"}, headers=headers)

    assert made(client, world, "campaigns", body | {"status": "draft"})["status"] == "draft"
    assert pointers(refused) == ["#/status"]


def test_campaigns_are_listed_by_status(client: FlaskClient, world: World) -> None:
    make_members(world, 1)
    make_campaign(client, world, name="Draft")
    act(client, world, make_campaign(client, world, name="Live"), "schedule", confirm_all=True)
    gone = make_campaign(client, world, name="Gone")
    client.delete(f"/v1/campaigns/{gone['id']}", headers=world.as_("marketer"))

    def listed(query: str) -> list[str]:
        return [row["name"] for row in client.get(f"/v1/campaigns{query}", headers=world.as_("owner")).json["data"]]

    assert listed("") == ["Draft", "Live"]
    assert listed("?status=scheduled") == ["Live"]
    assert listed("?status=archived") == ["Gone"]


def test_a_change_grows_the_version_and_null_takes_a_part_away(client: FlaskClient, world: World) -> None:
    campaign = make_campaign(client, world, holdout_percent=10, segment_id=make_segment(client, world))
    path = f"/v1/campaigns/{campaign['id']}"

    renamed = client.patch(path, json={"name": "Noël"}, headers=world.as_("marketer")).json
    changed = client.patch(
        path, json={"holdout_percent": None, "where": {"kind": "tag", "tags": ["vip"]}}, headers=world.as_("marketer")
    ).json

    assert (renamed["version"], renamed["name"]) == (1, "Noël")
    assert changed["version"] == 2
    assert not {"holdout_percent", "segment_id"} & set(changed)
    assert changed["where"] == {"kind": "tag", "tags": ["vip"]}


def test_who_read_an_older_campaign_is_told(client: FlaskClient, world: World) -> None:
    campaign = make_campaign(client, world)
    path = f"/v1/campaigns/{campaign['id']}"
    tag = client.get(path, headers=world.as_("marketer")).headers["ETag"]
    headers = world.as_("marketer") | {"If-Match": tag}

    first = client.patch(path, json={"name": "Un"}, headers=headers)
    second = client.patch(path, json={"name": "Deux"}, headers=headers)
    scheduled = client.post(
        f"{path}/schedule", json={}, headers=headers | {"Idempotency-Key": ids.new_id().hex}
    )  # what was read is not what would go out

    assert [answer.status_code for answer in (first, second, scheduled)] == [200, 412, 412]


FR = "#/variants/0/content/fr"


def french(**fields: str) -> dict[str, Any]:
    return {"variants": [{"name": "A", "content": {"fr": WORDS | fields}}]}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"channels": ["pigeon"]}, ["#/channels/0"]),
        (french(body="{% for x in y %}x{% endfor %}"), [f"{FR}/body"]),
        (french(body="{{ first_name.__class__ }}"), [f"{FR}/body"]),
        (french(body="x" * 100_000), [f"{FR}/body"]),
        (french(link="http://example.com"), [f"{FR}/link"]),
        (french(image_url="data:image/png;base64,"), [f"{FR}/image_url"]),
        ({"variants": [{"name": "A", "content": {"tlh": WORDS}}]}, ["#/variants/0/content/tlh"]),
        ({"variants": [{"name": "A", "content": {"../fr": WORDS}}]}, ["#/variants/0/content/..~1fr"]),
        ({"schedule": {"at": "2020-01-01T00:00:00Z"}}, ["#/schedule/at"]),
        ({"schedule": {"local_at": "2020-01-01T00:00:00"}}, ["#/schedule/local_at"]),
        ({"schedule": {"cron": "0 0 30 2 *"}}, ["#/schedule/cron"]),
        ({"schedule": {"cron": "0 9 * * 1", "timezone": "Mars/Olympus"}}, ["#/schedule/timezone"]),
        ({"segment_id": ids.show("segment", ids.new_id())}, ["#/segment_id"]),
        ({"reward_id": ids.show("reward", ids.new_id())}, ["#/reward_id"]),
        ({"where": {"kind": "horoscope"}}, ["#/where/kind"]),
        ({"trigger": {"event": "birthday", "conditions": {"kind": "horoscope"}}}, ["#/trigger/conditions/kind"]),
        ({"trigger": {"event": "member.joined", "activities": ["visit"]}}, ["#/trigger/activities"]),
        (
            {"trigger": {"event": "zone_entered", "store_ids": [ids.show("store", ids.new_id())]}},
            ["#/trigger/store_ids/0"],
        ),
        ({"status": "scheduled"}, ["#/status"]),
        ({"priority": "high"}, ["#/priority"]),
        ({"name": " "}, ["#/name"]),
    ],
)  # fmt: skip
def test_bad_input_is_pointed_at_and_nothing_is_written(
    client: FlaskClient, world: World, fields: dict[str, Any], found: list[str]
) -> None:
    body = {"name": "Avent", "channels": ["console"], "variants": VARIANTS} | fields

    answer = client.post("/v1/campaigns", json=body, headers=world.as_("marketer"))

    assert pointers(answer) == found
    assert client.get("/v1/campaigns", headers=world.as_("marketer")).json["data"] == []


def test_a_body_of_a_megabyte_is_refused(client: FlaskClient, world: World) -> None:
    body = {"name": "Avent", "variants": [{"name": "A", "content": {"fr": WORDS | {"body": "x" * 1_100_000}}}]}

    assert client.post("/v1/campaigns", json=body, headers=world.as_("marketer")).status_code == 413


def test_what_another_programme_has_is_pointed_at(client: FlaskClient, world: World) -> None:
    other = make_world(world.database)
    body = {"name": "A", "segment_id": make_segment(client, other), "reward_id": make_reward(client, other)["id"]}

    answer = client.post("/v1/campaigns", json=body, headers=world.as_("marketer"))

    assert pointers(answer) == ["#/segment_id", "#/reward_id"]


def test_what_people_do_to_campaigns_is_audited(client: FlaskClient, world: World) -> None:
    make_members(world, 3)
    set_threshold(world, 2)
    campaign = make_campaign(client, world)
    act(client, world, campaign, "schedule", confirm_all=True)
    act(client, world, campaign, "approve", who="owner", version=1)
    act(client, world, campaign, "pause")
    act(client, world, campaign, "resume")
    act(client, world, campaign, "cancel")

    with world.database.transaction(world.program_id) as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.subject == campaign["id"])).all()
    assert [entry.action for entry in sorted(entries, key=lambda entry: entry.id)] == [
        "createCampaign", "scheduleCampaign", "approveCampaign", "pauseCampaign", "resumeCampaign", "cancelCampaign",
    ]  # fmt: skip


def test_a_cashier_may_read_and_nothing_else(client: FlaskClient, world: World) -> None:
    campaign = make_campaign(client, world)

    answers = [
        act(client, world, campaign, action, who="cashier") for action in ("schedule", "pause", "test", "preview")
    ]

    assert [answer.status_code for answer in answers] == [403] * 4


def test_a_campaign_of_another_programme_is_not_found(client: FlaskClient, world: World) -> None:
    foreign = make_campaign(client, make_world(world.database))

    assert client.get(f"/v1/campaigns/{foreign['id']}", headers=world.as_("owner")).status_code == 404
    for action in ("pause", "cancel", "resume", "schedule", "preview"):
        assert act(client, world, foreign, action).status_code == 404
