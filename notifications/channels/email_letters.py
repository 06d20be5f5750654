"""A mail as bytes: headers and both bodies of one message, and whom the server is told that it is from and to.

Written by hand over the standard library's encoders: `email.message` parses every header again and takes ten times as
long. The tests read what we write with `email`, as mail programs do.
"""

import binascii
import re
from dataclasses import dataclass
from email.header import Header
from email.utils import format_datetime, parseaddr, quote
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from app import clock
from notifications.channels import email_frame
from notifications.channels.protocol import Letterhead, OutgoingMessage

NAME_MAX = 100
SUBJECT_MAX = 300

_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9_'+-]+(\.[A-Za-z0-9_'+-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
"""What nearly every address looks like: dots between letters on the left, a host's name on the right."""
_CONTROLS = re.compile("[\u0000-\u001f\u007f-\u009f]")
_ADDRESS_MAX = 254
"""RFC 5321 §4.5.3.1.3."""


class AddressUnusableError(ValueError):
    """An address that servers without SMTPUTF8 (RFC 6531) do not take, or no address at all."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail ready to be sent: the envelope's two addresses, and what is sent after DATA, with CRLF."""

    sender: str
    recipient: str
    data: bytes


class Writer:
    """Writes letters from the installation's own address, in the name of programmes.

    The envelope's sender is always the installation's: mails that cannot be delivered return there, and SPF holds for
    it. A programme's own address stands in `From`, the installation's then in `Sender` (RFC 5322 §3.6.2).
    """

    def __init__(self, mail_from: str) -> None:
        """Take `no-reply@example.com` or `Assidu <no-reply@example.com>`; raise AddressUnusableError for neither."""
        name, address = parseaddr(mail_from)
        self.name = name
        self.address = ascii_address(address)
        self.domain = self.address.rpartition("@")[2]
        self._senders = lru_cache(maxsize=1024)(self._write_senders)

    def write(self, message: OutgoingMessage) -> Letter:
        """Return the letter; raise ValueError for a message that no mail can carry."""
        letterhead = message.letterhead or Letterhead(program=self.name or self.domain)
        words = email_frame.render(message, letterhead)
        recipient = ascii_address(message.address)
        # "=_" stands in no quoted-printable text, so that no body can end its part (RFC 2045 §6.7).
        boundary = f"=_{message.delivery_id.hex}"
        headers = [
            *self._senders(letterhead),
            f"To: {recipient}",
            f"Subject: {_encoded(_one_line(words.subject, SUBJECT_MAX), 'Subject')}",
            f"Date: {format_datetime(clock.now())}",
            f"Message-ID: <{message.delivery_id.hex}@{self.domain}>",
            *_ways_out(message.unsubscribe_url),
            "MIME-Version: 1.0",
            f'Content-Type: multipart/alternative; boundary="{boundary}"',
        ]
        lines = [
            *(header.encode("ascii") for header in headers),
            b"",
            *_part(boundary, "plain", words.text),
            *_part(boundary, "html", words.html),
            f"--{boundary}--".encode(),
            b"",
        ]
        return Letter(self.address, recipient, b"\r\n".join(lines))

    def _write_senders(self, letterhead: Letterhead) -> tuple[str, ...]:
        shown = _one_line(letterhead.sender_name or letterhead.program, NAME_MAX)
        own = ascii_address(letterhead.sender_address) if letterhead.sender_address else self.address
        found = [f"From: {_phrase(shown)}<{own}>"]
        if own != self.address:
            found.append(f"Sender: {self.address}")
        if letterhead.reply_to:
            found.append(f"Reply-To: {ascii_address(letterhead.reply_to)}")
        return tuple(found)


def ascii_address(text: str) -> str:
    """Return an address that every server takes, an international domain in Punycode; raise AddressUnusableError."""
    if len(text) <= _ADDRESS_MAX and _PLAIN_ADDRESS.fullmatch(text):
        return text
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True).ascii_email
    except EmailNotValidError:
        found = None
    if not found:
        # The validator's own text would repeat the address.
        raise AddressUnusableError("the address cannot be written in ASCII")
    return found


def _ways_out(url: str | None) -> list[str]:
    """Say by which address one click ends such mails (RFC 8058 §3), or that no list sent this one (RFC 3834 §5).

    The address stands on a line of its own, whole: it would be no URL if it were folded.
    """
    if url is None:
        return ["Auto-Submitted: auto-generated"]
    # RFC 8058 knows no one-click over plain HTTP, which is a development server's.
    click = ["List-Unsubscribe-Post: List-Unsubscribe=One-Click"] if url.startswith("https://") else []
    return [f"List-Unsubscribe: <{url}>", *click]


def _part(boundary: str, subtype: str, text: str) -> list[bytes]:
    # Ends of lines are said by the mail's form, and there is one kind of them.
    plain = text.replace("\r\n", "\n").replace("\r", "\n").encode()
    return [
        f"--{boundary}".encode(),
        f"Content-Type: text/{subtype}; charset=utf-8".encode(),
        b"Content-Transfer-Encoding: quoted-printable",
        b"",
        binascii.b2a_qp(plain, istext=True).replace(b"\n", b"\r\n"),
    ]


def _phrase(name: str) -> str:
    """Return a name as it stands before an address (RFC 5322 §3.2.5), or nothing."""
    if not name:
        return ""
    return f'"{quote(name)}" ' if name.isascii() else f"{_encoded(name, 'From')} "


def _encoded(text: str, header: str) -> str:
    """Return a header's text, other alphabets in words of 75 characters at most (RFC 2047 §2)."""
    if text.isascii() and "=?" not in text:
        return text
    text.encode()  # half a character of UTF-16 is refused here, by UnicodeEncodeError, a ValueError
    # A line of 75 with the space before it: every word is shorter.
    return Header(text, "utf-8", maxlinelen=75, header_name=header).encode(linesep="\r\n")


def _one_line(text: str, high: int) -> str:
    return _CONTROLS.sub("", " ".join(text.split()))[:high]
