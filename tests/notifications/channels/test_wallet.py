"""A campaign through the wallet channel writes on the cards that members have in their phones, and on no others."""

from uuid import UUID

import pytest
from sqlalchemy import select, update

from app import clock, ids
from app.config import Settings
from app.models import Consent, Pass, PassMessage, PassUpdate
from notifications.channels.protocol import OutgoingMessage
from notifications.channels.wallet import WalletChannel
from tests.world import World, make_world
from tests.world_engine import begin, drainer_of, states_of
from tests.world_passes import ListeningPlatform, hand_pass, let_marks_be_due, marks_of, set_up_wallet
from tests.world_till import Cafe, Guest, make_cafe, make_guest
from wallet.updates.lanes import Lane

CONTENT = {"fr": {"title": "Bonjour {{ first_name }}", "body": "Un café offert dimanche"}}


@pytest.fixture
def cafe(world: World) -> Cafe:
    made = make_cafe(world)
    set_up_wallet(world)
    return made


@pytest.fixture
def channel(world: World) -> WalletChannel:
    made = WalletChannel()
    made.look_up_in(world.database)
    return made


def guest_with_pass(cafe: Cafe, platform: ListeningPlatform, *, saved: bool = True, consents: bool = True) -> Guest:
    guest = make_guest(cafe, locale="fr")
    pass_id = hand_pass(cafe.world, platform, guest)
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        if saved:
            session.execute(update(Pass).where(Pass.id == pass_id).values(saved_at=clock.now()))
        session.add(Consent(member_id=guest.id, channel="wallet", purpose="offers", granted=consents, source="app"))
    return guest


def messages_of(world: World) -> dict[UUID, list[PassMessage]]:
    with world.database.transaction(world.program_id) as session:
        rows = session.execute(select(Pass.member_id, PassMessage).join(Pass, Pass.id == PassMessage.pass_id))
        found: dict[UUID, list[PassMessage]] = {}
        for member_id, message in rows:
            found.setdefault(member_id, []).append(message)
        return found


def message_to(world: World, member: str) -> OutgoingMessage:
    return OutgoingMessage(
        delivery_id=ids.new_id(), address=member, title="Bonjour", body="Un café", locale="fr",
        program_id=world.program_id,
    )  # fmt: skip


def test_a_campaign_reaches_the_cards_that_are_in_phones(
    cafe: Cafe, channel: WalletChannel, settings: Settings
) -> None:
    world, google = cafe.world, ListeningPlatform(kind="google", carries_face=False)
    set_up_wallet(world, kind="google")
    reached = guest_with_pass(cafe, google)
    guest_with_pass(cafe, google, saved=False)
    guest_with_pass(cafe, google, consents=False)
    make_guest(cafe)
    run_id = begin(world, channels=["wallet"], variants=[{"name": "A", "weight": 1, "content": CONTENT}])
    drainer_of(world.database, channel, settings=settings, kinds=["wallet"]).drain(run_id, "wallet")
    assert states_of(world, run_id) == {"sent": 1, "skipped/no_address": 1, "skipped/no_consent": 2}
    [told] = messages_of(world).pop(reached.id)
    assert told.text == {"fr": {"title": "Bonjour Ada", "body": "Un café offert dimanche"}}

    let_marks_be_due(world.database, world.program_id)
    Lane(world.database, google, google.courier).work_on(world.program_id)
    [job] = [job for job in google.courier.jobs if job.row.member_id == reached.id]
    assert job.face.message == "Un café offert dimanche"
    assert [message.id for message in job.messages] == [told.id]
    assert marks_of(world) == []


def test_what_was_perhaps_written_is_written_once(cafe: Cafe, channel: WalletChannel) -> None:
    platform = ListeningPlatform(kind="google")
    set_up_wallet(cafe.world, kind="google")
    guest = guest_with_pass(cafe, platform)
    message = message_to(cafe.world, ids.show("member", guest.id))
    assert [result.outcome for _ in range(2) for result in channel.send([message])] == ["sent", "sent"]
    assert len(messages_of(cafe.world)[guest.id]) == 1


def test_each_message_is_answered_for_in_order(cafe: Cafe, channel: WalletChannel) -> None:
    platform = ListeningPlatform(kind="google")
    stranger = make_world(cafe.world.database)
    set_up_wallet(cafe.world, kind="google")
    guest, other = guest_with_pass(cafe, platform), make_guest(cafe)
    mine, none = ids.show("member", guest.id), ids.show("member", other.id)
    messages = [message_to(cafe.world, address) for address in (none, mine, "nobody")] + [message_to(stranger, mine)]
    assert [result.reason for result in channel.send(messages)] == ["no_pass", None, "no_pass", "no_pass"]
    assert list(messages_of(cafe.world)) == [guest.id]


def test_a_message_marks_the_pass(cafe: Cafe, channel: WalletChannel) -> None:
    platform = ListeningPlatform(kind="google")
    set_up_wallet(cafe.world, kind="google")
    guest = guest_with_pass(cafe, platform)
    with cafe.world.database.across_programs() as session:
        session.execute(update(PassUpdate).where(PassUpdate.program_id == cafe.world.program_id).values(reason="old"))
    channel.send([message_to(cafe.world, ids.show("member", guest.id))])
    assert [mark.reason for mark in marks_of(cafe.world)] == ["message"]
