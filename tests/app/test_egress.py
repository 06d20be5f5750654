"""Where we may connect to: public addresses, plainly written, by https."""

import contextlib
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import egress
from app.egress import UrlRefusedError
from tests.hostile_urls import HOSTILE

PUBLIC = (
    "https://shop.example/hooks", "https://shop.example:8443/hooks?key=1", "https://8.8.8.8/", "https://xn--caf-dma.fr/",
    "https://[2606:4700:4700::1111]/", "https://a.b.c.d.example/", "HTTPS://Shop.Example/",
)  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused_as_text(url: str) -> None:
    with pytest.raises(UrlRefusedError):
        egress.check_url(url.format(port=8443))


def test_there_are_sixty_of_them_at_least() -> None:
    assert len(set(HOSTILE)) >= 60


@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_address_is_taken(url: str) -> None:
    egress.check_url(url)


@pytest.mark.parametrize("url", ["http://localhost:8000/", "https://127.0.0.1:1/", "http://[::1]:9/"])
def test_development_may_reach_this_machine_and_nothing_else(url: str) -> None:
    egress.check_url(url, loopback=True)
    with pytest.raises(UrlRefusedError):
        egress.check_url(url)


@pytest.mark.parametrize("url", ["http://shop.example/", "https://10.0.0.1/", "https://127.0.0.2/", "ftp://localhost/"])
def test_development_opens_nothing_but_this_machine(url: str) -> None:
    with pytest.raises(UrlRefusedError):
        egress.check_url(url, loopback=True)


@given(st.text(max_size=80))
def test_any_text_is_taken_or_refused_and_breaks_nothing(text: str) -> None:
    with contextlib.suppress(UrlRefusedError):
        egress.check_url("https://" + text)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_no_way_around(address: IPv4Address) -> None:
    number = int(address)
    wrapped = [
        IPv6Address((0xFFFF << 32) + number), IPv6Address(number), IPv6Address((0x64FF9B << 96) + number),
        IPv6Address((0x2002 << 112) + (number << 80)), IPv6Address((0xFFFF << 48) + number),
    ]  # fmt: skip
    assert [one for one in wrapped if egress.is_public(one)] == []


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public(address: IPv4Address | IPv6Address) -> None:
    special = (
        address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
        or address.is_reserved or address.is_unspecified
    )  # fmt: skip
    assert not (special and egress.is_public(address))


def test_loopback_for_development_is_two_addresses() -> None:
    asked = ("127.0.0.1", "::1", "127.0.0.2", "::ffff:127.0.0.1", "10.0.0.1", "::")
    assert [one for one in asked if egress.may_connect(ip_address(one), loopback=True)] == ["127.0.0.1", "::1"]
