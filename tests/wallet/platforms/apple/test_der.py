"""DER, beside asn1crypto, which shares nothing with ours."""

from datetime import UTC, datetime

import pytest
from asn1crypto import cms, core
from hypothesis import given
from hypothesis import strategies as st

from wallet.platforms.apple import der

arcs = st.lists(st.integers(0, 2**40), min_size=1, max_size=8)


@given(st.integers(0, 2**170))
def test_an_integer_is_the_one_that_others_read(number: int) -> None:
    assert core.Integer.load(der.integer(number), strict=True).native == number
    assert der.integer(number) == core.Integer(number).dump()


@given(st.integers(0, 1), st.integers(0, 39), arcs)
def test_an_object_identifier_is_the_one_that_others_read(first: int, second: int, rest: list[int]) -> None:
    dotted = ".".join(map(str, (first, second, *rest)))
    assert der.oid(dotted) == core.ObjectIdentifier(dotted).dump()
    assert der.read_oid(der.read(der.oid(dotted))) == dotted


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65_535, 65_536])
def test_octets_of_any_length_are_read_back(size: int) -> None:
    encoded = der.octets(bytes(size))
    assert encoded == core.OctetString(bytes(size)).dump()
    assert der.read(encoded).content == bytes(size)


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_a_set_is_in_the_order_that_der_wants(contents: list[bytes]) -> None:
    class Octets(core.SetOf):  # type: ignore[misc]
        _child_spec = core.OctetString

    ours = der.set_of([der.octets(content) for content in contents])
    assert ours == Octets(contents).dump(force=True)
    assert [child.content for child in der.read(ours).children()] == [
        item.native for item in Octets.load(ours, strict=True)
    ]


@given(st.integers(631_152_000, 7_258_118_399))
def test_a_time_is_the_one_that_others_read(seconds: int) -> None:
    whole = datetime.fromtimestamp(seconds, UTC)
    assert cms.Time.load(der.time(whole), strict=True).native == whole
    assert der.read_time(der.read(der.time(whole))) == whole


@given(st.binary(max_size=200))
def test_bytes_that_are_no_der_are_refused_and_never_crash(noise: bytes) -> None:
    try:
        values = list(der.read_all(noise))
    except der.DerError:
        return
    assert b"".join(value.encoded for value in values) == noise


def test_a_value_cut_short_is_refused() -> None:
    whole = der.sequence(der.integer(5), der.octets(b"x" * 200))
    for end in range(1, len(whole)):
        with pytest.raises(der.DerError):
            der.read(whole[:end])
