"""How variables are read: a text of the environment becomes a value, or a ValueError that never repeats the text."""

import base64
import re
from collections.abc import Callable
from email.utils import parseaddr
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from urllib.parse import parse_qsl, urlsplit


class Networks(tuple[IPv4Network | IPv6Network, ...]):
    """Networks in which an address is looked for; its text is what a variable says, separated by commas."""

    __slots__ = ()

    def __contains__(self, address: object) -> bool:
        """Say whether one of the networks has the address."""
        return isinstance(address, IPv4Address | IPv6Address) and any(address in network for network in self)

    def __str__(self) -> str:
        """Return the networks as they are written in the environment."""
        return ",".join(map(str, self))


def bounded(low: int, high: int) -> Callable[[str], int]:
    """Return what reads a whole number between two bounds."""

    def read(text: str) -> int:
        # int's own message would repeat the value.
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"a whole number between {low} and {high}")
        return int(text)

    return read


def url(*schemes: str) -> Callable[[str], str]:
    """Return what reads a URL of one of the schemes, without a slash at its end."""

    def read(text: str) -> str:
        if urlsplit(text).scheme not in schemes:
            raise ValueError("a URL that begins with " + " or ".join(f"{scheme}://" for scheme in schemes))
        return text.rstrip("/")

    return read


def smtp_url(text: str) -> str:
    """Read the address of a mail server."""
    try:
        found = urlsplit(text)
        usable = found.scheme in {"smtp", "smtps"} and bool(found.hostname) and found.port != 0
    except ValueError:
        # urllib's own message would repeat the value.
        usable = False
    if not usable or found.path.strip("/"):
        raise ValueError("smtp://user:password@host:port or smtps://…")
    query = dict(parse_qsl(found.query, keep_blank_values=True))
    if set(query) - {"tls"} or query.get("tls", "none") != "none" or (query and found.scheme == "smtps"):
        raise ValueError("an address with nothing behind its port but ?tls=none, for smtp://")
    return text


def mail_address(text: str) -> str:
    """Read an e-mail address, with or without a name."""
    # email.utils' and the validator's own messages would repeat the value.
    address = parseaddr(text)[1]
    if not re.fullmatch(r"[!-?A-~]+@[A-Za-z0-9.-]+", address):
        raise ValueError("an address such as no-reply@example.com or Assidu <no-reply@example.com>")
    return text


def one_of(*values: str) -> Callable[[str], str]:
    """Return what reads one of some words."""

    def read(text: str) -> str:
        if text not in values:
            raise ValueError("one of " + ", ".join(values))
        return text

    return read


def networks(text: str) -> Networks:
    """Read networks, separated by commas; never the whole Internet."""
    try:
        found = Networks(ip_network(part.strip()) for part in text.split(","))
    except ValueError:
        # ipaddress's own message would repeat the value.
        found = Networks()
    if not found or any(network.prefixlen == 0 for network in found):
        raise ValueError("addresses or networks, such as 10.0.0.0/8,2001:db8::/32, and not the whole Internet")
    return found


def keys(text: str) -> str:
    """Read secret keys, separated by commas."""
    return ",".join(key(part.strip()) for part in text.split(","))


def key(text: str) -> str:
    """Read a secret key."""
    if len(base64.urlsafe_b64decode(text + "==")) < 32:  # noqa: PLR2004 - bytes of an AES-256 key
        raise ValueError("32 random bytes or more in URL-safe base 64; `assidu secret` makes one")
    return text
