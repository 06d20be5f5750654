"""The inbox: one person's messages of all programmes, opened once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask.testing import FlaskClient

from app import clock, ids
from app.models import Delivery, Reward
from app.services import cards, config, vouchers
from notifications.campaigns import dispatching, journeys, listening, ticking
from tests.world import World, make_world
from tests.world_campaigns import act
from tests.world_engine import begin, drainer_of, states_of
from tests.world_journeys import hear, publish
from tests.world_members import enrol, make_customer
from tests.world_notifications import ScriptedChannel
from tests.world_setup import made


def test_messages_of_all_programmes_are_newest_first_on_every_page(client: FlaskClient, world: World) -> None:
    ana, other = make_customer(world.database), make_world(world.database)
    here, there = (enrol(place, email=ana.email).id for place in (world, other))
    sent = [deliver(world, here), deliver(other, there), deliver(world, here)]
    deliver(world, enrol(world).id)
    deliver(world, here, channel="push")
    deliver(world, here, state="queued")

    first = client.get("/v1/me/inbox?limit=2", headers=ana.headers).json
    rest = client.get(f"/v1/me/inbox?limit=2&after={first['next']}", headers=ana.headers).json

    assert [one["id"] for one in first["data"] + rest["data"]] == sent[::-1]
    assert "next" not in rest


def test_a_message_is_opened_once(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)
    message = deliver(world, enrol(world, email=ana.email).id)

    answer = client.post(f"/v1/me/inbox/{message}/open", headers=ana.headers)
    (first,) = client.get("/v1/me/inbox", headers=ana.headers).json["data"]
    client.post(f"/v1/me/inbox/{message}/open", headers=ana.headers)

    assert answer.status_code == 204
    assert client.get("/v1/me/inbox", headers=ana.headers).json["data"][0]["opened_at"] == first["opened_at"]


def test_a_push_that_was_tapped_counts_as_opened(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)
    member = enrol(world, email=ana.email)
    push = deliver(world, member.id, channel="push")

    client.post(f"/v1/me/inbox/{push}/open", headers=ana.headers)

    sent = client.get(f"/v1/members/{ids.show('member', member.id)}/deliveries", headers=world.as_("owner")).json
    assert [(one["channel"], one["state"]) for one in sent["data"]] == [("push", "opened")]


def test_another_persons_message_is_not_found(client: FlaskClient, world: World) -> None:
    ana, bob = make_customer(world.database), make_customer(world.database)
    message = deliver(world, enrol(world, email=ana.email).id)
    enrol(world, email=bob.email)

    assert client.post(f"/v1/me/inbox/{message}/open", headers=bob.headers).status_code == 404
    assert client.get("/v1/me/inbox", headers=bob.headers).json == {"data": []}


def test_a_campaigns_message_is_rendered_for_its_reader_and_opened_once(client: FlaskClient, world: World) -> None:
    ana, bob = make_customer(world.database), make_customer(world.database)
    enrol(world, email=ana.email, first_name="Ana")
    enrol(world, email=bob.email)
    run_id = begin(world, channels=["inbox"])
    drainer_of(world.database, ScriptedChannel([]), settings=world.database.settings).drain(run_id, "inbox")

    (message,) = client.get("/v1/me/inbox", headers=ana.headers).json["data"]
    opening = f"/v1/me/inbox/{message['id']}/open"
    foreign = client.post(opening, headers=bob.headers)
    opened = [client.post(opening, headers=ana.headers).status_code for _ in range(2)]

    assert (message["kind"], message["title"]) == ("campaign", "Bonjour Ana")
    assert foreign.status_code == 404
    assert opened == [204, 204]
    assert states_of(world, run_id) == {"opened": 1, "sent": 1}


def test_a_campaigns_message_names_its_reward(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)
    enrol(world, email=ana.email)
    with world.database.transaction(world.program_id) as session:
        cake = Reward(name="Gâteau", kind="free_item", value={"name": "Gâteau"})
        session.add(cake)
    said = [{"name": "A", "content": {"fr": {"title": '{{ reward | "rien" }}', "body": "Pour vous"}}}]
    run_id = begin(world, channels=["inbox"], variants=said, reward_id=ids.show("reward", cake.id))
    drainer_of(world.database, ScriptedChannel([]), settings=world.database.settings).drain(run_id, "inbox")

    (message,) = client.get("/v1/me/inbox", headers=ana.headers).json["data"]

    assert message["title"] == "Gâteau"


def test_a_campaigns_message_shows_what_its_preview_showed(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)
    member = enrol(world, email=ana.email)
    said = [{"name": "A", "content": {"fr": {"title": "Pour vous", "body": "{{ voucher_code }} {{ card_number }}"}}}]
    run_id = begin(world, channels=["inbox"], variants=said)
    drainer_of(world.database, ScriptedChannel([]), settings=world.database.settings).drain(run_id, "inbox")
    with world.database.transaction(world.program_id) as session:
        cake = Reward(name="Gâteau", kind="free_item", value={"name": "Gâteau"})
        session.add(cake)
        session.flush()
        reward = config.load(session).rewards[cake.id]
        voucher = vouchers.issue(session, world.database.keyring, member_id=member.id, reward=reward)
        code, card = vouchers.code_of(world.database.keyring, voucher), cards.of_members(session, [member.id])

    (message,) = client.get("/v1/me/inbox", headers=ana.headers).json["data"]

    assert message["body"] == f"{code} {card[member.id].number}"


def test_what_was_sent_before_a_campaign_was_changed_stays_as_it_was(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database)
    member = enrol(world, email=ana.email)
    trigger = {"event": "reward.redeemed"}
    written = made(client, world, "campaigns", {"name": "Merci"} | words("Dix") | {"trigger": trigger}, who="marketer")
    act(client, world, written, "schedule")
    ticking.tick(world.database)
    with clock.held(clock.now() + timedelta(minutes=1)):
        tell(world, member.id)
        act(client, world, written, "pause")
        clock.advance(timedelta(minutes=1))
        headers = world.as_("marketer")
        client.patch(f"/v1/campaigns/{written['id']}", json=words("Cinq"), headers=headers)
        act(client, world, written, "resume")
        clock.advance(timedelta(minutes=1))
        tell(world, member.id)

    titles = [one["title"] for one in client.get("/v1/me/inbox", headers=ana.headers).json["data"]]
    assert titles == ["Cinq", "Dix"]


def words(title: str) -> dict[str, Any]:
    """What a campaign by the inbox says."""
    content = {locale: {"title": title, "body": "Pour vous"} for locale in ("fr", "en")}
    return {"channels": ["inbox"], "variants": [{"name": "A", "content": content}]}


def tell(world: World, member_id: UUID) -> None:
    """Have something happen to the member, and all that waits for it sent."""
    listening.forget(world.database)
    hear(world, publish(world, "reward.redeemed", member_id))
    journeys.walk(world.database)
    with world.database.across_programs() as session:
        due = [one for one in dispatching.runs_to_drain(session) if one.program_id == world.program_id]
    drainer = drainer_of(world.database, ScriptedChannel([]), settings=world.database.settings)
    for one in due:
        drainer.drain(one.run_id, one.channel)


def deliver(world: World, member_id: UUID, *, channel: str = "inbox", state: str = "sent") -> str:
    """Write a message to the member; return its public id."""
    with world.database.transaction(world.program_id) as session:
        delivery = Delivery(
            member_id=member_id, event_id=ids.new_id(), channel=channel, address="x", kind="voucher.issued",
            title="Café offert", body="Bravo", due_at=clock.now(), state=state, sent_at=clock.now(),
        )  # fmt: skip
        session.add(delivery)
    return ids.show("delivery", delivery.id)
