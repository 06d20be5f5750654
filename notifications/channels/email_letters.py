"""A mail as bytes: headers and both bodies of one message, and whom the server is told that it is from and to."""

from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr
from typing import Any

from email_validator import EmailNotValidError, validate_email

from app import clock
from notifications.channels import email_frame
from notifications.channels.protocol import Letterhead, OutgoingMessage

NAME_MAX = 100


class AddressUnusableError(ValueError):
    """An address that servers without SMTPUTF8 (RFC 6531) do not take, or no address at all."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail ready to be sent: the envelope's two addresses, and what is sent after DATA, with CRLF."""

    sender: str
    recipient: str
    data: bytes


class _Policy(EmailPolicy):
    """Headers that hold one long word are never folded: Python would write it as an encoded word, which is no URL."""

    _ONE_WORD = frozenset({"message-id", "list-unsubscribe", "list-id"})

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in self._ONE_WORD:
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


_POLICY = _Policy(linesep="\r\n", max_line_length=SMTP.max_line_length, cte_type="7bit")


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

    def write(self, message: OutgoingMessage) -> Letter:
        """Return the letter; raise ValueError for a message that no mail can carry."""
        letterhead = message.letterhead or Letterhead(program=self.name or self.domain)
        words = email_frame.render(message, letterhead)
        recipient = ascii_address(message.address)
        mail = EmailMessage(policy=_POLICY)
        self._address(mail, letterhead, recipient)
        mail["Subject"] = words.subject
        mail["Date"] = format_datetime(clock.now())
        mail["Message-ID"] = f"<{message.delivery_id.hex}@{self.domain}>"
        _say_how_to_stop(mail, message)
        mail.set_content(words.text, charset="utf-8", cte="quoted-printable")
        mail.add_alternative(words.html, subtype="html", charset="utf-8", cte="quoted-printable")
        return Letter(self.address, recipient, mail.as_bytes())

    def _address(self, mail: EmailMessage, letterhead: Letterhead, recipient: str) -> None:
        shown = _one_line(letterhead.sender_name or letterhead.program)
        own = ascii_address(letterhead.sender_address) if letterhead.sender_address else self.address
        mail["From"] = Address(shown, addr_spec=own)
        if own != self.address:
            mail["Sender"] = Address(addr_spec=self.address)
        if letterhead.reply_to:
            mail["Reply-To"] = Address(addr_spec=ascii_address(letterhead.reply_to))
        mail["To"] = Address(addr_spec=recipient)


def ascii_address(text: str) -> str:
    """Return an address that every server takes, an international domain in Punycode; raise AddressUnusableError."""
    if text.rpartition("@")[2] == "localhost":
        return text if text.isascii() and not set(text) & set(" <>\r\n") else _refuse()
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True).ascii_email
    except EmailNotValidError:
        found = None
    return found or _refuse()


def _refuse() -> str:
    # The validator's own text would repeat the address.
    raise AddressUnusableError("the address cannot be written in ASCII")


def _say_how_to_stop(mail: EmailMessage, message: OutgoingMessage) -> None:
    """Say by which address one click ends such mails (RFC 8058 §3), or that no list sent this one (RFC 3834 §5)."""
    url = message.unsubscribe_url
    if url is None:
        mail["Auto-Submitted"] = "auto-generated"
        return
    mail["List-Unsubscribe"] = f"<{url}>"
    if url.startswith("https://"):
        # RFC 8058 knows no one-click over plain HTTP, which is a development server's.
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:NAME_MAX]
