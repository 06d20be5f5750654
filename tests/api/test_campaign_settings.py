"""A programme's rules for its campaigns, over HTTP."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.models import AuditEntry
from tests.world import World
from tests.world_setup import made, pointers

PATH = "/v1/program/campaign-settings"


def test_without_a_word_a_thousand_recipients_want_a_second_person(client: FlaskClient, world: World) -> None:
    assert client.get(PATH, headers=world.as_("marketer")).json == {"approval_above": 1000}


def test_settings_are_changed_and_taken_away(client: FlaskClient, world: World) -> None:
    whole = {
        "approval_above": 50,
        "caps": {"push": {"messages": 3, "days": 7}, "email": {"messages": 1, "days": 7}},
        "quiet_hours": {"from": "21:00", "to": "08:00"},
        "sender": {"name": "Café", "address": "Bonjour@Cafe.example", "reply_to": "owner@cafe.example"},
    }

    set_ = client.patch(PATH, json=whole, headers=world.as_("owner")).json
    less = client.patch(
        PATH, json={"caps": {"email": None}, "quiet_hours": None, "approval_above": None}, headers=world.as_("owner")
    ).json

    assert set_ == whole | {"sender": whole["sender"] | {"address": "bonjour@cafe.example"}}  # type: ignore[operator]
    assert less == {"caps": {"push": {"messages": 3, "days": 7}}, "sender": set_["sender"]}
    assert client.get(PATH, headers=world.as_("marketer")).json == less


def test_only_an_owner_in_person_changes_them_and_it_is_audited(client: FlaskClient, world: World) -> None:
    key = made(client, world, "api-keys", {"name": "Server", "scopes": ["setup"]})["key"]
    by_key = client.patch(PATH, json={"approval_above": None}, headers={"Authorization": f"Bearer {key}"})
    by_marketer = client.patch(PATH, json={"approval_above": None}, headers=world.as_("marketer"))

    client.patch(PATH, json={"approval_above": 5}, headers=world.as_("owner"))

    assert (by_key.status_code, by_marketer.status_code) == (403, 403)
    with world.database.transaction(world.program_id) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "changeCampaignSettings")).one()
    assert entry.data == {"fields": ["approval_above"]}


def test_who_read_older_settings_is_told(client: FlaskClient, world: World) -> None:
    tag = client.get(PATH, headers=world.as_("owner")).headers["ETag"]
    headers = world.as_("owner") | {"If-Match": tag}

    statuses = [client.patch(PATH, json={"approval_above": n}, headers=headers).status_code for n in (5, 6)]

    assert statuses == [200, 412]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"approval_above": -1}, ["#/approval_above"]),
        ({"approval_above": "many"}, ["#/approval_above"]),
        ({"caps": {"pigeon": {"messages": 1, "days": 1}}}, ["#/caps/pigeon"]),
        ({"caps": {"push": {"messages": 0}}}, ["#/caps/push/messages", "#/caps/push/days"]),
        ({"caps": 3}, ["#/caps"]),
        ({"quiet_hours": {"from": "21:00", "to": "21:00"}}, ["#/quiet_hours/to"]),
        ({"sender": {"address": "nobody"}}, ["#/sender/address"]),
        ({"sender": {"name": "Café\nBcc: all@example.com"}}, ["#/sender/name"]),
        ({"colour": "red"}, ["#/colour"]),
    ],
)
def test_a_wrong_setting_is_pointed_at(
    client: FlaskClient, world: World, body: dict[str, Any], found: list[str]
) -> None:
    assert pointers(client.patch(PATH, json=body, headers=world.as_("owner"))) == found
