"""Campaigns tried on people who are named, before members get them."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app import ids
from app.models import CampaignDelivery, CampaignRun, Staff
from app.services import mails
from tests.world import World
from tests.world_campaigns import VARIANTS, act, make_campaign, make_members, refusal, run_states
from tests.world_setup import pointers


def staff_of(world: World) -> tuple[str, str]:
    with world.database.transaction(world.program_id) as session:
        found = session.scalars(select(Staff).where(Staff.role == "marketer")).one()
        return ids.show("staff", found.id), found.email


def test_a_test_to_staff_alone_writes_to_no_member(client: FlaskClient, world: World) -> None:
    make_members(world, 2)
    campaign = make_campaign(client, world, channels=["push"])

    answer = act(client, world, campaign, "test", to=[staff_of(world)[0]])

    assert [(one["channel"], one["state"]) for one in answer.json["messages"]] == [("email", "queued")]
    assert run_states(world) == ["finished"]
    with world.database.transaction(world.program_id) as session:
        assert session.scalars(select(CampaignDelivery)).all() == []


def test_a_test_goes_to_named_people_only_and_is_marked(client: FlaskClient, world: World) -> None:
    reached, unreached = make_members(world, 2)
    variants = [*VARIANTS, {**VARIANTS[0], "name": "B"}]
    campaign = make_campaign(client, world, channels=["console", "push"], variants=variants)
    marketer, address = staff_of(world)
    to = [ids.show("member", reached), marketer]

    answer = act(client, world, campaign, "test", to=to)

    told = [(one["to"], one["variant"], one["channel"], one["state"]) for one in answer.json["messages"]]
    assert answer.status_code == 202
    assert told == [
        (person, variant, channel, state)
        for variant in ("A", "B")
        for person, channel, state in [
            (to[0], "console", "queued"), (to[0], "push", "skipped"), (to[1], "email", "queued"),
        ]
    ]  # fmt: skip
    with world.database.transaction(world.program_id) as session:
        runs = session.scalars(select(CampaignRun)).all()
        rows = session.scalars(select(CampaignDelivery.member_id)).all()
    assert [(run.definition["test"], run.state) for run in runs] == [(True, "running")] * 2
    mailed = mails.Postbox(world.database.settings.outbox_file).read()
    assert [(mail["subject"], mail["text"]) for mail in mailed if mail["to"] == address] == [
        ("[Test A] Un café offert", "Bonjour Camille !"), ("[Test B] Un café offert", "Bonjour Camille !"),
    ]  # fmt: skip
    assert unreached not in rows
    shown = client.get(f"/v1/campaigns/{campaign['id']}/runs", headers=world.as_("owner")).json["data"]
    assert [run["test"] for run in shown] == [True, True]
    assert client.get(f"/v1/campaigns/{campaign['id']}", headers=world.as_("owner")).json["status"] == "draft"


def test_a_tested_campaign_can_still_be_changed_and_scheduled(client: FlaskClient, world: World) -> None:
    (member_id,) = make_members(world, 1)
    campaign = make_campaign(client, world)
    act(client, world, campaign, "test", to=[ids.show("member", member_id)])

    act(client, world, campaign, "schedule", confirm_all=True)
    act(client, world, campaign, "pause")
    changed = client.patch(
        f"/v1/campaigns/{campaign['id']}", json={"holdout_percent": 5}, headers=world.as_("marketer")
    )

    assert changed.json["version"] == 2
    assert act(client, world, campaign, "resume").json["status"] == "scheduled"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"to": ["crd_0190163d8694739b8aaa1b7a5f0c1d2e"]}, ["#/to/0"]),
        (
            {"to": ["mbr_0190163d8694739b8aaa1b7a5f0c1d2e", "stf_0190163d8694739b8aaa1b7a5f0c1d2e"]},
            ["#/to/0", "#/to/1"],
        ),
        ({"to": []}, ["#/to"]),
        ({"to": [], "variant": 5}, ["#/to", "#/variant"]),
    ],
)
def test_a_test_to_nobody_is_refused(client: FlaskClient, world: World, body: dict[str, Any], found: list[str]) -> None:
    assert pointers(act(client, world, make_campaign(client, world), "test", **body)) == found


def test_tests_are_no_way_around_an_approval(client: FlaskClient, world: World) -> None:
    to = [ids.show("member", member_id) for member_id in make_members(world, 20)]
    variants = [{**VARIANTS[0], "name": name} for name in "ABCDEFGHIJ"]
    campaign = make_campaign(client, world, variants=variants)

    enough = act(client, world, campaign, "test", to=to)
    more = act(client, world, campaign, "test", to=to[:1])

    assert enough.status_code == 202
    assert refusal(more) == (409, "campaign-test-limit")
