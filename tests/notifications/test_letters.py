"""One-time codes by mail: written sealed with the code, sent once by a worker, kept by nobody."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import ProgrammingError

from app import clock, ids
from app.config import Settings
from app.db import Database
from app.models import Letter
from app.services import jobs, mails, one_time_codes
from notifications import letters
from notifications.channels.email import EmailChannel
from notifications.channels.email_smtp import MailServer
from notifications.channels.protocol import SendResult
from notifications.letters import Postman
from tests.notifications.mail_server import MailServerStandIn
from tests.world_notifications import ScriptedChannel
from tests.world_signing import new_address, new_phone


@pytest.fixture
def mailing(settings: Settings, database: Database) -> Iterator[Database]:
    """The same database, of an installation that has a mail server."""
    made = Database(replace(settings, smtp_url="smtp://mail.example", database_url=database.settings.database_url))
    yield made
    made.dispose()


def test_a_code_arrives_by_mail_and_is_kept_by_nobody(mailing: Database) -> None:
    address = new_address()
    one_time_codes.send(mailing, to=one_time_codes.contact(email=address), locale="fr")
    [waiting] = rows(mailing)

    with MailServerStandIn() as server:
        channel = EmailChannel(MailServer("127.0.0.1", server.port, "none"), mail_from="Assidu <no-reply@a.example>")
        assert Postman(mailing, channel).run_once() == 1
        channel.close()

    [got] = server.received
    assert got.recipient == address
    code = got.mail["Subject"].split()[0]
    assert code.isdecimal()
    assert code in got.part("plain")
    assert code in got.part("html")
    assert got.mail["List-Unsubscribe"] is None
    assert code.encode() not in waiting.sealed
    assert address.encode() not in waiting.sealed
    assert [(row.state, row.sealed) for row in rows(mailing)] == [("sent", b"")]
    assert address not in {one.get("to") for one in mails.Postbox(mailing.settings.outbox_file).read()}


def test_a_code_to_a_phone_still_goes_to_the_outbox_file(mailing: Database) -> None:
    number = new_phone()

    one_time_codes.send(mailing, to=one_time_codes.contact(phone=number), locale="fr")

    assert rows(mailing) == []
    assert [one["to"] for one in mails.Postbox(mailing.settings.outbox_file).read()][-1] == number


def test_a_request_cannot_read_what_it_wrote(mailing: Database) -> None:
    with pytest.raises(ProgrammingError), mailing.transaction() as session:
        session.scalars(select(Letter)).all()


@pytest.mark.parametrize(
    ("outcome", "state"), [("sent", "sent"), ("gone", "failed"), ("refused", "failed"), ("unknown", "unknown")]
)
def test_what_was_decided_is_not_sent_again(mailing: Database, outcome: str, state: str) -> None:
    address, channel = waiting_letter(mailing, SendResult(outcome=outcome))  # type: ignore[arg-type]

    assert Postman(mailing, channel).run_once() == 1
    with clock.held(clock.now() + timedelta(minutes=5)):
        assert Postman(mailing, channel).run_once() == 0

    assert [message.address for message in channel.sent] == [address]
    assert [(row.state, row.sealed) for row in rows(mailing)] == [(state, b"")]


def test_a_busy_server_is_asked_again_until_the_code_has_run_out(mailing: Database) -> None:
    busy = SendResult(outcome="retry", reason="smtp_450", retry_after_seconds=60)
    _, channel = waiting_letter(mailing, *[busy] * 50)
    start = clock.now()

    for minutes in range(20):
        with clock.held(start + timedelta(minutes=minutes, seconds=1)):
            Postman(mailing, channel).run_once()

    assert 2 <= len(channel.sent) <= 10
    assert [(row.state, row.sealed) for row in rows(mailing)] == [("failed", b"")]


def test_what_a_dead_worker_held_is_unknown_and_not_sent_again(mailing: Database) -> None:
    _, channel = waiting_letter(mailing)
    with mailing.across_programs() as session:
        assert len(letters.claim(session, ids.new_id())) == 1

    with clock.held(clock.now() + letters.LEASE + timedelta(seconds=1)):
        Postman(mailing, channel).run_once()

    assert channel.sent == []
    assert [(row.state, row.reason) for row in rows(mailing)] == [("unknown", "worker_lost")]


def test_two_postmen_send_one_letter_once(mailing: Database) -> None:
    _, channel = waiting_letter(mailing)
    channel.before_send = lambda: taken.append(Postman(mailing, channel).run_once())
    taken: list[int] = []

    Postman(mailing, channel).run_once()

    assert (taken, len(channel.sent)) == ([0], 1)


def test_a_letter_whose_seal_is_broken_is_not_sent(mailing: Database) -> None:
    _, channel = waiting_letter(mailing)
    with mailing.across_programs() as session:
        session.scalars(select(Letter)).one().sealed = b"x" * 64

    Postman(mailing, channel).run_once()

    assert channel.sent == []
    assert [(row.state, row.reason) for row in rows(mailing)] == [("failed", "seal_broken")]


def test_letters_are_forgotten_after_a_day(mailing: Database) -> None:
    waiting_letter(mailing)

    with clock.held(clock.now() + timedelta(days=2)):
        jobs.forget_letters(mailing)

    assert rows(mailing) == []


def waiting_letter(database: Database, *answers: SendResult) -> tuple[str, ScriptedChannel]:
    """Ask for a code; return the address and a channel that answers so."""
    address = new_address()
    one_time_codes.send(database, to=one_time_codes.contact(email=address), locale="en")
    return address, ScriptedChannel([address], {address: list(answers)})


def rows(database: Database) -> list[Letter]:
    with database.across_programs() as session:
        return list(session.scalars(select(Letter).order_by(Letter.id)))
