"""Where we may connect to on somebody's word: public addresses, by https, and nowhere else.

A programme's staff say where webhooks go. Without this law they could make our machines talk to what only our machines
reach: databases, metadata services of clouds, routers (OWASP, server-side request forgery). A name is judged by what
it resolves to when the socket is opened (`wire.egress`); an address as text, by `check_url` already.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from app.errors import InvalidError

URL_MAX = 2000
_NAME_MAX = 253
_VISIBLE = re.compile(r"[!-~]+")
_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOCAL_SUFFIXES = (".localhost", ".local", ".localdomain", ".internal", ".home.arpa", ".lan")
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

_REFUSED_V4 = (
    IPv4Network("192.0.0.0/24"),  # protocols' own (RFC 6890), of which Python 3.11 calls some global
    IPv4Network("192.88.99.0/24"),  # relays of 6to4 (RFC 7526)
    IPv4Network("168.63.129.16/32"),  # Azure's host, from within a machine of Azure
)
_GLOBAL_V6 = IPv6Network("2000::/3")
"""All that is assigned to the Internet. Outside: mapped, compatible and translated IPv4 (::/96, ::ffff:0:0/96,
64:ff9b::/96, 64:ff9b:1::/48), unique local, link-local, site-local, multicast, discard, loopback."""
_REFUSED_V6 = (
    IPv6Network("2001::/23"),  # special purposes, Teredo among them (RFC 6890)
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),  # 6to4: an IPv4 address inside
    IPv6Network("3fff::/20"),
)


class UrlRefusedError(InvalidError):
    """We do not connect there; `detail` says what is wrong with it."""

    slug = "url-refused"
    title = "We do not connect to this address"


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is one of the public Internet, of one machine, and hides no other in it."""
    if isinstance(address, IPv6Address):
        if address.scope_id is not None or address not in _GLOBAL_V6:
            return False
        return address.is_global and not any(address in network for network in _REFUSED_V6)
    special = address.is_multicast or address.is_reserved or not address.is_global
    return not special and not any(address in network for network in _REFUSED_V4)


def may_connect(address: IPv4Address | IPv6Address, *, loopback: bool) -> bool:
    """Say whether a socket may be opened to `address`; `loopback` is for development, where receivers are here."""
    if loopback and address in {IPv4Address("127.0.0.1"), IPv6Address("::1")}:
        return True
    return is_public(address)


def check_url(url: str, *, loopback: bool = False, pointer: str = "#/url") -> None:
    """Raise UrlRefusedError unless `url` is https to a public name or address, written plainly.

    With `loopback`, also http or https to `localhost`, `127.0.0.1` and `[::1]`.
    """
    problem = _problem(url, loopback=loopback)
    if problem is not None:
        raise UrlRefusedError(problem, errors=[{"pointer": pointer, "detail": problem}])


def _problem(url: str, *, loopback: bool) -> str | None:
    if not _VISIBLE.fullmatch(url) or "\\" in url or len(url) > URL_MAX:
        return f"Write it in visible ASCII, a name of other letters as `xn--…`, in {URL_MAX} characters at most."
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return "It is not a URL."
    if "@" in parts.netloc or "#" in url or port == 0:
        return "A user, a password, a fragment or port 0 has no place in it: receivers know us by our signature."
    if loopback and host in _LOOPBACK_NAMES and parts.scheme in {"http", "https"}:
        return None
    if parts.scheme != "https":
        return "It must begin with `https://`."
    return _host_problem(host, bracketed="[" in parts.netloc)


def _host_problem(host: str, *, bracketed: bool) -> str | None:
    try:
        address = ip_address(host)
    except ValueError:
        if (
            bracketed
            or len(host) > _NAME_MAX
            or not _NAME.fullmatch(host)
            or _NUMBER.fullmatch(host.rpartition(".")[2])
        ):
            # The last label of a public name is no number: `127.1`, `0x7f.1`, `2130706433` are addresses in disguise.
            return "Its host is no name of the Internet, nor an address in its usual form."
        return "Its host is a name of local networks." if f".{host}".endswith(_LOCAL_SUFFIXES) else None
    return None if is_public(address) else "Its host is not a public address."
