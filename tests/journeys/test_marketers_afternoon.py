"""A marketer's afternoon, over HTTP and a worker's own parts, while the clock is held and moved by hand."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app import clock, ids
from app.config import Settings
from app.models import CampaignDelivery, Member
from app.services import inbox
from app.services.deliveries import STATES
from tests.world import World
from tests.world_afternoon import Afternoon, utc
from tests.world_campaigns import act, make_campaign, make_segment
from tests.world_engine import make_audience, withdraw
from tests.world_journeys import hear_all, publish, words

NINE = utc(9, 9)
"""A Tuesday: 10:00 in Paris."""
SIX_IN_TOKYO, SIX_IN_PARIS, SIX_IN_NEW_YORK = utc(10, 9), utc(10, 17), utc(10, 23)
VARIANTS = [
    {
        "name": name, "weight": weight,
        "content": {
            "fr": {"title": f"{name} Bonjour {{{{ first_name | \"l'ami\" }}}}", "body": "Un café offert"},
            "en": {"title": f"{name} Hello {{{{ first_name }}}}", "body": "A coffee on us"},
        },
    }
    for name, weight in (("A", 1), ("B", 2))
]  # fmt: skip


pytestmark = pytest.mark.usefixtures("empty_database")


@pytest.fixture(autouse=True)
def _held() -> Iterator[None]:
    with clock.held(NINE):
        yield


@pytest.fixture
def afternoon(world: World, settings: Settings) -> Afternoon:
    return Afternoon(world, settings, each=40)


def test_a_campaign_from_its_segment_to_a_report_that_adds_up(
    client: FlaskClient, world: World, afternoon: Afternoon
) -> None:
    set_rules(client, world, caps={"push": {"messages": 3, "days": 7}}, quiet_hours={"from": "21:00", "to": "08:00"})
    without_consent = make_audience(world, 5, consented=False, timezone="Europe/Paris")
    make_audience(world, 7, timezone="Europe/Paris")  # in no segment
    tag(world, without_consent)
    segment = make_segment(client, world)
    assert count_of(client, world) == 125

    campaign = make_campaign(
        client, world, segment_id=segment, channels=["push"], variants=VARIANTS, holdout_percent=20,
        schedule={"local_at": "2027-03-10T18:00:00"},
    )  # fmt: skip
    reader = afternoon.of_zone("Asia/Tokyo")[1]
    seen = act(client, world, campaign, "preview", member_id=ids.show("member", reader)).json
    assert (seen["locale"], seen["in_audience"]) == ("fr", True)
    shown = seen["variants"][0]["content"]
    assert {locale: shown[locale]["title"] for locale in shown} == {"fr": "A Bonjour Zoé", "en": "A Hello Zoé"}

    tested = act(client, world, campaign, "test", to=[ids.show("member", reader)], variant="A")
    assert tested.status_code < 300, tested.json
    afternoon.work()
    assert [(ring.member_id, ring.title) for ring in afternoon.phones.rings] == [(reader, "A Bonjour Zoé")]
    afternoon.phones.rings.clear()

    scheduled = act(client, world, campaign, "schedule")
    assert (scheduled.status_code, scheduled.json["status"]) == (200, "scheduled"), scheduled.json
    afternoon.until(SIX_IN_TOKYO - timedelta(seconds=1))
    assert afternoon.phones.rings == []

    leaver = treated_in(client, world, campaign, afternoon, "Asia/Tokyo")
    withdraw(world, leaver)
    afternoon.until(SIX_IN_TOKYO)
    assert {ring.zone for ring in afternoon.phones.rings} == {"Asia/Tokyo"}
    assert leaver not in {ring.member_id for ring in afternoon.phones.rings}

    assert act(client, world, campaign, "pause").json["status"] == "paused"
    before = len(afternoon.phones.rings)
    afternoon.until(SIX_IN_PARIS + timedelta(hours=4))
    assert len(afternoon.phones.rings) == before
    assert act(client, world, campaign, "resume").json["status"] == "running"
    afternoon.until(utc(11, 12))

    # Paris was asleep when the campaign went on; New York had not had its evening yet.
    times = {zone: {ring.wall_clock for ring in rings_in(afternoon, zone)} for zone in set(afternoon.zones.values())}
    assert times == {
        "Asia/Tokyo": {datetime(2027, 3, 10, 18)},  # noqa: DTZ001 - on the wall
        "Europe/Paris": {datetime(2027, 3, 11, 8)},  # noqa: DTZ001
        "America/New_York": {datetime(2027, 3, 10, 18)},  # noqa: DTZ001
    }
    check_report(client, world, campaign, afternoon, audience=125, no_consent=6)
    openers = [ring.delivery_id for ring in afternoon.phones.rings[:9]]
    note_opened(world, openers)
    totals = report_of(client, world, campaign)["totals"]
    assert (totals["opened"], totals["sent"] + totals["opened"]) == (9, len(afternoon.phones.rings))
    check_rows(client, world, campaign)
    check_file(client, world, campaign)


def test_no_phone_rings_above_the_cap_with_twenty_campaigns_at_once(
    client: FlaskClient, world: World, settings: Settings
) -> None:
    afternoon = Afternoon(world, settings, each=8)
    set_rules(client, world, caps={"push": {"messages": 2, "days": 7}}, quiet_hours={"from": "21:00", "to": "08:00"})
    campaigns = [
        make_campaign(client, world, channels=["push"], variants=VARIANTS, priority=index % 3,
                      schedule={"at": "2027-03-09T22:30:00Z"})
        for index in range(20)
    ]  # fmt: skip
    for one in campaigns:
        assert act(client, world, one, "schedule", confirm_all=True).json["status"] == "scheduled"
    leaver = afternoon.of_zone("Europe/Paris")[0]
    afternoon.until(utc(9, 23))
    withdraw(world, leaver)
    afternoon.until(utc(12, 12), step=timedelta(hours=1))

    rung = Counter(ring.member_id for ring in afternoon.phones.rings)
    assert rung == dict.fromkeys([one for one in afternoon.members if one != leaver], 2)
    assert all(8 <= ring.wall_clock.hour < 21 for ring in afternoon.phones.rings)
    assert len({ring.delivery_id for ring in afternoon.phones.rings}) == len(afternoon.phones.rings)
    reports = [report_of(client, world, one)["totals"] for one in campaigns]
    assert {one["targeted"] for one in reports} == {24}
    assert sum(one["sent"] for one in reports) == 2 * 23
    assert sum(one["skipped_by_reason"]["no_consent"] for one in reports) == 20
    assert sum(one["skipped_by_reason"].get("capped", 0) for one in reports) == 18 * 23
    # Where all want the same, those of the highest priority are heard.
    assert {one["sent"] for one, campaign in zip(reports, campaigns, strict=True) if campaign["priority"] < 2} == {0}


def test_a_journey_set_up_over_http_tells_its_steps_and_adds_up(
    client: FlaskClient, world: World, afternoon: Afternoon
) -> None:
    campaign = make_campaign(
        client, world, channels=["push"], variants=words("Merci"), holdout_percent=25,
        trigger={"event": "reward.redeemed", "delay_seconds": 3600},
        steps=[{"wait_seconds": 86_400, "variants": words("Alors ?"), "exit_if": {"kind": "tag", "tags": ["done"]}}],
        quiet_hours={"from": "21:00", "to": "08:00"},
    )  # fmt: skip
    answer = act(client, world, campaign, "schedule", confirm_all=True)
    assert answer.status_code == 200, answer.json
    afternoon.until(NINE + timedelta(minutes=1), step=timedelta(minutes=1))
    tag(world, afternoon.members[:30], "done")
    for one in afternoon.members:
        publish(world, "reward.redeemed", one)
    assert hear_all(world, "reward.redeemed") == 120
    afternoon.until(utc(12, 9))

    held_out = report_of(client, world, campaign)["totals"]["held_out"]
    titles = Counter(ring.title for ring in afternoon.phones.rings)
    assert 0 < held_out < 60
    assert titles["Merci"] == 120 - held_out
    second = {ring.member_id for ring in afternoon.phones.rings if ring.title == "Alors ?"}
    first = {ring.member_id for ring in afternoon.phones.rings if ring.title == "Merci"}
    assert second == first - set(afternoon.members[:30])
    assert all(8 <= ring.wall_clock.hour < 21 for ring in afternoon.phones.rings)
    totals = report_of(client, world, campaign)["totals"]
    assert totals["targeted"] == 120 + len(second)
    assert totals["sent"] == len(afternoon.phones.rings)


def set_rules(client: FlaskClient, world: World, **rules: Any) -> None:
    """Set the programme's rules for campaigns."""
    path, headers = "/v1/program/campaign-settings", world.as_("owner")
    etag = client.get(path, headers=headers).headers["ETag"]
    answer = client.patch(path, json=rules, headers=headers | {"If-Match": etag})
    assert answer.status_code == 200, answer.json


def count_of(client: FlaskClient, world: World) -> int:
    """Return how many members the segment's question finds."""
    body = {"where": {"kind": "tag", "tags": ["regular"]}}
    answer = client.post("/v1/segments/preview", json=body, headers=world.as_("marketer"))
    assert answer.json is not None
    return int(answer.json["count"])


def tag(world: World, members: list[UUID], *tags: str) -> None:
    with world.database.transaction(world.program_id) as session:
        session.execute(update(Member).where(Member.id.in_(members)).values(tags=list(tags or ["regular"])))


def note_opened(world: World, deliveries: list[UUID]) -> None:
    """Let members open what their phones show."""
    for delivery_id in deliveries:
        with world.database.transaction(world.program_id) as session:
            member_id = session.scalars(
                select(CampaignDelivery.member_id).where(CampaignDelivery.id == delivery_id)
            ).one()
            customer_id = session.get_one(Member, member_id).customer_id
        assert customer_id is not None
        inbox.open_message(world.database, customer_id, delivery_id)


def treated_in(client: FlaskClient, world: World, campaign: dict[str, Any], afternoon: Afternoon, zone: str) -> UUID:
    """Return somebody in a zone whom the campaign would tell."""
    for member in afternoon.of_zone(zone):
        seen = act(client, world, campaign, "preview", member_id=ids.show("member", member)).json
        if not seen["held_out"]:
            return member
    raise AssertionError("everybody is held out")


def check_rows(client: FlaskClient, world: World, campaign: dict[str, Any]) -> None:
    """See that each number of the report is so many rows of the list, each of another member."""
    totals = report_of(client, world, campaign)["totals"]
    members = set()
    for state in STATES:
        rows = list(rows_in(client, world, campaign_id=campaign["id"], status=state))
        # The one whom a test was sent to has a row of that, too: no report counts it.
        counted = [row for row in rows if row["run_id"] == campaign_run(client, world, campaign)]
        assert len(counted) == totals[state], state
        members |= {row["member_id"] for row in counted}
        if state == "skipped":
            assert Counter(row["reason"] for row in counted) == totals["skipped_by_reason"]
    assert len(members) == totals["targeted"]


def check_file(client: FlaskClient, world: World, campaign: dict[str, Any]) -> None:
    """See that the lines of the file add up to the same."""
    answer = client.get(f"/v1/campaigns/{campaign['id']}/report.csv", headers=world.as_("marketer"))
    lines = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True).lstrip("\ufeff"))))
    totals = report_of(client, world, campaign)["totals"]
    added: Counter[str] = Counter()
    for line in lines:
        added[line["state"]] += int(line["deliveries"])
    assert {state: added[state] for state in STATES} == {state: totals[state] for state in STATES}


def campaign_run(client: FlaskClient, world: World, campaign: dict[str, Any]) -> str:
    """Return the id of the one run that is no test."""
    answer = client.get(f"/v1/campaigns/{campaign['id']}/runs", headers=world.as_("marketer"))
    assert answer.json is not None
    (run,) = [one["id"] for one in answer.json["data"] if not one["test"]]
    return str(run)


def rows_in(client: FlaskClient, world: World, **query: str) -> Iterator[dict[str, Any]]:
    """Yield deliveries, page by page."""
    after: str | None = None
    while True:
        asked = {**query, "limit": "100"} | ({"after": after} if after else {})
        page: Any = client.get("/v1/deliveries", query_string=asked, headers=world.as_("owner")).json
        yield from page["data"]
        after = page.get("next")
        if after is None:
            return


def rings_in(afternoon: Afternoon, zone: str) -> list[Any]:
    return [ring for ring in afternoon.phones.rings if ring.zone == zone]


def report_of(client: FlaskClient, world: World, campaign: dict[str, Any]) -> dict[str, Any]:
    answer = client.get(f"/v1/campaigns/{campaign['id']}/report", headers=world.as_("marketer"))
    assert answer.status_code == 200, answer.json
    document: dict[str, Any] = answer.json
    return document


def check_report(
    client: FlaskClient, world: World, campaign: dict[str, Any], afternoon: Afternoon, *, audience: int, no_consent: int
) -> None:
    """See that every member of the audience is counted once, in each way of counting, and as the phones say."""
    report = report_of(client, world, campaign)
    totals, rings = report["totals"], afternoon.phones.rings
    assert report["status"] == "finished"
    assert totals["targeted"] == audience == sum(totals[state] for state in STATES)
    assert totals["sent"] == len(rings) == len({ring.member_id for ring in rings})
    for part in ("runs", "channels", "hours"):
        assert sum(one["targeted"] for one in report[part]) == audience, part
    by_variant = {one.get("variant"): one["deliveries"] for one in report["variants"]}
    assert sum(one["targeted"] for one in by_variant.values()) == audience
    said = Counter(ring.title[0] for ring in rings)
    assert {name: by_variant[name]["sent"] for name in ("A", "B")} == said
    assert {ring.title for ring in rings} == {"A Bonjour Zoé", "A Hello Zoé", "B Bonjour Zoé", "B Hello Zoé"}
    # Some of those without a consent are held out: chance does not ask who could be told.
    assert totals["skipped_by_reason"].keys() == {"no_consent"}
    assert 1 <= totals["skipped_by_reason"]["no_consent"] <= no_consent
    assert 5 < totals["held_out"] < 50
    assert totals["held_out"] + totals["skipped"] + totals["sent"] == audience
