"""Header blocks of HTTP/2 (HPACK, RFC 7541), packed and read once for the many requests that share them."""

from collections.abc import Mapping
from typing import Any

import hpack

Headers = Mapping[str, str]
TABLE_BYTES = 4096
"""How large the table of sent fields may grow, where the server allows more."""
REMEMBERED_MAX = 256


class BlockPacker:
    """Packs request heads. A head that was packed before, and is in the server's table whole, costs a look."""

    def __init__(self) -> None:
        self._encoder = hpack.Encoder()
        self._head: tuple[tuple[str, str], ...] | None = None
        self._packed = b""
        self._resizing = b""

    def pack(self, head: tuple[tuple[str, str], ...], length: int, path: str = "") -> bytes:
        """Return the block of a head with `content-length` after it, and before it `:path`, where it is not within."""
        block = self._pack_head(head) + _content_length(length)
        if path:
            block = _path(path) + block
        if self._resizing:
            block, self._resizing = self._resizing + block, b""
        return block

    def limit(self, table_bytes: int) -> None:
        """Keep to the size of table that the server allows."""
        self._encoder.header_table_size = min(table_bytes, TABLE_BYTES)
        # What tells the server of it has to begin the next block (RFC 7541 §4.2).
        self._resizing += self._encoder.encode(())
        self._head = None

    def _pack_head(self, head: tuple[tuple[str, str], ...]) -> bytes:
        if head is self._head:
            return self._packed
        before = _mark(self._encoder)
        packed: bytes = self._encoder.encode(head)
        if _unchanged(self._encoder, before):
            # The table was left as it was: the same bytes say the same until something else is packed.
            self._head, self._packed = head, packed
        return packed


class BlockReader:
    """Reads answer heads. The same bytes mean the same as long as nothing was added to the table."""

    def __init__(self) -> None:
        self._decoder = hpack.Decoder()
        self._known: dict[bytes, tuple[int, Headers]] = {}

    def read(self, block: bytes) -> tuple[int, Headers]:
        """Return the status (0 without one, as in trailers) and the headers; raise ValueError when not understood."""
        found = self._known.get(block)
        if found is not None:
            return found
        before = _mark(self._decoder)
        try:
            pairs = [(str(name), str(value)) for name, value in self._decoder.decode(block)]
        except hpack.HPACKError as error:
            raise ValueError("a header block that is not one") from error
        headers = dict(pairs)
        found = (int(headers.pop(":status", "0")), headers)
        if not _unchanged(self._decoder, before):
            self._known.clear()
        else:
            if len(self._known) >= REMEMBERED_MAX:
                self._known.clear()
            self._known[block] = found
        return found


def _mark(coder: Any) -> tuple[object, int, int, bool]:
    """Return what changes with every change of a table: its newest entry is a new object, or it is shorter."""
    table = coder.header_table
    entries = table.dynamic_entries
    return (entries[0] if entries else None, len(entries), table.maxsize, table.resized)


def _unchanged(coder: Any, before: tuple[object, int, int, bool]) -> bool:
    after = _mark(coder)
    # The same object, which `before` keeps alive, and not an equal one.
    return after[0] is before[0] and after[1:] == before[1:]


def _path(path: str) -> bytes:
    # A literal that nobody may ever put into a table, since it may hold a secret; the name is in the static one (4):
    # RFC 7541 §6.2.3, §7.1.3.
    text = path.encode()
    return b"\x14" + bytes(hpack.hpack.encode_integer(len(text), 7)) + text


def _content_length(length: int) -> bytes:
    # A literal that is never added to a table, with the name from the static one (28): RFC 7541 §6.2.2.
    digits = str(length).encode()
    return b"\x0f\x0d" + bytes((len(digits),)) + digits
