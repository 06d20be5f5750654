"""Header blocks, read by a decoder that is not ours: what is repeated is short, and secrets stay out of tables."""

import hpack
from hypothesis import given
from hypothesis import strategies as st

from wire.header_blocks import BlockPacker

HEAD = ((":method", "POST"), (":scheme", "https"), (":authority", "api.push.apple.com"), ("apns-topic", "pass.example"))
PATHS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=400).map("/".__add__)


@given(st.lists(st.tuples(PATHS | st.just(""), st.integers(0, 10**6)), max_size=12))
def test_what_is_packed_is_what_is_read(requests: list[tuple[str, int]]) -> None:
    packer, reader = BlockPacker(), hpack.Decoder()
    for path, length in requests:
        expected = [*([(":path", path)] if path else []), *HEAD, ("content-length", str(length))]
        assert [tuple(pair) for pair in reader.decode(packer.pack(HEAD, length, path))] == expected


def test_a_path_of_its_own_is_never_put_into_a_table() -> None:
    packer, reader = BlockPacker(), hpack.Decoder()
    for number in range(3):
        secret = f"/3/device/{number:064x}"
        [path, *_] = reader.decode(packer.pack(HEAD, 2, secret))
        assert isinstance(path, hpack.NeverIndexedHeaderTuple)
        assert all(secret.encode() not in entry for entry in reader.header_table.dynamic_entries)


def test_a_head_that_was_said_costs_little_beside_its_path() -> None:
    packer = BlockPacker()
    packer.pack(HEAD, 2, "/x")
    assert len(packer.pack(HEAD, 2, "/x")) < 16


@given(st.lists(st.sampled_from([0, 50, 100, 1000, 4096, 65_536, None]), max_size=12))
def test_a_server_that_changes_its_table_is_told_before_anything_else(sizes: list[int | None]) -> None:
    packer, reader = BlockPacker(), hpack.Decoder()
    reader.max_allowed_table_size = 65_536
    for number, size in enumerate(sizes):
        if size is not None:
            packer.limit(size)
        read = reader.decode(packer.pack(HEAD, number, f"/{number}"))
        assert [tuple(pair) for pair in read] == [(":path", f"/{number}"), *HEAD, ("content-length", str(number))]
        if size is not None:
            assert reader.header_table_size <= max(size, 0)
