"""Campaigns by e-mail on a real mail server, and attacks 16 and 32: no push to who left, no mail to who withdrew."""

import re
import socket
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock, ids
from app.config import Settings
from app.models import Customer, Member, Program
from notifications.campaigns.draining import Drainer
from notifications.channels.email import EmailChannel
from notifications.channels.email_smtp import MailServer
from notifications.channels.opening import Channels
from tests.notifications.mail_server import MailServerStandIn, Received
from tests.world import World
from tests.world_engine import begin, drainer_of, make_audience, rows_of, run_now, states_of
from tests.world_notifications import ScriptedChannel
from tests.world_signing import make_customer

CONTENT = {
    "fr": {
        "title": 'Bonjour {{ first_name | "vous" }}',
        "body": "# Cette semaine\n\n- un café\n- un thé\n\nAssez ? {{ unsubscribe_url }}",
        "link": "https://cafe.example/offre",
    }
}  # fmt: skip
VARIANTS = [{"name": "A", "weight": 1, "content": CONTENT}]


def test_a_newsletter_reaches_each_member_once_with_a_way_out_of_their_own(
    client: FlaskClient, world: World, settings: Settings, server: MailServerStandIn
) -> None:
    brand(world)
    members = make_audience(world, 12, phones=0)
    run_id = begin(world, channels=["email"], variants=VARIANTS)

    drain(world, settings, server, run_id)

    assert states_of(world, run_id) == {"sent": 12}
    assert sorted(got.recipient for got in server.received) == sorted(mailbox(world, one) for one in members)
    assert len({way_out(got) for got in server.received}) == 12
    [got] = [one for one in server.received if one.recipient == mailbox(world, members[0])]
    assert got.mail["From"] == "Café de la Nation <bonjour@nation.example>"
    assert got.mail["Reply-To"] == "gerante@nation.example"
    assert "background-color:#5b2333" in got.part("html")
    assert "un café</li>" in got.part("html")
    assert "https://cafe.example/offre" in got.part("plain")
    assert got.part("plain").count(way_out(got)) == 2, "where the marketer wrote it, and below"

    # The link in the mail, pressed by its reader's mail program.
    assert client.post(way_out(got).removeprefix("http://127.0.0.1:8000")).status_code == 200
    again = begin(world, channels=["email"], variants=VARIANTS)
    drain(world, settings, server, again)
    assert states_of(world, again) == {"sent": 11, "skipped/no_consent": 1}


def test_nothing_is_sent_to_who_withdrew_between_schedule_and_send(
    client: FlaskClient, world: World, settings: Settings, server: MailServerStandIn
) -> None:
    members = make_audience(world, 10, phones=0)
    first = begin(world, channels=["email"], variants=VARIANTS)
    drain(world, settings, server, first)
    links = {got.recipient: way_out(got).removeprefix("http://127.0.0.1:8000") for got in server.received}
    server.received.clear()
    run_id = begin(world, channels=["email"], variants=VARIANTS)
    gone = {mailbox(world, one) for one in members[:4]}
    stay = {mailbox(world, one) for one in members[4:]}

    for address in gone:
        client.post(links[address], data={"List-Unsubscribe": "One-Click"})
    for address in stay:
        client.get(links[address])  # a scanner
    drain(world, settings, server, run_id)

    assert {got.recipient for got in server.received} == stay
    assert states_of(world, run_id) == {"sent": 6, "skipped/no_consent": 4}


def test_what_may_have_gone_is_unknown_and_not_sent_again(
    world: World, settings: Settings, server: MailServerStandIn
) -> None:
    [dropped, nobody, fine] = make_audience(world, 3, phones=0)
    for member_id, name in ((dropped, "dropped"), (nobody, "nobody")):
        with world.database.transaction(world.program_id) as session:
            member = session.scalars(select(Member).where(Member.id == member_id)).one()
            member.email = f"{name}@{ids.new_id().hex}.example"
    run_id = begin(world, channels=["email"], variants=VARIANTS)

    for _ in range(3):
        drain(world, settings, server, run_id)

    assert states_of(world, run_id) == {
        "sent": 1, "unknown/connection_lost_after_data": 1, "failed/smtp_550_5.1.1": 1,
    }  # fmt: skip
    assert sorted(server.offered) == sorted(mailbox(world, one) for one in (dropped, nobody, fine))
    assert run_now(world, run_id).problem is None


def test_a_mailbox_that_is_none_is_left_alone_until_the_address_changes(
    client: FlaskClient, world: World, settings: Settings, server: MailServerStandIn
) -> None:
    [member_id] = make_audience(world, 1, phones=0)
    path = f"/v1/members/{ids.show('member', member_id)}"
    client.patch(path, json={"email": f"nobody@{ids.new_id().hex}.example"}, headers=world.as_("owner"))
    drain(world, settings, server, begin(world, channels=["email"], variants=VARIANTS))

    second = begin(world, channels=["email"], variants=VARIANTS)
    drain(world, settings, server, second)
    client.patch(path, json={"email": f"zoe@{ids.new_id().hex}.example"}, headers=world.as_("owner"))
    third = begin(world, channels=["email"], variants=VARIANTS)
    drain(world, settings, server, third)

    assert (states_of(world, second), states_of(world, third)) == ({"skipped/no_address": 1}, {"sent": 1})
    assert len(server.offered) == 2


def test_a_mail_server_that_is_away_spends_few_attempts_and_loses_no_mail(
    world: World, settings: Settings, server: MailServerStandIn
) -> None:
    make_audience(world, 40, phones=0)
    run_id = begin(world, channels=["email"], variants=VARIANTS)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # so that nobody else listens there meanwhile
        nowhere = MailServer("127.0.0.1", closed.getsockname()[1], "none")
        away = EmailChannel(nowhere, mail_from="no-reply@assidu.example")
        Drainer(world.database, Channels(settings, {"email": away})).drain(run_id, "email")
        away.close()
    tried = [row.attempts for row in rows_of(world, run_id) if row.reason == "connection_failed"]

    with clock.held(clock.now() + timedelta(hours=1)):
        drain(world, settings, server, run_id)

    assert len(tried) <= 20, "the rest of the batch waits, untried"
    assert states_of(world, run_id) == {"sent": 40}


@pytest.mark.parametrize("registers", [True, False])
def test_a_campaign_of_who_logged_out_sends_nothing_to_the_shared_phone(
    client: FlaskClient, world: World, settings: Settings, *, registers: bool
) -> None:
    """Attack 16: A logs out, B logs in on the same phone; A's campaign is then sent."""
    address = f"shared-{ids.new_id().hex}"
    ana, bob = make_customer(world.database), make_customer(world.database)
    membership(world, ana.id)
    run_of_ana: UUID | None = None
    client.post("/v1/me/devices", json={"token": address, "platform": "android"}, headers=ana.headers)
    run_of_ana = begin(world)
    assert client.post("/v1/customers/revoke", json={"refresh_token": ana.refresh}).status_code == 204
    if registers:
        client.post("/v1/me/devices", json={"token": address, "platform": "android"}, headers=bob.headers)
    channel = ScriptedChannel([address])

    drainer_of(world.database, channel, settings=settings).drain(run_of_ana, "push")

    assert channel.sent == []
    assert states_of(world, run_of_ana) == {"skipped/no_device": 1}


def test_a_phone_that_moved_without_a_sign_out_gets_its_new_owners_pushes_only(
    client: FlaskClient, world: World, settings: Settings
) -> None:
    address = f"shared-{ids.new_id().hex}"
    ana, bob = make_customer(world.database), make_customer(world.database)
    membership(world, ana.id)
    client.post("/v1/me/devices", json={"token": address, "platform": "android"}, headers=ana.headers)
    run_id = begin(world)
    client.post("/v1/me/devices", json={"token": address, "platform": "android"}, headers=bob.headers)
    channel = ScriptedChannel([address])

    drainer_of(world.database, channel, settings=settings).drain(run_id, "push")
    membership(world, bob.id)
    of_bob = begin(world)
    drainer_of(world.database, channel, settings=settings).drain(of_bob, "push")

    assert states_of(world, run_id) == {"skipped/no_device": 1}
    assert [message.address for message in channel.sent] == [address]


@pytest.fixture
def server() -> Iterator[MailServerStandIn]:
    """A mail server of this test's own."""
    with MailServerStandIn() as running:
        yield running


def drain(world: World, settings: Settings, server: MailServerStandIn, run_id: UUID) -> None:
    """Send what a run has due by e-mail, over a real connection."""
    channel = EmailChannel(MailServer("127.0.0.1", server.port, "none"), mail_from="Assidu <no-reply@assidu.example>")
    channels = Channels(settings, {"email": channel})
    try:
        Drainer(world.database, channels).drain(run_id, "email")
    finally:
        channel.close()


def brand(world: World) -> None:
    """Give the programme a name, colours and a sender of its own."""
    sender = {"name": "Café de la Nation", "address": "bonjour@nation.example", "reply_to": "gerante@nation.example"}
    with world.database.transaction(world.program_id) as session:
        program = session.scalars(select(Program)).one()
        program.brand = {"background": "#5b2333", "foreground": "#f7f4f3"}
        program.campaign_settings = {"sender": sender}


def membership(world: World, customer: str) -> UUID:
    """Make the customer a member who allows pushes."""
    [member_id] = make_audience(world, 1, phones=0)
    customer_id = ids.parse("customer", customer)
    with world.database.transaction(world.program_id, customer_id=customer_id) as session:
        session.scalars(select(Member).where(Member.id == member_id)).one().customer_id = customer_id
    return member_id


def mailbox(world: World, member_id: UUID) -> str:
    query = select(Member.email, Customer.email).join(Customer, Customer.id == Member.customer_id)
    with world.database.across_programs() as session:
        own, customers = session.execute(query.where(Member.id == member_id)).one()
    return str(own or customers)


def way_out(got: Received) -> str:
    """The link that the mail's header names."""
    found = re.search(rb"\r\nList-Unsubscribe: <([^>]+)>\r\n", got.raw)
    assert found is not None
    return found[1].decode()
