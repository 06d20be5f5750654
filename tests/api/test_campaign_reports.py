"""The report of a campaign over HTTP: it adds up, says what it does not know, and comes as CSV too."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from app import clock, ids
from tests.world import World, make_world
from tests.world_reports import make_campaign, make_people, make_purchase, make_row, make_run

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
STATES = ("held_out", "skipped", "queued", "sending", "sent", "opened", "failed", "unknown", "cancelled")


def test_the_report_adds_up_and_compares_with_those_held_out(client: FlaskClient, world: World) -> None:
    campaign_id = make_story(world)

    with clock.held(NOON + timedelta(days=8)):
        found = report(client, world, campaign_id)

    totals = found["totals"]
    assert totals["targeted"] == sum(totals[state] for state in STATES) == 101
    assert (totals["held_out"], totals["sent"], totals["opened"], totals["skipped"]) == (40, 49, 10, 2)
    assert totals["delivered"] == 59
    assert totals["skipped_by_reason"] == {"capped": 2}
    assert [run["targeted"] for run in found["runs"]] == [101]
    assert [(one.get("variant"), one["deliveries"]["targeted"]) for one in found["variants"]] == [
        (None, 40), ("A", 31), ("B", 30),
    ]  # fmt: skip
    assert [(hour["hour"], hour["targeted"]) for hour in found["hours"] if hour.get("variant") == "A"] == [
        ("2026-12-01T12:00:00.000Z", 31)
    ]
    assert (found["timezone"], found["attribution_days"]) == ("Europe/Paris", 7)
    assert found["complete_at"] == "2026-12-08T12:00:00.000Z"
    assert found["treated"] == {
        "members": 61, "reached": 59, "visited": 31, "reached_visited": 29, "visit_rate": pytest.approx(31 / 61),
        "revenue": {"amount": 31_000, "currency": "EUR"}, "revenue_per_member": pytest.approx(31_000 / 61),
    }  # fmt: skip
    assert (found["held_out"]["members"], found["held_out"]["visited"]) == (40, 0)
    uplift = found["uplift"]
    assert uplift["visit_rate"]["difference"] == pytest.approx(31 / 61)
    assert uplift["visit_rate"]["is_clear"] is True
    assert uplift["revenue_per_member"]["low"] > 0
    assert uplift["revenue_per_member"]["currency"] == "EUR"
    assert "why" not in uplift
    assert [one["outcome"]["visited"] for one in found["variants"][1:]] == [31, 0]
    assert found["variants"][2]["uplift"]["visit_rate"]["is_clear"] is False
    assert "outcome" not in found["variants"][0]


def test_what_a_worker_has_in_its_hand_is_being_sent(client: FlaskClient, world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        campaign = make_campaign(session)
        run = make_run(session, campaign)
        one, other = make_people(session, 2)
        in_hand = make_row(run, one, "queued", lease_until=clock.now() + timedelta(minutes=1))
        session.add_all([in_hand, make_row(run, other, "queued")])

    totals = report(client, world, campaign.id)["totals"]
    listed = client.get(f"/v1/deliveries?campaign_id={ids.show('campaign', campaign.id)}", headers=world.as_("owner"))

    assert (totals["queued"], totals["sending"], totals["targeted"]) == (1, 1, 2)
    assert sorted(row["status"] for row in listed.json["data"]) == ["queued", "sending"]


def test_without_a_holdout_the_report_says_that_it_cannot_tell(client: FlaskClient, world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        campaign = make_campaign(session, attribution_days=2)
        session.add_all(make_row(make_run(session, campaign), one, channel="email") for one in make_people(session, 1))

    found = report(client, world, campaign.id)

    assert found["uplift"] == {"why": "Nobody was held out."}
    assert found["attribution_days"] == 2
    assert [(one["channel"], one["opens_are_counted"]) for one in found["channels"]] == [("email", False)]


def test_the_lines_of_the_file_add_up_to_the_report(client: FlaskClient, world: World) -> None:
    campaign_id = make_story(world)

    answer = client.get(f"{path_of(campaign_id)}.csv", headers=world.as_("marketer"))
    lines = list(csv.DictReader(io.StringIO(answer.text)))

    totals = report(client, world, campaign_id)["totals"]
    for state in STATES:
        assert sum(int(line["deliveries"]) for line in lines if line["state"] == state) == totals[state]
    assert {line["reason"] for line in lines if line["state"] == "skipped"} == {"capped"}
    assert answer.mimetype == "text/csv"


def test_a_campaign_of_another_programme_is_not_found(client: FlaskClient, world: World) -> None:
    campaign_id = make_story(make_world(world.database))

    for path in (path_of(campaign_id), f"{path_of(campaign_id)}.csv"):
        assert client.get(path, headers=world.as_("owner")).status_code == 404


def make_story(world: World) -> UUID:
    """Make a campaign of which 40 are held out and 31 of 61 come, all of variant A, two of them skipped."""
    with clock.held(NOON), world.database.transaction(world.program_id) as session:
        campaign = make_campaign(session)
        run = make_run(session, campaign)
        people = make_people(session, 101)
        session.add_all(make_row(run, one, "held_out") for one in people[:40])
        session.add_all(make_row(run, one, "skipped", reason="capped") for one in people[40:42])
        session.add_all(make_row(run, one) for one in people[42:71])
        session.add_all(make_row(run, one, "opened", variant="B") for one in people[71:81])
        session.add_all(make_row(run, one, variant="B") for one in people[81:])
        session.add_all(make_purchase(one, NOON + timedelta(hours=1)) for one in people[40:71])
        return campaign.id


def path_of(campaign_id: UUID) -> str:
    """Return where the report is."""
    return f"/v1/campaigns/{ids.show('campaign', campaign_id)}/report"


def report(client: FlaskClient, world: World, campaign_id: UUID) -> Any:
    """Read the report."""
    return client.get(path_of(campaign_id), headers=world.as_("marketer")).json
