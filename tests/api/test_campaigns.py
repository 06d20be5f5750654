"""Campaigns over HTTP: written, previewed, tried, scheduled, approved, stopped; and what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import clock, ids
from app.models import AuditEntry, Campaign, CampaignDelivery, CampaignRun, Event, Program, Staff
from app.offers import splitting
from app.services import mails
from tests.world import World, make_staff, make_world
from tests.world_campaigns import VARIANTS, WORDS, act, make_campaign, make_members, make_segment
from tests.world_members import enrol, make_customer
from tests.world_setup import made, make_reward, pointers


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


def set_threshold(world: World, above: int | None) -> None:
    with world.database.transaction(world.program_id) as session:
        session.get_one(Program, world.program_id).campaign_settings = {"approval_above": above}


def make_run(world: World, campaign: dict[str, Any], **fields: Any) -> None:
    """Begin a campaign as the engine does."""
    with world.database.transaction(world.program_id) as session:
        row = session.get_one(Campaign, ids.parse("campaign", campaign["id"]))
        session.add(CampaignRun(campaign_id=row.id, starts_at=clock.now(), definition=row.definition, **fields))
        row.status, row.next_run_at = "running", None


def run_states(world: World) -> list[str]:
    with world.database.transaction(world.program_id) as session:
        return list(session.scalars(select(CampaignRun.state).order_by(CampaignRun.id)))


def kinds(world: World) -> list[str]:
    with world.database.transaction(world.program_id) as session:
        query = select(Event.kind).where(Event.kind.like("campaign.%")).order_by(Event.id)
        return list(session.scalars(query))


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
    assert code(anew) == (409, "campaign-state")
    assert kinds(world) == ["campaign.scheduled"]


def test_a_segment_that_matches_nobody_is_a_clear_problem(client: FlaskClient, world: World) -> None:
    make_members(world, 3)
    campaign = make_campaign(client, world, segment_id=make_segment(client, world, "nobody"))

    assert code(act(client, world, campaign, "schedule")) == (409, "campaign-reaches-nobody")
    assert code(act(client, world, campaign, "schedule", confirm_all=True)) == (409, "campaign-reaches-nobody")
    assert client.get(f"/v1/campaigns/{campaign['id']}", headers=world.as_("owner")).json == campaign


def test_everybody_has_to_be_meant(client: FlaskClient, world: World) -> None:
    make_members(world, 3)
    campaign = make_campaign(client, world)

    refused = act(client, world, campaign, "schedule")
    meant = act(client, world, campaign, "schedule", confirm_all=True)

    assert (*code(refused), refused.json["recipients"]) == (409, "campaign-reaches-everybody", 3)
    assert meant.json["status"] == "scheduled"


def test_a_segment_of_all_members_of_a_large_programme_has_to_be_meant(client: FlaskClient, world: World) -> None:
    make_members(world, 100, tags=["regular"])
    campaign = make_campaign(client, world, segment_id=make_segment(client, world))

    assert code(act(client, world, campaign, "schedule")) == (409, "campaign-reaches-everybody")
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
    assert code(same) == (403, "approval-by-another")
    assert (*code(older), older.json["version"]) == (409, "campaign-changed", 1)
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
    assert code(by_who_changed) == (403, "approval-by-another")
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
    assert code(act(client, world, campaign, "resume")) == (409, "campaign-state")
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

    assert code(running) == code(changed) == (409, "campaign-state")


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

    assert code(early) == (409, "campaign-state")
    assert late.status_code == 204
    assert client.get(path, headers=world.as_("owner")).json["status"] == "archived"
    assert act(client, world, campaign, "pause").status_code == 404


def test_a_preview_fills_every_text_for_a_member_or_somebody_made_up(client: FlaskClient, world: World) -> None:
    (member_id,) = make_members(world, 1, first_name="Ana", locale="en-GB", tags=["regular"])
    campaign = make_campaign(
        client, world, channels=["push", "email", "console"], segment_id=make_segment(client, world)
    )

    for_ana = act(client, world, campaign, "preview", member_id=ids.show("member", member_id)).json
    made_up = act(client, world, campaign, "preview").json

    (variant,) = for_ana["variants"]
    assert (variant["locale"], variant["content"]["en"]["body"]) == ("en", "Hi Ana")
    assert variant["content"]["fr"]["body"] == "Bonjour Ana !"
    assert (for_ana["in_audience"], for_ana["held_out"], for_ana["variant"]) == (True, False, "A")
    assert [(one["channel"], one.get("reason")) for one in for_ana["channels"]] == [
        ("push", "no_consent"), ("email", "no_consent"), ("console", None),
    ]  # fmt: skip
    assert made_up["variants"][0]["content"]["fr"]["body"] == "Bonjour Camille !"


def test_a_preview_names_what_the_member_has_no_value_for(client: FlaskClient, world: World) -> None:
    (member_id,) = make_members(world, 1)
    campaign = make_campaign(client, world, segment_id=make_segment(client, world))

    shown = act(client, world, campaign, "preview", member_id=ids.show("member", member_id)).json

    french = shown["variants"][0]["content"]["fr"]
    assert (french["body"], french["defaults"]) == ("Bonjour l'ami !", ["first_name"])
    assert shown["in_audience"] is False


def test_a_preview_is_in_the_language_of_the_members_app(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database, locale="en-GB")
    member = enrol(world, email=ana.email)
    campaign = make_campaign(client, world)

    shown = act(client, world, campaign, "preview", member_id=ids.show("member", member.id)).json

    assert (shown["locale"], shown["variants"][0]["locale"]) == ("en-GB", "en")


def test_a_preview_calls_members_as_messages_do(client: FlaskClient, world: World) -> None:
    campaign = make_campaign(client, world)
    zoe = make_customer(world.database, first_name="Zoé", last_name="Roux").email
    lou = make_customer(world.database, first_name="Lou").email

    def title(**member: Any) -> str:
        body = {"member_id": ids.show("member", enrol(world, **member).id)}
        shown = act(client, world, campaign, "preview", **body).json
        return str(shown["variants"][0]["content"]["fr"]["body"])

    assert title(email=zoe) == "Bonjour Zoé !"
    assert title(email=lou, first_name="Louise") == "Bonjour Louise !"
    assert title() == "Bonjour l'ami !"


def test_a_name_in_the_app_is_told_to_no_other_programme(world: World) -> None:
    other = make_world(world.database)
    member = enrol(other, email=make_customer(world.database, first_name="Zoé").email)
    for program_id, found in ((other.program_id, ["Zoé"]), (world.program_id, [])):
        names = func.member_app_names(member.customer_id).table_valued("first_name", "last_name")
        with world.database.transaction(program_id) as session:
            assert list(session.scalars(select(names.c.first_name))) == found


def test_a_preview_names_no_variant_to_who_waits_for_the_winner(client: FlaskClient, world: World) -> None:
    members = make_members(world, 30)
    variants = [VARIANTS[0], VARIANTS[0] | {"name": "B"}]
    rule = {"metric": "visits", "after_minutes": 60, "test_percent": 50}
    campaign = make_campaign(client, world, variants=variants, winner=rule)
    campaign_id = ids.parse("campaign", campaign["id"])

    named = [
        "variant" in act(client, world, campaign, "preview", member_id=ids.show("member", one)).json for one in members
    ]

    assert named == [splitting.in_test(campaign_id, one, 50) for one in members]
    assert set(named) == {True, False}


def test_a_preview_of_nobody_is_refused(client: FlaskClient, world: World) -> None:
    other = make_world(world.database)
    (foreign,) = make_members(other, 1)
    campaign = make_campaign(client, world)

    assert pointers(act(client, world, campaign, "preview", member_id=ids.show("member", foreign))) == ["#/member_id"]


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
    assert code(more) == (409, "campaign-test-limit")


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
