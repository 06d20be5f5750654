"""The e-mail channel against a mail server on a real socket: what arrives, and the honest outcome of each fault."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Settings
from app.services.mails import Postbox
from notifications.channels.email import EmailChannel, FileMailChannel, open_email
from notifications.channels.email_smtp import MailServer
from notifications.channels.protocol import CHANNELS, Letterhead, OutgoingMessage, SendResult
from tests.notifications.conftest import make_message
from tests.notifications.mail_server import MailServerStandIn
from wire.stand_in.certificates import make_tls

UNSUBSCRIBE = "https://cafe.example/u/" + "A" * 90
CAFE = Letterhead(
    program="Café Assidu",
    sender_address="bonjour@cafe.example",
    reply_to="ecrire@cafe.example",
    background="#5b2333",
    foreground="#f7f4f3",
)


def test_a_mail_arrives_as_text_and_html_in_the_programmes_name(server: MailServerStandIn) -> None:
    message = letter("ana@mail.example", title="Un café offert", body="Bonjour Zoé,\n\n- un café\n- un thé")

    [result] = send(server, message)

    [got] = server.received
    assert (result.outcome, result.provider_id) == ("sent", "4XyZ1")
    assert (got.sender, got.recipient) == ("no-reply@assidu.example", "ana@mail.example")
    assert got.mail["From"] == "Café Assidu <bonjour@cafe.example>"
    assert got.mail["Sender"] == "no-reply@assidu.example"
    assert got.mail["Reply-To"] == "ecrire@cafe.example"
    assert got.mail["Subject"] == "Un café offert"
    assert got.mail["Message-ID"] == f"<{message.delivery_id.hex}@assidu.example>"
    assert "- un café\n- un thé" in got.part("plain")
    assert "un café</li>" in got.part("html")


def test_one_click_ends_such_mails(server: MailServerStandIn) -> None:
    send(server, letter("ana@mail.example", unsubscribe_url=UNSUBSCRIBE))

    [got] = server.received
    # As it stands on the wire: folded or encoded it would be no URL to who reads it.
    assert f"\r\nList-Unsubscribe: <{UNSUBSCRIBE}>\r\n".encode() in got.raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in got.raw
    assert UNSUBSCRIBE in got.part("plain")
    assert f'href="{UNSUBSCRIBE}"' in got.part("html")
    assert got.mail["Auto-Submitted"] is None


def test_a_mail_that_no_list_sent_says_so_and_has_no_such_link(server: MailServerStandIn) -> None:
    send(server, letter("ana@mail.example"))

    [got] = server.received
    assert (got.mail["Auto-Submitted"], got.mail["List-Unsubscribe"]) == ("auto-generated", None)


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("busy", "retry", "smtp_450_4.2.1"),
        ("closing", "retry", "smtp_421_4.3.2"),
        ("later", "retry", "smtp_451_4.3.0"),
        ("nobody", "gone", "smtp_550_5.1.1"),
        ("unknown", "gone", "smtp_550"),
        ("blocked", "refused", "smtp_550_5.7.1"),
        ("full", "refused", "smtp_552_5.2.2"),
        ("spam", "refused", "smtp_554_5.7.1"),
        ("dropped", "unknown", "connection_lost_after_data"),
        ("slow", "unknown", "connection_lost_after_data"),
    ],
)
def test_each_answer_means_what_it_says_and_others_get_theirs(
    server: MailServerStandIn, name: str, outcome: str, reason: str
) -> None:
    messages = [letter("before@mail.example"), letter(f"{name}@mail.example"), letter("after@mail.example")]

    # Only an answer that never comes is waited for to the end.
    results = send(server, *messages, connections=1, step_seconds=3 if name == "slow" else 20)

    assert [one.outcome for one in results] == ["sent", outcome, "sent"]
    assert results[1].reason == reason
    assert server.offered == [message.address for message in messages], "one attempt for each"


def test_a_refusal_keeps_nothing_of_what_the_server_said(server: MailServerStandIn) -> None:
    [result] = send(server, letter("nobody@mail.example"))

    assert "mail.example" not in repr(result)


def test_a_connection_serves_many_mails(server: MailServerStandIn) -> None:
    results = send(server, *(letter(f"a{number}@mail.example") for number in range(20)), connections=1)

    assert {one.outcome for one in results} == {"sent"}
    assert (len(server.received), server.connections) == (20, 1)


def test_no_more_connections_are_open_than_allowed(server: MailServerStandIn) -> None:
    send(server, *(letter(f"a{number}@mail.example") for number in range(40)), connections=3)

    assert len({got.recipient for got in server.received}) == 40
    assert server.most_open <= 3


def test_a_connection_that_the_server_ended_meanwhile_costs_no_mail(server: MailServerStandIn) -> None:
    channel = open_channel(server)
    try:
        channel.send([letter("one@mail.example")])
        server.hang_up()
        [lost] = channel.send([letter("two@mail.example")])
        [again] = channel.send([letter("two@mail.example")])
    finally:
        channel.close()

    assert lost.outcome in {"retry", "sent"}, "nothing was offered: it is never unknown"
    assert again.outcome == "sent"


def test_a_server_that_is_away_is_asked_once_for_a_whole_batch() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # so that nobody else listens there meanwhile
        away = MailServer("127.0.0.1", closed.getsockname()[1], "none")
        channel = EmailChannel(away, mail_from="a@assidu.example", connections=1)
        results = channel.send([letter(f"a{number}@mail.example") for number in range(50)])
        channel.close()

    assert {(one.outcome, one.reason) for one in results} == {("retry", "connection_failed")}
    assert all((one.retry_after_seconds or 0) > 0 for one in results)


def test_a_server_that_never_greets_holds_nobody_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = MailServer("127.0.0.1", silent.getsockname()[1], "none")
        channel = EmailChannel(server, mail_from="a@assidu.example", connections=1, step_seconds=0.2)
        results = channel.send([letter(f"a{number}@mail.example") for number in range(10)])
        channel.close()

    assert {one.outcome for one in results} == {"retry"}


def test_what_is_not_begun_in_a_batchs_time_is_left_for_later(server: MailServerStandIn) -> None:
    results = send(server, letter("a@mail.example"), batch_seconds=0.0)

    assert [(one.outcome, one.reason) for one in results] == [("retry", "server_slow")]
    assert server.offered == []


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("", "address_unusable"),
        ("nobody", "address_unusable"),
        ("zoé@mail.example", "address_unusable"),
        ("a@mail.example\r\nRCPT TO:<b@mail.example>", "address_unusable"),
    ],
)
def test_an_address_that_is_none_is_refused_before_anybody_is_asked(
    server: MailServerStandIn, address: str, reason: str
) -> None:
    [result] = send(server, letter(address))

    assert (result.outcome, result.reason, server.offered) == ("refused", reason, [])


def test_an_international_domain_is_written_for_every_server(server: MailServerStandIn) -> None:
    send(server, letter("ana@café.example"))

    assert server.offered == ["ana@xn--caf-dma.example"]


def test_no_text_becomes_a_header(server: MailServerStandIn) -> None:
    sneaky = "Bonjour\r\nBcc: eve@mail.example"
    send(server, letter("ana@mail.example", title=sneaky, letterhead=Letterhead(program=sneaky)))

    [got] = server.received
    assert got.mail["Bcc"] is None
    assert got.mail["Subject"] == "Bonjour Bcc: eve@mail.example"


def test_lines_of_dots_and_half_characters_end_no_mail(server: MailServerStandIn) -> None:
    results = send(server, letter("a@mail.example", body=".\n..\n.\nfin"), letter("b@mail.example", body="\ud83d"))

    assert [(one.outcome, one.reason) for one in results] == [("sent", None), ("refused", "message_invalid")]
    assert ".\n..\n.\nfin" in server.received[0].part("plain")


def test_a_mail_larger_than_the_server_takes_is_not_sent(server: MailServerStandIn) -> None:
    [result] = send(server, letter("a@mail.example", body="é" * 60_000))

    assert (result.outcome, result.reason, server.offered) == ("refused", "too_large", [])


def test_a_password_is_sent_behind_starttls_only(tmp_path: Path) -> None:
    with MailServerStandIn(starttls=make_tls(tmp_path), password="s3cr&t") as server:
        url = f"smtp://assidu:s3cr%26t@localhost:{server.port}"
        good = deliver(url, str(tmp_path / "ca.pem"))
        wrong = deliver(url.replace("s3cr", "guess"), str(tmp_path / "ca.pem"))
        untrusted = deliver(url, "")

    assert good.outcome == "sent"
    assert (wrong.outcome, wrong.reason) == ("retry", "credential_refused")
    assert (untrusted.outcome, untrusted.reason) == ("retry", "certificate_refused")


def test_a_certificate_must_name_the_server(tmp_path: Path) -> None:
    with MailServerStandIn(starttls=make_tls(tmp_path)) as server:
        # The same machine by a name that its certificate does not have.
        result = deliver(f"smtp://127.1:{server.port}", str(tmp_path / "ca.pem"))

    assert (result.outcome, result.reason) == ("retry", "certificate_refused")


def test_without_starttls_nothing_is_said(server: MailServerStandIn) -> None:
    result = deliver(f"smtp://assidu:secret@127.0.0.1:{server.port}", "")

    assert (result.outcome, result.reason, server.offered) == ("retry", "no_starttls", [])


def test_a_server_may_speak_tls_from_the_first_byte(tmp_path: Path) -> None:
    tls = make_tls(tmp_path)
    with MailServerStandIn(implicit_tls=tls) as server:
        good = deliver(f"smtps://localhost:{server.port}", str(tmp_path / "ca.pem"))
        untrusted = deliver(f"smtps://localhost:{server.port}", "")

        unasked = deliver(f"smtps://assidu:secret@localhost:{server.port}", str(tmp_path / "ca.pem"))

    assert (good.outcome, untrusted.reason) == ("sent", "certificate_refused")
    assert (unasked.outcome, unasked.reason) == ("retry", "no_sign_in"), "this server takes no passwords"


def test_a_password_is_in_no_log_line() -> None:
    assert "s3cret" not in repr(MailServer.read("smtps://assidu:s3cret@mail.example"))


def test_without_a_server_mails_go_to_the_outbox_file(tmp_path: Path) -> None:
    channel = CHANNELS["email"](Settings(home=tmp_path))

    [result] = channel.send([letter("ana@mail.example", title="Bonjour", unsubscribe_url=UNSUBSCRIBE)])

    [kept] = Postbox(tmp_path / "outbox.jsonl").read()
    assert isinstance(channel, FileMailChannel)
    assert (result.outcome, kept["to"], kept["subject"]) == ("sent", "ana@mail.example", "Bonjour")
    assert kept["unsubscribe_url"] == UNSUBSCRIBE


def letter(address: str, **fields: object) -> OutgoingMessage:
    return make_message(address, **{"letterhead": CAFE, "locale": "fr", **fields})


def open_channel(server: MailServerStandIn, **options: object) -> EmailChannel:
    address = MailServer("127.0.0.1", server.port, "none")
    return EmailChannel(address, mail_from="Assidu <no-reply@assidu.example>", **options)  # type: ignore[arg-type]


def send(server: MailServerStandIn, *messages: OutgoingMessage, **options: object) -> list[SendResult]:
    channel = open_channel(server, **options)
    try:
        return channel.send(messages)
    finally:
        channel.close()


def deliver(url: str, ca_file: str) -> SendResult:
    channel = open_email(Settings(smtp_url=url, smtp_ca_file=ca_file, mail_from="no-reply@assidu.example"))
    try:
        return channel.send([letter("ana@mail.example")])[0]
    finally:
        channel.close()


@pytest.fixture
def server() -> Iterator[MailServerStandIn]:
    """A mail server without TLS."""
    with MailServerStandIn() as running:
        yield running
