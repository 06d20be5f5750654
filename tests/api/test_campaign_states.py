"""Campaigns over HTTP: scheduled, approved by a second person, paused, resumed, stopped."""

from datetime import timedelta

from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock, ids
from app.models import Event
from tests.world import World, make_staff
from tests.world_campaigns import (
    WORDS,
    act,
    make_campaign,
    make_members,
    make_run,
    make_segment,
    refusal,
    run_states,
    set_threshold,
)
from tests.world_setup import made, make_reward, pointers


def kinds(world: World) -> list[str]:
    with world.database.transaction(world.program_id) as session:
        query = select(Event.kind).where(Event.kind.like("campaign.%")).order_by(Event.id)
        return list(session.scalars(query))


def test_a_scheduled_campaign_has_its_time(client: FlaskClient, world: World) -> None:
    make_members(world, 1)
    at = (clock.now() + timedelta(days=3)).replace(microsecond=0)
    campaign = make_campaign(client, world, schedule={"at": at.isoformat()})

    scheduled = act(client, world, campaign, "schedule", confirm_all=True).json

    assert (scheduled["status"], scheduled["next_run_at"]) == ("scheduled", at.isoformat().replace("+00:00", ".000Z"))
    assert kinds(world) == ["campaign.scheduled"]


def test_scheduling_needs_a_key_and_repeats_its_answer(client: FlaskClient, world: World) -> None:
    make_members(world, 1)
    campaign = make_campaign(client, world)
    path, headers = f"/v1/campaigns/{campaign['id']}/schedule", world.as_("marketer")

    without = client.post(path, json={"confirm_all": True}, headers=headers)
    key = headers | {"Idempotency-Key": ids.new_id().hex}
    first = client.post(path, json={"confirm_all": True}, headers=key)
    again = client.post(path, json={"confirm_all": True}, headers=key)
    anew = act(client, world, campaign, "schedule", confirm_all=True)

    assert without.json["code"] == "idempotency-key-required"
    assert first.json == again.json
    assert refusal(anew) == (409, "campaign-state")
    assert kinds(world) == ["campaign.scheduled"]


def test_a_segment_that_matches_nobody_is_a_clear_problem(client: FlaskClient, world: World) -> None:
    make_members(world, 3)
    campaign = make_campaign(client, world, segment_id=make_segment(client, world, "nobody"))

    assert refusal(act(client, world, campaign, "schedule")) == (409, "campaign-reaches-nobody")
    assert refusal(act(client, world, campaign, "schedule", confirm_all=True)) == (409, "campaign-reaches-nobody")
    assert client.get(f"/v1/campaigns/{campaign['id']}", headers=world.as_("owner")).json == campaign


def test_everybody_has_to_be_meant(client: FlaskClient, world: World) -> None:
    make_members(world, 3)
    campaign = make_campaign(client, world)

    refused = act(client, world, campaign, "schedule")
    meant = act(client, world, campaign, "schedule", confirm_all=True)

    assert (*refusal(refused), refused.json["recipients"]) == (409, "campaign-reaches-everybody", 3)
    assert meant.json["status"] == "scheduled"


def test_a_segment_of_all_members_of_a_large_programme_has_to_be_meant(client: FlaskClient, world: World) -> None:
    make_members(world, 100, tags=["regular"])
    campaign = make_campaign(client, world, segment_id=make_segment(client, world))

    assert refusal(act(client, world, campaign, "schedule")) == (409, "campaign-reaches-everybody")
    make_members(world, 1)
    assert act(client, world, campaign, "schedule").json["status"] == "scheduled"


def test_what_is_over_or_gone_is_not_scheduled(client: FlaskClient, world: World) -> None:
    make_members(world, 1)
    reward = make_reward(client, world)
    soon = clock.now() + timedelta(seconds=30)
    campaign = make_campaign(
        client, world, schedule={"at": soon.isoformat()}, reward_id=reward["id"],
        variants=[{"name": "A", "content": {"fr": WORDS}}],
    )  # fmt: skip
    client.patch(f"/v1/rewards/{reward['id']}", json={"status": "paused"}, headers=world.as_("owner"))

    with clock.held(soon + timedelta(seconds=1)):
        answer = act(client, world, campaign, "schedule", confirm_all=True)

    assert answer.json["code"] == "campaign-not-ready"
    assert pointers(answer) == ["#/variants/0/content/en", "#/schedule/at", "#/reward_id"]
    assert kinds(world) == []


def another_owner(world: World) -> dict[str, str]:
    with world.database.transaction(world.program_id) as session:
        return {"Authorization": f"Bearer {make_staff(session, role='owner')}"}


def test_above_the_threshold_another_person_approves_the_version_they_read(client: FlaskClient, world: World) -> None:
    make_members(world, 3)
    set_threshold(world, 2)
    campaign = make_campaign(client, world)
    path = f"/v1/campaigns/{campaign['id']}"

    waiting = act(client, world, campaign, "schedule", confirm_all=True).json
    same = act(client, world, campaign, "approve", version=1)
    older = act(client, world, campaign, "approve", who="owner", version=7)
    assert kinds(world) == []
    approved = act(client, world, campaign, "approve", who="owner", version=1)
    again = act(client, world, campaign, "approve", who="owner", version=1)

    assert waiting["status"] == "awaiting_approval"
    assert refusal(same) == (403, "approval-by-another")
    assert (*refusal(older), older.json["version"]) == (409, "campaign-changed", 1)
    assert approved.json["status"] == again.json["status"] == "scheduled"
    assert kinds(world) == ["campaign.scheduled"]
    assert "approved_by" in client.get(path, headers=world.as_("cashier")).json


def test_a_change_withdraws_what_waits_for_approval(client: FlaskClient, world: World) -> None:
    make_members(world, 3)
    set_threshold(world, 2)
    campaign = make_campaign(client, world)
    act(client, world, campaign, "schedule", confirm_all=True)

    changed = client.patch(
        f"/v1/campaigns/{campaign['id']}", json={"holdout_percent": 5}, headers=world.as_("owner")
    ).json
    act(client, world, campaign, "schedule", confirm_all=True)
    by_who_changed = act(client, world, campaign, "approve", who="owner", version=2)

    assert (changed["status"], changed["version"]) == ("draft", 2)
    assert refusal(by_who_changed) == (403, "approval-by-another")
    third = client.post(f"/v1/campaigns/{campaign['id']}/approve", json={"version": 2}, headers=another_owner(world))
    assert third.json["status"] == "scheduled"


def test_a_key_or_a_cashier_approves_nothing(client: FlaskClient, world: World) -> None:
    campaign = make_campaign(client, world)
    key = made(client, world, "api-keys", {"name": "Server", "scopes": ["setup"]})["key"]

    answers = [
        client.post(f"/v1/campaigns/{campaign['id']}/approve", json={"version": 1}, headers=headers)
        for headers in ({"Authorization": f"Bearer {key}"}, world.as_("cashier"))
    ]

    assert [answer.status_code for answer in answers] == [403, 403]


def test_pause_and_resume_take_the_runs_along(client: FlaskClient, world: World) -> None:
    make_members(world, 1)
    campaign = make_campaign(client, world)
    act(client, world, campaign, "schedule", confirm_all=True)
    make_run(world, campaign)
    make_run_of_another = make_campaign(client, world)
    make_run(world, make_run_of_another)

    paused = [act(client, world, campaign, "pause").json["status"] for _ in range(2)]
    assert (paused, run_states(world)) == (["paused", "paused"], ["paused", "making"])
    resumed = [act(client, world, campaign, "resume").json["status"] for _ in range(2)]

    assert (resumed, run_states(world)) == (["running", "running"], ["making", "making"])
    assert kinds(world) == ["campaign.scheduled", "campaign.paused", "campaign.resumed"]


def test_cancel_is_for_good(client: FlaskClient, world: World) -> None:
    make_members(world, 1)
    campaign = make_campaign(client, world, schedule={"cron": "0 18 * * 5"})
    act(client, world, campaign, "schedule", confirm_all=True)
    make_run(world, campaign, state="running", made_at=clock.now())

    cancelled = [act(client, world, campaign, "cancel").json for _ in range(2)]

    assert [row["status"] for row in cancelled] == ["cancelled", "cancelled"]
    assert "next_run_at" not in cancelled[0]
    assert run_states(world) == ["cancelled"]
    assert refusal(act(client, world, campaign, "resume")) == (409, "campaign-state")
    assert kinds(world)[-1:] == ["campaign.cancelled"]


def test_what_has_begun_and_runs_once_does_not_change(client: FlaskClient, world: World) -> None:
    make_members(world, 1)
    campaign = make_campaign(client, world)
    act(client, world, campaign, "schedule", confirm_all=True)
    make_run(world, campaign)
    path = f"/v1/campaigns/{campaign['id']}"

    running = client.patch(path, json={"name": "Non"}, headers=world.as_("owner"))
    act(client, world, campaign, "pause")
    changed = client.patch(path, json={"holdout_percent": 50}, headers=world.as_("owner"))

    assert refusal(running) == refusal(changed) == (409, "campaign-state")


def test_a_paused_campaign_that_was_changed_is_approved_anew(client: FlaskClient, world: World) -> None:
    make_members(world, 3)
    campaign = make_campaign(client, world, schedule={"cron": "0 18 * * 5"})
    act(client, world, campaign, "schedule", confirm_all=True)
    set_threshold(world, 2)
    make_run(world, campaign)
    act(client, world, campaign, "pause")

    unchanged = act(client, world, campaign, "resume").json["status"]
    act(client, world, campaign, "pause")
    client.patch(f"/v1/campaigns/{campaign['id']}", json={"holdout_percent": 5}, headers=world.as_("marketer"))
    waiting = act(client, world, campaign, "resume").json
    states = run_states(world)
    approved = act(client, world, campaign, "approve", who="owner", version=2).json

    assert unchanged == "running"
    assert (waiting["status"], states) == ("awaiting_approval", ["paused"])
    assert (approved["status"], run_states(world)) == ("running", ["making"])
    assert "next_run_at" in approved


def test_a_paused_campaign_whose_time_is_over_is_not_sent_late(client: FlaskClient, world: World) -> None:
    make_members(world, 1)
    at = clock.now() + timedelta(minutes=5)
    campaign = make_campaign(client, world, schedule={"at": at.isoformat()})
    act(client, world, campaign, "schedule", confirm_all=True)
    act(client, world, campaign, "pause")

    with clock.held(at + timedelta(seconds=1)):
        answer = act(client, world, campaign, "resume")

    assert pointers(answer) == ["#/schedule/at"]


def test_only_what_sends_nothing_is_archived(client: FlaskClient, world: World) -> None:
    make_members(world, 1)
    campaign = make_campaign(client, world)
    path = f"/v1/campaigns/{campaign['id']}"
    act(client, world, campaign, "schedule", confirm_all=True)

    early = client.delete(path, headers=world.as_("marketer"))
    act(client, world, campaign, "cancel")
    late = client.delete(path, headers=world.as_("marketer"))

    assert refusal(early) == (409, "campaign-state")
    assert late.status_code == 204
    assert client.get(path, headers=world.as_("owner")).json["status"] == "archived"
    assert act(client, world, campaign, "pause").status_code == 404
