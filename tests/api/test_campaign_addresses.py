"""A campaign's pictures and links over HTTP: checked when asked to, and before a campaign is let go."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from app import clock, ids
from app.config import Settings
from app.db import Database
from app.models import Campaign, CampaignRun
from notifications.campaigns.asking import Asker
from tests.world import World, make_world
from tests.world_addresses import BIG_PNG, HOST, Page, Site, image
from tests.world_campaigns import VARIANTS, act, make_campaign, make_members, make_segment
from tests.world_setup import pointers

FR = "#/variants/0/content/fr"


@pytest.fixture(scope="module")
def online(settings: Settings, database: Database) -> Flask:
    """The application of an installation that asks."""
    return create_app(settings, database)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    running = Site(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def client(online: Flask, site: Site) -> Iterator[FlaskClient]:
    asker = site.asker()
    online.extensions["assidu"] = replace(online.extensions["assidu"], asker=asker)
    yield online.test_client()
    asker.close()


def variants(**words: str) -> list[dict[str, Any]]:
    content = VARIANTS[0]["content"]
    return [{"name": "A", "content": {**content, "fr": {**content["fr"], **words}}}]


def results(answer: Any) -> list[tuple[str, str, str | None]]:
    return [(one["pointer"], one["result"], one.get("reason")) for one in answer.json["addresses"]]


def test_a_check_says_of_each_address_what_it_is_worth(client: FlaskClient, world: World, site: Site) -> None:
    content = {
        "fr": {"title": "Un", "body": "Deux", "image_url": site.url("/a.png", image()), "link": site.url("/", Page())},
        "en": {"title": "One", "body": "Two", "image_url": site.url("/b.png", image(BIG_PNG)), "link": site.url("/en")},
    }
    campaign = make_campaign(client, world, channels=["push"], variants=[{"name": "A", "content": content}])

    answer = act(client, world, campaign, "check")

    assert (answer.status_code, answer.json["version"]) == (200, 1)
    assert sorted(results(answer), key=str) == [
        ("#/variants/0/content/en/image_url", "problem", "too_big"),
        ("#/variants/0/content/en/link", "problem", "not_there"),
        (f"{FR}/image_url", "ok", None),
        (f"{FR}/link", "ok", None),
    ]
    last = next(one for one in answer.json["addresses"] if one.get("reason") == "not_there")
    assert (last["variant"], last["locale"], last["field"], last["step"]) == ("A", "en", "link", 0)
    assert (last["url"], last["status"]) == (f"https://{HOST}:{site.port}/en", 404)


def test_a_draft_without_texts_has_nothing_to_check(client: FlaskClient, world: World) -> None:
    draft = client.post("/v1/campaigns", json={"name": "Later"}, headers=world.as_("marketer")).json
    answer = act(client, world, draft, "check")
    assert (answer.status_code, answer.json["addresses"]) == (200, [])


def test_who_may_not_write_campaigns_may_not_check_them(client: FlaskClient, world: World, site: Site) -> None:
    campaign = make_campaign(client, world, variants=variants(link=site.url("/", Page())))
    assert act(client, world, campaign, "check", who="cashier").status_code == 403
    assert site.asked == []


def test_another_programmes_campaign_is_not_there(client: FlaskClient, world: World, site: Site) -> None:
    other = make_world(world.database)
    campaign = make_campaign(client, other, variants=variants(link=site.url("/", Page())))
    assert act(client, world, campaign, "check").status_code == 404
    assert act(client, world, campaign, "schedule").status_code == 404
    assert site.asked == []


def test_what_nobody_could_open_keeps_a_campaign_from_going(client: FlaskClient, world: World, site: Site) -> None:
    make_members(world, 1)
    campaign = make_campaign(
        client, world, variants=variants(link=site.url("/gone"), image_url=site.url("/a.png", Page(body=b"<p>")))
    )

    answer = act(client, world, campaign, "schedule", confirm_all=True)

    assert (answer.status_code, answer.json["code"]) == (422, "campaign-not-ready")
    assert sorted(pointers(answer)) == [f"{FR}/image_url", f"{FR}/link"]
    assert any("answers 404" in error["detail"] for error in answer.json["errors"])
    assert status_of(client, world, campaign) == "draft"


def test_addresses_are_told_beside_what_else_is_missing(client: FlaskClient, world: World, site: Site) -> None:
    words = {"title": "Un café", "body": "Offert", "link": site.url("/gone")}
    campaign = make_campaign(client, world, variants=[{"name": "A", "content": {"fr": words}}])
    answer = act(client, world, campaign, "schedule", confirm_all=True)
    assert pointers(answer) == ["#/variants/0/content/en", f"{FR}/link"]


def test_a_page_that_opens_later_may_be_meant(client: FlaskClient, world: World, site: Site) -> None:
    make_members(world, 1)
    campaign = make_campaign(client, world, variants=variants(link=site.url("/on-the-day")))

    answer = act(client, world, campaign, "schedule", confirm_all=True, confirm_links=True)

    assert (answer.status_code, answer.json["status"]) == (200, "scheduled")
    assert [(one["result"], one["reason"]) for one in answer.json["warnings"]] == [("problem", "not_there")]


def test_what_cannot_be_reached_is_a_warning_in_the_answer(client: FlaskClient, world: World, site: Site) -> None:
    make_members(world, 1)
    campaign = make_campaign(client, world, variants=variants(link=site.url("/", Page(503))))

    answer = act(client, world, campaign, "schedule", confirm_all=True)

    assert (answer.status_code, answer.json["status"]) == (200, "scheduled")
    assert [(one["pointer"], one["reason"]) for one in answer.json["warnings"]] == [(f"{FR}/link", "server_fault")]


def test_good_addresses_are_not_spoken_of(client: FlaskClient, world: World, site: Site) -> None:
    make_members(world, 1)
    campaign = make_campaign(client, world, variants=variants(link=site.url("/", Page())))
    assert "warnings" not in act(client, world, campaign, "schedule", confirm_all=True).json
    assert site.asked == [("HEAD", "/")]


def test_warnings_are_no_part_of_the_campaigns_version(client: FlaskClient, world: World, site: Site) -> None:
    make_members(world, 1)
    campaign = make_campaign(client, world, variants=variants(link=site.url("/", Page(503))))
    answer = act(client, world, campaign, "schedule", confirm_all=True)
    read = client.get(f"/v1/campaigns/{campaign['id']}", headers=world.as_("marketer"))
    assert answer.json["warnings"]
    assert answer.headers["ETag"] == read.headers["ETag"]


def test_a_repeat_gets_the_first_answer_and_asks_nobody(client: FlaskClient, world: World, site: Site) -> None:
    make_members(world, 1)
    campaign = make_campaign(client, world, variants=variants(link=site.url("/", Page(503))))
    headers = world.as_("marketer") | {"Idempotency-Key": ids.new_id().hex}
    path, body = f"/v1/campaigns/{campaign['id']}/schedule", {"confirm_all": True}

    first = client.post(path, json=body, headers=headers)
    asked = list(site.asked)
    again = client.post(path, json=body, headers=headers)

    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")
    assert site.asked == asked


def test_without_its_key_a_request_asks_nobody(client: FlaskClient, world: World, site: Site) -> None:
    campaign = make_campaign(client, world, variants=variants(link=site.url("/", Page())))
    answer = client.post(f"/v1/campaigns/{campaign['id']}/schedule", headers=world.as_("marketer"))
    assert (answer.json["code"], site.asked) == ("idempotency-key-required", [])


def test_no_transaction_is_open_while_a_server_is_asked(client: FlaskClient, world: World, site: Site) -> None:
    """Whoever answers changes the campaign, which would have to wait for a transaction that held it."""
    make_members(world, 1)

    def change() -> None:
        headers = world.as_("owner")
        client.application.test_client().patch(
            f"/v1/campaigns/{campaign['id']}", json={"holdout_percent": 10}, headers=headers
        )

    campaign = make_campaign(client, world, variants=variants(image_url=site.url("/a.png", image(then=change))))
    answer = act(client, world, campaign, "schedule", confirm_all=True)

    assert (answer.status_code, answer.json["code"], answer.json["version"]) == (409, "campaign-changed", 2)
    assert status_of(client, world, campaign) == "draft"


def test_what_was_changed_in_a_pause_is_asked_before_it_goes_on(client: FlaskClient, world: World, site: Site) -> None:
    make_members(world, 2, tags=["regular"])
    good, gone = site.url("/", Page()), site.url("/gone")
    campaign = make_campaign(
        client, world, segment_id=make_segment(client, world), schedule={"cron": "0 18 * * 5"},
        variants=variants(link=good),
    )  # fmt: skip
    act(client, world, campaign, "schedule")
    begin(world, campaign)
    act(client, world, campaign, "pause")
    client.patch(
        f"/v1/campaigns/{campaign['id']}", json={"variants": variants(link=gone)}, headers=world.as_("marketer")
    )

    refused = client.post(f"/v1/campaigns/{campaign['id']}/resume", headers=world.as_("marketer"))
    meant = client.post(
        f"/v1/campaigns/{campaign['id']}/resume", json={"confirm_links": True}, headers=world.as_("marketer")
    )

    assert (refused.status_code, pointers(refused)) == (422, [f"{FR}/link"])
    assert (meant.status_code, meant.json["status"]) == (200, "running")
    assert [one["result"] for one in meant.json["warnings"]] == ["problem"]


def test_what_goes_on_unchanged_is_not_asked_again(client: FlaskClient, world: World, site: Site) -> None:
    make_members(world, 1)
    campaign = make_campaign(client, world, variants=variants(link=site.url("/", Page())))
    act(client, world, campaign, "schedule", confirm_all=True)
    act(client, world, campaign, "pause")
    site.pages.clear()
    assert act(client, world, campaign, "resume").json["status"] == "scheduled"
    assert site.asked == [("HEAD", "/")]


def test_an_installation_without_internet_schedules_as_before(
    online: Flask, client: FlaskClient, world: World, site: Site
) -> None:
    online.extensions["assidu"] = replace(online.extensions["assidu"], asker=Asker(asks=False))
    make_members(world, 1)
    campaign = make_campaign(client, world, variants=variants(link=site.url("/gone")))
    assert results(act(client, world, campaign, "check")) == [(f"{FR}/link", "not_asked", "turned_off")]
    answer = act(client, world, campaign, "schedule", confirm_all=True)
    assert (answer.json["status"], "warnings" in answer.json, site.asked) == ("scheduled", False, [])


def status_of(client: FlaskClient, world: World, campaign: dict[str, Any]) -> str:
    return str(client.get(f"/v1/campaigns/{campaign['id']}", headers=world.as_("marketer")).json["status"])


def begin(world: World, campaign: dict[str, Any]) -> None:
    """Begin a campaign's first run, as the engine does."""
    with world.database.transaction(world.program_id) as session:
        row = session.get_one(Campaign, ids.parse("campaign", campaign["id"]))
        session.add(
            CampaignRun(
                campaign_id=row.id, starts_at=clock.now(), definition=row.definition, state="running",
                made_at=clock.now(),
            )
        )  # fmt: skip
        row.status = "running"
