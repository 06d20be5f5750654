"""Deliveries: both kinds as one list, page by page and as a file that no spreadsheet computes."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from api import csv_files
from app import clock, ids
from app.db import Session
from app.models import Delivery
from app.services import deliveries
from tests.world import World, make_world
from tests.world_reports import make_campaign, make_people, make_row, make_run


def test_messages_of_both_kinds_are_newest_first_on_every_page(client: FlaskClient, world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        ana, bob = make_people(session, 2)
        first, second = (make_run(session, make_campaign(session)) for _ in range(2))
        rows = [
            make_row(first, ana), make_event(ana), make_row(second, ana, "skipped", reason="capped"), make_event(bob),
            make_row(first, bob, "held_out"), make_row(second, bob, channel="email"),
        ]  # fmt: skip
        session.add_all(rows)
    make_noise(make_world(world.database))

    assert shown(client, world, "limit=2") == [ids.show("delivery", row.id) for row in reversed(rows)]


def test_what_is_asked_for_is_what_comes(client: FlaskClient, world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        people = make_people(session, 2)
        runs = [make_run(session, make_campaign(session)) for _ in range(2)]
        rows = [
            row
            for one in people
            for row in (
                make_row(runs[0], one), make_row(runs[0], one, "failed", channel="email", reason="gone"),
                make_row(runs[1], one, "opened"), make_event(one), make_event(one, state="failed", channel="push"),
            )
        ]  # fmt: skip
        session.add_all(rows)
    asked: list[dict[str, Any]] = [
        {"campaign_id": runs[0].campaign_id}, {"member_id": people[1]}, {"state": "failed"}, {"channel": "push"},
        {"campaign_id": runs[0].campaign_id, "state": "failed"}, {"member_id": people[0], "state": "sent"},
        {"campaign_id": runs[1].campaign_id, "member_id": people[0], "channel": "push", "state": "opened"},
        {"state": "failed", "channel": "email"}, {"campaign_id": ids.new_id()}, {"member_id": ids.new_id()},
        {"run_id": runs[1].id}, {"run_id": runs[0].id, "state": "failed"}, {"run_id": ids.new_id()},
        {"variant": "A", "channel": "email"}, {"variant": "none"}, {"run_id": runs[0].id, "member_id": people[0]},
    ]  # fmt: skip

    for filters in asked:
        expected = [
            ids.show("delivery", row.id)
            for row in reversed(rows)
            if all(getattr(row, name, None) == value for name, value in filters.items())
        ]
        assert shown(client, world, query_of(filters) + "&limit=1") == expected, filters


def test_a_delivery_says_what_became_of_it(client: FlaskClient, world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        (ana,) = make_people(session, 1)
        run = make_run(session, make_campaign(session))
        row, event = make_row(run, ana, "opened", variant="B", attempts=1), make_event(ana)
        session.add_all([row, event])

    of_campaign, of_event = (
        client.get(f"/v1/deliveries/{ids.show('delivery', one.id)}", headers=world.as_("marketer")).json
        for one in (row, event)
    )

    assert {name: value for name, value in of_campaign.items() if not name.endswith("_at")} == {
        "id": ids.show("delivery", row.id), "member_id": ids.show("member", ana), "kind": "campaign",
        "campaign_id": ids.show("campaign", run.campaign_id), "run_id": ids.show("campaign_run", run.id),
        "variant": "B", "channel": "push", "status": "opened", "attempts": 1,
    }  # fmt: skip
    assert {"due_at", "sent_at", "opened_at"} <= set(of_campaign)
    assert (of_event["kind"], of_event["title"], of_event["status"]) == ("voucher.issued", "Bonjour", "sent")


def test_of_a_campaign_those_come_that_its_report_counts(client: FlaskClient, world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        (ana,) = make_people(session, 1)
        campaign = make_campaign(session)
        run, trial = make_run(session, campaign), make_run(session, campaign, starts_at=clock.now() - timedelta(days=1))
        trial.definition = {**trial.definition, "test": True}
        own, test = make_row(run, ana), make_row(trial, ana)
        session.add_all([own, test])
    asked = f"campaign_id={ids.show('campaign', campaign.id)}"
    of_trial = f"{asked}&run_id={ids.show('campaign_run', trial.id)}"

    report = client.get(f"/v1/campaigns/{ids.show('campaign', campaign.id)}/report", headers=world.as_("marketer")).json
    every = client.get(f"/v1/deliveries?member_id={ids.show('member', ana)}", headers=world.as_("marketer")).json[
        "data"
    ]
    file = client.get(f"/v1/deliveries.csv?{asked}", headers=world.as_("marketer")).text

    assert shown(client, world, asked) == [ids.show("delivery", own.id)]
    assert report["totals"]["targeted"] == 1
    assert [line["id"] for line in csv.DictReader(io.StringIO(file))] == [ids.show("delivery", own.id)]
    assert shown(client, world, of_trial) == [ids.show("delivery", test.id)]
    assert [one.get("test") for one in every] == [True, None]


def test_an_old_run_of_a_campaign_is_listed_among_those_that_came_after(client: FlaskClient, world: World) -> None:
    long_ago = clock.now() - timedelta(days=700)
    with world.database.transaction(world.program_id) as session:
        people, campaign = make_people(session, 3), make_campaign(session)
        finished = {"state": "finished", "created_at": long_ago, "finished_at": long_ago + timedelta(hours=2)}
        old = make_run(session, campaign, starts_at=long_ago, id=stamped(long_ago), **finished)
        new = make_run(session, campaign)
        states = zip(("sent", "failed", "opened"), people, strict=True)
        rows = [
            make_row(old, one, state, id=stamped(long_ago + timedelta(hours=hour)))
            for hour, (state, one) in enumerate(states)
        ]
        session.add_all([*rows, *(make_row(new, one) for one in people)])
    asked = f"run_id={ids.show('campaign_run', old.id)}"

    assert shown(client, world, asked) == [ids.show("delivery", row.id) for row in reversed(rows)]
    assert shown(client, world, f"{asked}&status=failed") == [ids.show("delivery", rows[1].id)]
    assert len(shown(client, world, f"run_id={ids.show('campaign_run', new.id)}")) == 3


def test_a_run_of_a_clock_that_was_held_is_listed_whole(client: FlaskClient, world: World) -> None:
    with clock.held(clock.now() - timedelta(days=90)), world.database.transaction(world.program_id) as session:
        (ana,) = make_people(session, 1)
        run = make_run(session, make_campaign(session), state="finished", finished_at=clock.now())
        session.add(make_row(run, ana))
    assert len(shown(client, world, f"run_id={ids.show('campaign_run', run.id)}")) == 1


def stamped(instant: datetime) -> UUID:
    """Return an id as it is made at an instant."""
    return UUID(int=int(instant.timestamp() * 1000) << 80 | ids.new_id().int & (1 << 80) - 1)


def test_what_is_not_there_or_anothers_is_not_found(client: FlaskClient, world: World) -> None:
    foreign = make_noise(make_world(world.database))

    for one in (*foreign, ids.new_id()):
        answer = client.get(f"/v1/deliveries/{ids.show('delivery', one)}", headers=world.as_("owner"))
        assert answer.status_code == 404


def test_a_members_page_shows_campaigns_too(client: FlaskClient, world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        ana, bob = make_people(session, 2)
        run = make_run(session, make_campaign(session))
        rows = [make_event(ana), make_row(run, ana), make_row(run, bob)]
        session.add_all(rows)

    path = f"/v1/members/{ids.show('member', ana)}/deliveries"
    found = client.get(path, headers=world.as_("owner")).json["data"]

    assert [one["id"] for one in found] == [ids.show("delivery", row.id) for row in (rows[1], rows[0])]
    assert [(one["state"], one["status"]) for one in found] == [("sent", "sent")] * 2
    assert found[0]["campaign_id"] == ids.show("campaign", run.campaign_id)


@pytest.mark.parametrize(("path", "accept"), [("/v1/deliveries.csv", "*/*"), ("/v1/deliveries", "text/csv")])
def test_the_file_holds_every_row_whatever_the_batch(
    client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch, path: str, accept: str
) -> None:
    monkeypatch.setattr(deliveries, "BATCH", 2)
    with world.database.transaction(world.program_id) as session:
        runs = [make_run(session, make_campaign(session)) for _ in range(3)]
        people = make_people(session, 5)
        rows = [*map(make_event, people), *(make_row(run, one) for run in (*runs[:2], runs[1]) for one in people)]
        for row in rows[10:]:
            row.channel = "email" if row in rows[-5:] else row.channel
        session.add_all(rows)
    make_noise(make_world(world.database))

    answer = client.get(path, headers={**world.as_("owner"), "Accept": accept})

    assert answer.mimetype == "text/csv"
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    expected = [*reversed(rows[10:]), *reversed(rows[5:10]), *reversed(rows[:5])]
    assert [line["id"] for line in lines] == [ids.show("delivery", row.id) for row in expected]
    assert {line["status"] for line in lines} == {"sent"}
    assert {line["reason"] for line in lines} == {""}


def test_a_download_is_noted_with_what_was_asked(client: FlaskClient, world: World) -> None:
    client.get("/v1/deliveries.csv?status=failed", headers=world.as_("marketer"))

    (entry,) = client.get("/v1/audit-entries", headers=world.as_("owner")).json["data"]

    assert entry["action"] == "deliveries.exported"
    assert entry["data"] == {"filters": {"status": "failed"}}


def test_a_spreadsheet_computes_nothing_of_a_file(client: FlaskClient, world: World) -> None:
    with world.database.transaction(world.program_id) as session:
        run = make_run(session, make_campaign(session))
        people = make_people(session, len(HOSTILE))
        session.add_all(make_row(run, one, variant=text) for one, text in zip(people, HOSTILE, strict=True))

    answer = client.get("/v1/deliveries.csv", headers=world.as_("owner"))
    cells = [line["variant"] for line in csv.DictReader(io.StringIO(answer.text, newline=""))]

    assert cells == [f"'{text}" for text in reversed(HOSTILE)]


@pytest.mark.parametrize("text", ["", "A", "a=b", "no_consent", "2026-12-01", "it's"])
def test_plain_texts_stay_as_they_are(text: str) -> None:
    assert csv_files.cell(text) == text


@pytest.mark.parametrize("query", ["status=lost", "campaign_id=mbr_1", "channel=fax", "colour=red"])
def test_filters_that_mean_nothing_are_refused(client: FlaskClient, world: World, query: str) -> None:
    for path in ("/v1/deliveries", "/v1/deliveries.csv"):
        assert client.get(f"{path}?{query}", headers=world.as_("owner")).status_code == 422


HOSTILE = (
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", '=HYPERLINK("http://x.example";"A")', "＝1",  # noqa: RUF001
)  # fmt: skip


def make_event(member_id: UUID, *, state: str = "sent", channel: str = "inbox") -> Delivery:
    """Return a message that tells of an event."""
    return Delivery(
        member_id=member_id, event_id=ids.new_id(), channel=channel, address="x", kind="voucher.issued",
        title="Bonjour", body="Un café", due_at=clock.now() - timedelta(minutes=1), state=state,
    )  # fmt: skip


def make_noise(other: World) -> list[UUID]:
    """Make a delivery of each kind in another programme; return their ids."""

    def both(session: Session) -> list[UUID]:
        (member_id,) = make_people(session, 1)
        rows: list[Any] = [make_row(make_run(session, make_campaign(session)), member_id), make_event(member_id)]
        session.add_all(rows)
        return [row.id for row in rows]

    with other.database.transaction(other.program_id) as session:
        return both(session)


def query_of(filters: dict[str, Any]) -> str:
    """Return filters on rows as the query that asks for them."""
    kinds = {"campaign_id": "campaign", "member_id": "member", "run_id": "campaign_run"}
    return "&".join(
        f"{'status' if name == 'state' else name}={ids.show(kinds[name], value) if name in kinds else value}"
        for name, value in filters.items()
    )


def shown(client: FlaskClient, world: World, query: str) -> list[str]:
    """Return the ids on all pages of a list."""
    found: list[str] = []
    after = ""
    while True:
        answer = client.get(f"/v1/deliveries?{query}{after}", headers=world.as_("marketer")).json
        found += [one["id"] for one in answer["data"]]
        if "next" not in answer:
            return found
        after = f"&after={answer['next']}"
