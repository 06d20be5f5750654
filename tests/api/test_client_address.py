"""Whose a request is behind proxies: nothing that a client writes can move it to somebody else's account."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from api.app import create_app
from api.client_address import client_address
from api.resources.joins import JOINS_CLIENT
from app import clock, ids
from app.db import Database
from app.variables import Networks
from tests.world import World

TRUSTED = Networks([ip_network("10.0.0.0/8"), ip_network("fd00:ffff::/48")])
PROXY = "10.0.0.1"

proxies = st.one_of(st.ip_addresses(network="10.0.0.0/8").map(str), st.ip_addresses(network="fd00:ffff::/48").map(str))
clients = st.one_of(
    st.ip_addresses(v=4).filter(lambda one: one not in TRUSTED),
    st.ip_addresses(v=6).filter(lambda one: one not in TRUSTED and one.ipv4_mapped is None),
)
anything = st.text(st.characters(max_codepoint=255), max_size=60)
"""A header's value as WSGI hands it over: Latin-1."""


@given(peer=st.one_of(clients.map(str), st.just(""), anything), header=anything)
def test_without_trusted_proxies_the_header_is_not_looked_at(peer: str, header: str) -> None:
    assert client_address(peer, header, Networks()) == peer


@given(peer=clients.map(str), said=clients.map(str))
def test_who_is_no_trusted_proxy_cannot_speak_for_others(peer: str, said: str) -> None:
    assert client_address(peer, said, TRUSTED) == peer


@given(client=clients, invented=anything, hops=st.lists(proxies, max_size=4), peer=proxies)
def test_what_the_client_wrote_before_its_address_never_counts(
    client: IPv4Address | IPv6Address, invented: str, hops: list[str], peer: str
) -> None:
    assert client_address(peer, ",".join([invented, str(client), *hops]), TRUSTED) == str(client)


@given(client=clients, port=st.one_of(st.just(""), st.integers(0, 65535).map(":{}".format)))
def test_a_port_and_brackets_are_left_away(client: IPv4Address | IPv6Address, port: str) -> None:
    shown = f"[{client}]" if client.version == 6 else str(client)

    assert client_address(PROXY, shown + port, TRUSTED) == str(client)


@given(header=st.one_of(anything, st.text("0123456789abcdef:.,[]% \t", max_size=60)))
def test_whatever_the_header_says_is_borne(header: str) -> None:
    found = client_address(PROXY, header, TRUSTED)

    assert found == PROXY or ip_address(found)
    assert client_address(found, "", TRUSTED) == found


@pytest.mark.parametrize(
    "header",
    [
        "unknown", "_hidden", "203.0.113.7, unknown", "203.0.113.7, nonsense, 10.0.0.2", "fe80::1%eth0", "203.0.113.07",
        "203.0.113.7:x", "[2001:db8::1", "2001:db8::1]:443", "[]", ":", "1.2.3.4:5:6", "٢٠٣.0.113.7", "203.0.113.7;",
        "", " , ,", "for=203.0.113.7",
    ],
)  # fmt: skip
def test_an_entry_that_is_no_address_makes_the_proxy_the_client(header: str) -> None:
    assert client_address(PROXY, header, TRUSTED) == PROXY


def test_a_proxy_that_is_seen_through_ipv6_is_the_same_proxy() -> None:
    assert client_address("::ffff:10.0.0.1", "::ffff:203.0.113.7", TRUSTED) == "203.0.113.7"


def test_when_all_are_trusted_the_farthest_is_the_client() -> None:
    assert client_address(PROXY, "10.9.9.9, 10.0.0.2", TRUSTED) == "10.9.9.9"


def test_empty_elements_of_the_list_say_nothing() -> None:
    assert client_address(PROXY, "203.0.113.7,, \t,", TRUSTED) == "203.0.113.7"


def test_clients_behind_a_trusted_proxy_are_counted_apart(behind: FlaskClient, world: World) -> None:
    one, other = home(), home()

    assert [tries(behind, world, header) for header in (one, f"6.6.6.6, {one}", other)] == [1, 2, 1]


def test_one_household_of_ipv6_is_counted_together(behind: FlaskClient, world: World) -> None:
    one, next_door = home(), home()

    assert [tries(behind, world, header) for header in (f"{one}1", f"[{one}2:3]:443", f"{next_door}1")] == [1, 2, 1]


def test_whom_no_proxy_speaks_for_is_counted_by_the_connection(client: FlaskClient, world: World) -> None:
    peer = home()

    with clock.held(clock.now()):
        assert [tries(client, world, home(), peer=peer) for _ in range(2)] == [1, 2]


@pytest.fixture
def behind(database: Database) -> Iterator[FlaskClient]:
    """A client of an application that trusts the proxies of `TRUSTED`."""
    trusting = Database(replace(database.settings, trusted_proxies=TRUSTED))
    application: Flask = create_app(trusting.settings, trusting)
    with clock.held(clock.now()):
        yield application.test_client()
    trusting.dispose()


def home() -> str:
    """Return an IPv6 address of a household that no other test is at."""
    return f"2001:db8:{ids.secret_bytes(2).hex()}:{ids.secret_bytes(2).hex()}::"


def tries(client: FlaskClient, world: World, forwarded_for: str, peer: str = PROXY) -> int:
    """Join once; return how many tries of this client's address were counted by now."""
    answer = client.post(
        f"/v1/join/{world.slug}", json={}, headers={"X-Forwarded-For": forwarded_for},
        environ_overrides={"REMOTE_ADDR": peer},
    )  # fmt: skip
    assert answer.status_code == 201
    remaining = answer.headers["RateLimit"].partition(";r=")[2].partition(";")[0]
    return JOINS_CLIENT.quota - int(remaining)
