"""Zip archives as Wallet reads them: every file stored as it is, each prepared once and copied from then on.

Stored and never deflated: pictures do not shrink, and Apple says nothing of deflated entries. Names are ASCII, times
are the format's first (1980-01-01), so that the same files give the same bytes. Source: PKWARE APPNOTE 6.3, §4.3.
"""

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


@dataclass(frozen=True, slots=True)
class Part:
    """Files that were made ready to stand in archives: their bytes, and what the directory says of them.

    `directory` has its offsets from the part's own beginning, which is therefore an archive's.
    """

    content: bytes
    directory: bytes
    count: int
    hashes: dict[str, str]
    """SHA-1 of each file by its path, hexadecimal, as manifests want them."""


def part(files: Iterable[tuple[str, bytes]]) -> Part:
    """Return files made ready; raise ValueError for a path that is not plain or occurs twice."""
    pieces: list[bytes] = []
    directory: list[bytes] = []
    hashes: dict[str, str] = {}
    at = 0
    for path, content in files:
        if not PATH.fullmatch(path) or path in hashes:
            raise ValueError(f"not a path for an archive, or there twice: {path!r}")
        hashes[path] = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        head, entry = _describe(path, content, at)
        pieces += (head, content)
        directory.append(entry)
        at += len(head) + len(content)
    return Part(b"".join(pieces), b"".join(directory), len(directory), hashes)


def close(first: Part, rest: Iterable[tuple[str, bytes]]) -> tuple[bytes, bytes]:
    """Return the archive of a part's files and of the rest after them, by their plain paths, in two chunks.

    The first is the part's own bytes, which nothing copies: who sends it sends it from where it is.
    """
    pieces: list[bytes] = []
    directory = [first.directory]
    at, count = len(first.content), first.count
    for path, content in rest:
        head, entry = _describe(path, content, at)
        pieces += (head, content)
        directory.append(entry)
        at += len(head) + len(content)
        count += 1
    central = b"".join(directory)
    pieces += (central, _END.pack(0x06054B50, 0, 0, count, count, len(central), at, 0))
    return first.content, b"".join(pieces)


def pack(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the archive of these files, in their order; raises as `part` does."""
    return b"".join(close(part(files), ()))


def _describe(path: str, content: bytes, at: int) -> tuple[bytes, bytes]:
    """Return what stands before a file that begins at `at`, and its entry in the directory."""
    name, size, crc = path.encode("ascii"), len(content), zlib.crc32(content)
    head = _LOCAL.pack(0x04034B50, _VERSION, 0, 0, 0, _FIRST_DAY, crc, size, size, len(name), 0) + name
    entry = _CENTRAL.pack(
        0x02014B50, _VERSION, _VERSION, 0, 0, 0, _FIRST_DAY, crc, size, size, len(name), 0, 0, 0, 0, 0, at
    )
    return head, entry + name
