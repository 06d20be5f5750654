"""Events over HTTP: followed without a gap, found by kind and member, sent again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock, ids
from app.db import Database
from app.models import Event, WebhookDelivery
from app.services import events, published_events, webhook_deliveries
from app.services.webhook_deliveries import Attempt
from notifications.webhooks.claiming import InHand, claim
from tests.world import World, make_world
from tests.world_receiver import make_webhook, publish


def page(client: FlaskClient, world: World, who: str = "till", **query: Any) -> Any:
    answer = client.get("/v1/events", query_string=query, headers=world.as_(who))
    assert answer.status_code == 200, answer.json
    return answer.json


def shown(events_: list[Event]) -> list[str]:
    return [ids.show("event", one.id) for one in events_]


def ids_of(answer: Any) -> list[str]:
    return [one["id"] for one in answer["data"]]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show events as soon as no older transaction is open."""
    monkeypatch.setattr(published_events, "SETTLE", timedelta(0))


def test_a_till_follows_events_page_by_page(client: FlaskClient, world: World) -> None:
    published = [publish(world) for _ in range(5)]
    publish(make_world(world.database))

    first = page(client, world, limit=3)
    second = page(client, world, limit=3, after=first["next"])
    later = publish(world)
    third = page(client, world, after=second["resume"])

    assert ids_of(first) + ids_of(second) == shown(published)
    assert "next" not in second
    assert ids_of(third) == shown([later])
    assert page(client, world, after=third["resume"])["resume"] == third["resume"]


def test_the_newest_come_first_when_asked(client: FlaskClient, world: World) -> None:
    published = [publish(world) for _ in range(3)]

    first = page(client, world, order="newest", limit=2)
    rest = page(client, world, order="newest", after=first["next"])

    assert ids_of(first) + ids_of(rest) == shown(published)[::-1]


def test_events_are_found_by_kind_by_member_and_by_time(client: FlaskClient, world: World) -> None:
    member_id = ids.new_id()
    publish(world, kind="member.joined")
    with world.database.transaction(world.program_id) as session:
        mine = events.publish(session, kind="voucher.used", data={}, member_id=member_id)
    other = publish(world)

    assert ids_of(page(client, world, kind="voucher.used")) == shown([mine, other])
    assert ids_of(page(client, world, member_id=ids.show("member", member_id))) == shown([mine])
    assert page(client, world, since=(clock.now() + timedelta(minutes=1)).isoformat())["data"] == []
    assert len(page(client, world, since="1901-01-01T00:00:00Z")["data"]) == 3
    assert page(client, world, since="9999-12-31T23:00:00Z")["data"] == []


def test_a_rare_kind_is_found_over_several_pages_none_of_them_long(
    client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published_events, "SCANNED_MAX", 4)
    published = [publish(world, kind="card.blocked" if place in {0, 9} else "voucher.used") for place in range(10)]

    found: list[str] = []
    after: dict[str, str] = {}
    pages = 0
    while pages < 10:
        answer = page(client, world, kind="card.blocked", **after)
        found += ids_of(answer)
        pages += 1
        if "next" not in answer:
            break
        after = {"after": answer["next"]}

    assert found == shown([published[0], published[9]])
    assert pages == 3


def test_what_commits_late_is_not_passed_by(client: FlaskClient, world: World) -> None:
    before = publish(world)
    with late(world.database, world.program_id) as early:
        younger = publish(world)
        while_open = page(client, world)
    after = page(client, world, after=while_open["resume"])

    assert early.id < younger.id
    assert ids_of(while_open) == shown([before])
    assert ids_of(after) == shown([early, younger])


def test_a_change_of_another_programme_holds_back_too_rather_than_lose_one(client: FlaskClient, world: World) -> None:
    with late(world.database, make_world(world.database).program_id):
        event = publish(world)
        assert page(client, world)["data"] == []
    assert ids_of(page(client, world)) == shown([event])


def test_an_event_shows_after_it_settled(client: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_events, "SETTLE", timedelta(minutes=5))
    event = publish(world)

    assert page(client, world)["data"] == []
    one = client.get(f"/v1/events/{ids.show('event', event.id)}", headers=world.as_("till"))
    assert (one.status_code, one.json["kind"]) == (200, "voucher.used")


def test_an_event_of_another_programme_is_not_found(client: FlaskClient, world: World) -> None:
    path = f"/v1/events/{ids.show('event', publish(make_world(world.database)).id)}"

    assert client.get(path, headers=world.as_("owner")).status_code == 404
    assert client.post(f"{path}/redeliver", json={}, headers=world.as_("owner")).status_code == 404


def test_an_event_is_sent_again_under_its_id_to_those_who_ask_for_its_kind(client: FlaskClient, world: World) -> None:
    webhook_id, _ = make_webhook(world, "https://shop.example/")
    make_webhook(world, "https://shop.example/", kinds=["member.joined"])
    event = publish(world)
    path = f"/v1/events/{ids.show('event', event.id)}/redeliver"

    first = client.post(path, json={}, headers=world.as_("marketer"))
    finish(world)
    again = client.post(path, json={"webhook_id": ids.show("webhook", webhook_id)}, headers=world.as_("marketer"))

    assert first.status_code == 202
    [made], [same] = first.json["deliveries"], again.json["deliveries"]
    assert (made["event_id"], made["state"]) == (ids.show("event", event.id), "queued")
    assert (same["id"], same["state"]) == (made["id"], "queued")
    [attempt] = same["attempts"]
    assert (attempt["status"], attempt["answer"]) == (200, "fine")


def test_what_is_being_sent_right_now_is_not_sent_beside_it(client: FlaskClient, world: World) -> None:
    make_webhook(world, "https://shop.example/")
    event = publish(world)
    path = f"/v1/events/{ids.show('event', event.id)}/redeliver"
    client.post(path, json={}, headers=world.as_("marketer"))
    with world.database.across_programs() as session:
        claim(session, InHand(), seats=1000)

    again = client.post(path, json={}, headers=world.as_("marketer"))

    assert [one["state"] for one in again.json["deliveries"]] == ["sending"]


def test_a_webhooks_deliveries_are_listed_with_their_attempts(client: FlaskClient, world: World) -> None:
    webhook_id, secret = make_webhook(world, "https://shop.example/")
    for _ in range(2):
        event = publish(world)
        path = f"/v1/events/{ids.show('event', event.id)}/redeliver"
        client.post(path, json={}, headers=world.as_("marketer"))
    finish(world, count=1)

    path = f"/v1/webhooks/{ids.show('webhook', webhook_id)}/deliveries"
    answer = client.get(path, headers=world.as_("marketer"))
    delivered = client.get(path, query_string={"state": "delivered"}, headers=world.as_("marketer")).json

    assert len(answer.json["data"]) == 2
    assert answer.json["data"][0]["created_at"] >= answer.json["data"][1]["created_at"]
    assert len(delivered["data"]) == 1
    assert secret not in answer.get_data(as_text=True)


@contextmanager
def late(database: Database, program_id: UUID) -> Iterator[Event]:
    """Publish an event at once, and commit it at the block's end."""
    with database.transaction(program_id) as session:
        event = events.publish(session, kind="voucher.used", data={})
        session.flush()
        yield event


def finish(world: World, *, count: int = 100) -> None:
    """Deliver what waits, with a receiver that answers 200."""
    with world.database.transaction(world.program_id) as session:
        rows = session.scalars(select(WebhookDelivery).where(WebhookDelivery.state == "queued").limit(count)).all()
        for row in rows:
            row.state, row.lease_owner = "sending", ids.new_id()
            session.flush()
            attempt = Attempt(at=clock.now(), ms=3, status=200, answer="fine")
            assert webhook_deliveries.record(session, row.id, row.lease_owner, attempt)
