"""DER (ITU-T X.690) as CMS signatures need it: a few values written, and any value read.

Definite lengths and tags of one byte only: more never occurs in what we sign, and what is read with more is refused.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

SEQUENCE: Final = 0x30
SET: Final = 0x31
INTEGER: Final = 0x02
OCTETS: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
UTC_TIME_LAST_YEAR: Final = 2049
"""RFC 5652 §11.3: later times are GeneralizedTime."""

_LONG = 0x80
_LENGTH_BYTES_MAX = 4


class DerError(ValueError):
    """These bytes are not the DER that was expected."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value as read: its tag, what is inside, and all of its bytes."""

    tag: int
    content: bytes
    encoded: bytes

    def children(self) -> list["Value"]:
        """Return the values inside a constructed one."""
        return list(read_all(self.content))


def value(tag: int, *parts: bytes) -> bytes:
    """Return the encoding of one value whose content is `parts` joined."""
    content = b"".join(parts)
    size = len(content)
    if size < _LONG:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """Return SEQUENCE of encoded values."""
    return value(SEQUENCE, *parts)


def set_of(parts: Iterable[bytes]) -> bytes:
    """Return SET OF encoded values, in the order that DER wants (X.690 §11.6): verifiers hash them in this one."""
    return value(SET, *sorted(parts))


def integer(number: int) -> bytes:
    """Return INTEGER of a number that is not negative."""
    return value(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def octets(content: bytes) -> bytes:
    """Return OCTET STRING."""
    return value(OCTETS, content)


def null() -> bytes:
    """Return NULL."""
    return value(NULL)


def oid(dotted: str) -> bytes:
    """Return OBJECT IDENTIFIER of its dotted form."""
    first, second, *rest = map(int, dotted.split("."))
    return value(OID, *(_base_128(arc) for arc in (first * 40 + second, *rest)))


def time(instant: datetime) -> bytes:
    """Return Time of an aware instant, in whole seconds: UTCTime until 2049, then GeneralizedTime."""
    instant = instant.astimezone(UTC)
    if instant.year <= UTC_TIME_LAST_YEAR:
        return value(UTC_TIME, instant.strftime("%y%m%d%H%M%SZ").encode())
    return value(GENERALIZED_TIME, instant.strftime("%Y%m%d%H%M%SZ").encode())


def read(encoded: bytes) -> Value:
    """Return the one value that these bytes are; raise DerError when they are none, or more."""
    found = list(read_all(encoded))
    if len(found) != 1:
        raise DerError(f"one value was expected, and {len(found)} are there")
    return found[0]


def read_all(encoded: bytes) -> Iterator[Value]:
    """Yield the values that stand one after the other; raise DerError where the bytes make no sense."""
    at = 0
    while at < len(encoded):
        begin, at = at, at + 2
        if at > len(encoded):
            raise DerError("it ends in the middle of a value")
        size = encoded[at - 1]
        if size >= _LONG:
            count = size - _LONG
            if not 1 <= count <= _LENGTH_BYTES_MAX:
                raise DerError("a length is indefinite or larger than anything here")
            size, at = int.from_bytes(encoded[at : at + count], "big"), at + count
        if at + size > len(encoded):
            raise DerError("it ends in the middle of a value")
        yield Value(encoded[begin], encoded[at : at + size], encoded[begin : at + size])
        at += size


def read_oid(found: Value) -> str:
    """Return the dotted form of an OBJECT IDENTIFIER; raise DerError for another value."""
    if found.tag != OID or not found.content or found.content[-1] >= _LONG:
        raise DerError("an object identifier was expected")
    arcs, arc = [], 0
    for byte in found.content:
        arc = arc << 7 | byte & 0x7F
        if byte < _LONG:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - first * 40, *arcs[1:])))


def read_time(found: Value) -> datetime:
    """Return the instant of a Time; raise DerError for another value."""
    shapes = {UTC_TIME: "%y%m%d%H%M%SZ", GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}
    try:
        return datetime.strptime(found.content.decode("ascii"), shapes[found.tag]).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        raise DerError("a time was expected") from None


def _base_128(arc: int) -> bytes:
    low = bytes((arc & 0x7F,))
    while arc := arc >> 7:
        low = bytes((_LONG | arc & 0x7F,)) + low
    return low
