"""Where a request comes from: the address that connected, or what the proxies that the operator trusts say of it.

`X-Forwarded-For` is a list to which each proxy appends the address that connected to it. Everything left of the first
proxy's entry is the client's own invention. So the list is read from its end, as long as the entries are proxies that
`ASSIDU_TRUSTED_PROXIES` names; the first that is none is the client.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from app.variables import Networks

_WITH_PORT = re.compile(r"\[(?P<six>[^\[\]]*)\](?::\d{1,5})?|(?P<four>[^:]*):\d{1,5}", re.ASCII)
"""`[2001:db8::1]`, `[2001:db8::1]:443` and `203.0.113.7:443`, as some load balancers write."""


def client_address(peer: str, forwarded_for: str, trusted: Networks) -> str:
    """Return the client's address, given who connected and the value of `X-Forwarded-For`, several joined by commas.

    The header counts only when `peer` is a trusted proxy. When all of its entries are, the client is the farthest of
    them. An entry that is no address makes the whole header worthless: the answer is `peer`.
    """
    connected = _read(peer)
    if connected is None or connected not in trusted:
        return peer
    found = connected
    for entry in reversed(forwarded_for.split(",")):
        text = entry.strip(" \t")
        if not text:
            # Empty elements of a list say nothing (RFC 9110, section 5.6.1).
            continue
        hop = _read(text)
        if hop is None:
            return peer
        found = hop
        if hop not in trusted:
            break
    return str(found)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address, an IPv4 one that is mapped into IPv6 as itself; None for what is no address."""
    if (parts := _WITH_PORT.fullmatch(text)) is not None:
        text = parts["six"] if parts["six"] is not None else parts["four"]
    try:
        read = ip_address(text)
    except ValueError:
        return None
    if isinstance(read, IPv4Address):
        return read
    # A zone (`fe80::1%eth0`) is a name of the other machine's: as good as any text.
    return None if read.scope_id is not None else read.ipv4_mapped or read
