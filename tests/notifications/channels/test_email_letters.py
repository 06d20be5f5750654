"""A mail as bytes, read back by a reader that did not write it: Python's own parser."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.channels.email_letters import AddressUnusableError, Writer, ascii_address
from notifications.channels.protocol import Letterhead
from tests.notifications.conftest import make_message

WRITER = Writer("Assidu <no-reply@assidu.example>")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
HEADERS = {
    "from", "to", "subject", "date", "message-id", "mime-version", "content-type", "list-unsubscribe",
    "list-unsubscribe-post",
}  # fmt: skip


@given(TEXT, TEXT, TEXT)
def test_whatever_is_written_is_read_and_adds_no_header_or_part(title: str, body: str, program: str) -> None:
    message = make_message(
        "ana@mail.example",
        title=title,
        body=body,
        letterhead=Letterhead(program=program),
        unsubscribe_url="https://a/u/x",
    )

    data = WRITER.write(message).data

    mail = cast("EmailMessage", message_from_bytes(data, policy=default))
    assert {name.lower() for name in mail.keys()} == HEADERS  # noqa: SIM118 - a mail's headers
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert lines(body.strip()) in lines(plain.get_content())
    assert mail["From"].addresses[0].addr_spec == "no-reply@assidu.example"
    assert mail.defects == []


@given(TEXT, TEXT, TEXT)
def test_a_mail_is_made_of_short_lines_of_ascii(title: str, body: str, program: str) -> None:
    message = make_message("ana@mail.example", title=title, body=body, letterhead=Letterhead(program=program))

    data = WRITER.write(message).data

    assert data.isascii()
    # RFC 5322 §2.1.1: 998 at most; no bare CR or LF.
    assert max(len(line) for line in data.split(b"\r\n")) <= 998
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", data)
    assert all(len(word) <= 75 for word in re.findall(rb"=\?utf-8\?[^\s]*\?=", data.split(b"\r\n\r\n")[0]))


@pytest.mark.parametrize(
    "subject", ["Déjà dix cafés ☕ pour toi 👩‍🌾", "=?utf-8?q?Bonjour?=", 'A "quoted" one', "x" * 200]
)
def test_a_subject_is_read_as_it_was_written(subject: str) -> None:
    mail = message_from_bytes(WRITER.write(make_message("a@mail.example", title=subject)).data, policy=default)

    assert mail["Subject"] == subject


@pytest.mark.parametrize(
    "name", ["Café de la Nation", 'Chez "Jo", à Paris', "Jo <eve@mail.example>", "", "C" * 90 + "é"]
)
def test_a_name_is_read_as_it_was_written_and_is_never_an_address(name: str) -> None:
    message = make_message("a@mail.example", letterhead=Letterhead(program=name))

    mail = message_from_bytes(WRITER.write(message).data, policy=default)

    [sender] = mail["From"].addresses
    # Python's parser keeps the space between two encoded words of a name, which RFC 2047 §6.2 says is not there.
    assert (sender.display_name.replace(" ", ""), sender.addr_spec) == (
        name.replace(" ", ""),
        "no-reply@assidu.example",
    )


def test_half_a_character_is_refused() -> None:
    for field in ("title", "body"):
        with pytest.raises(ValueError, match="surrogates"):
            WRITER.write(make_message("a@mail.example", **{field: "\ud83d"}))


@given(st.text() | st.emails())
def test_an_address_can_end_no_command(text: str) -> None:
    try:
        address = ascii_address(text)
    except AddressUnusableError:
        return

    assert address.isascii()
    assert address.count("@") >= 1
    assert not re.search(r"[\s<>\x00-\x1f\x7f]", address)


def lines(text: str) -> str:
    """A text with one kind of line end."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
