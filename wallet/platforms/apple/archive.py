"""Zip archives as Wallet reads them: every file stored as it is, each prepared once and copied from then on.

Stored and never deflated: pictures do not shrink, and Apple says nothing of deflated entries. Names are ASCII, times
are the format's first (1980-01-01), so that the same files give the same bytes. Source: PKWARE APPNOTE 6.3, §4.3.
"""

import functools
import hashlib
import re
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

PATH: Final = re.compile(r"(?!.*(?:^|/)\.)[A-Za-z0-9@._-]+(?:/[A-Za-z0-9@._-]+)?")
"""A file at the top or one folder below; nothing hidden, nothing that climbs."""

_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_VERSION = 20
_FIRST_DAY = 0x21
_PREPARED_BYTES_MAX = 1 << 20
_PREPARED = 512


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, ready to be copied into archives; `sha1` is hexadecimal, as manifests want it."""

    path: str
    content: bytes
    sha1: str
    crc: int
    head: bytes


def entry(path: str, content: bytes) -> Entry:
    """Return a file made ready; the same bytes object (a picture in a cache) is hashed once.

    Raises ValueError for a path that is not plain.
    """
    return _prepared(path, content) if len(content) <= _PREPARED_BYTES_MAX else fresh(path, content)


def fresh(path: str, content: bytes) -> Entry:
    """Return a file made ready without remembering it: for what differs in each archive."""
    if not PATH.fullmatch(path):
        raise ValueError(f"not a path for an archive: {path!r}")
    crc = zlib.crc32(content)
    name, size = path.encode("ascii"), len(content)
    head = _LOCAL.pack(0x04034B50, _VERSION, 0, 0, 0, _FIRST_DAY, crc, size, size, len(name), 0) + name
    return Entry(path, content, hashlib.sha1(content, usedforsecurity=False).hexdigest(), crc, head)


# Bytes objects remember their own hash: looking the same object up again costs nothing, however large it is.
_prepared = functools.lru_cache(maxsize=_PREPARED)(fresh)


def pack(entries: Iterable[Entry]) -> bytes:
    """Return the archive of these files, in their order."""
    parts: list[bytes] = []
    directory: list[bytes] = []
    at = 0
    for file in entries:
        name, size = file.path.encode("ascii"), len(file.content)
        directory.append(
            _CENTRAL.pack(
                0x02014B50, _VERSION, _VERSION, 0, 0, 0, _FIRST_DAY, file.crc, size, size, len(name), 0, 0, 0, 0, 0, at
            )
            + name
        )
        parts += (file.head, file.content)
        at += len(file.head) + size
    central = b"".join(directory)
    end = _END.pack(0x06054B50, 0, 0, len(directory), len(directory), len(central), at, 0)
    return b"".join((*parts, central, end))
