"""Attack 22: no hostile address, no name that changes its mind, no redirect and no proxy leads to the trap."""

import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpcore
import pytest

from notifications.webhooks.client import WebhookClient
from tests.hostile_urls import HOSTILE
from tests.world_receiver import Receiver, Reply, Trap, trapped
from wire.egress import AddressRefusedError, Deadline, GuardedBackend, NameNotFoundError, resolve


@pytest.fixture
def trap() -> Iterator[Trap]:
    with trapped() as listening:
        yield listening


class Dialled(httpcore.NetworkBackend):
    """Keeps what would be dialled, and reaches nobody."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:  # noqa: ARG002
        self.addresses.append(host)
        raise httpcore.ConnectError


def answering(*answers: list[str]) -> Any:
    """Return a resolver that answers so, in turn, and the last again."""
    waiting = list(answers)
    return lambda _host, _port: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def test_the_trap_would_notice(trap: Trap) -> None:
    with WebhookClient(loopback=True, timeout_seconds=1) as client:
        client.post(f"http://127.0.0.1:{trap.port}/", {}, "{}")
        assert client.post(f"http://[::1]:{trap.port}/", {}, "{}").reason in {"timeout", "connection_failed"}
    assert trap.connections() >= 1


def test_no_hostile_address_is_connected_to(trap: Trap) -> None:
    with WebhookClient(timeout_seconds=2) as client:
        reasons = {url: client.post(url.format(port=trap.port), {}, "{}").reason for url in HOSTILE}
    assert set(reasons.values()) == {"address_refused"}
    assert trap.connections() == 0


@pytest.mark.parametrize("url", [url for url in HOSTILE if "{port}" in url and url.isascii() and "\\" not in url])
def test_the_guard_at_the_socket_does_not_rely_on_the_check_of_the_text(trap: Trap, url: str) -> None:
    dialled = Dialled()
    guard = GuardedBackend(Deadline(), dial=dialled)
    try:
        host = urlsplit(url.format(port=trap.port)).hostname or "localhost"
    except ValueError:
        host = "localhost"
    with pytest.raises((AddressRefusedError, NameNotFoundError)):
        guard.connect_tcp(host, trap.port)
    assert dialled.addresses == []
    assert trap.connections() == 0


def test_a_name_that_resolves_elsewhere_a_moment_later_gains_nothing(trap: Trap) -> None:
    dialled = Dialled()
    rebinding = answering(["8.8.8.8"], ["127.0.0.1"])
    with WebhookClient(resolve=rebinding, dial=dialled) as client:
        first = client.post(f"https://rebind.example:{trap.port}/", {}, "{}")
        second = client.post(f"https://rebind.example:{trap.port}/", {}, "{}")
    assert (first.reason, second.reason) == ("connection_failed", "address_refused")
    assert dialled.addresses == ["8.8.8.8"]
    assert trap.connections() == 0


@pytest.mark.parametrize("private", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fe80::1%eth0", "nonsense"])
def test_one_refused_address_among_public_ones_is_enough(trap: Trap, private: str) -> None:
    dialled = Dialled()
    with WebhookClient(resolve=answering(["8.8.8.8", private]), dial=dialled) as client:
        assert client.post(f"https://mixed.example:{trap.port}/", {}, "{}").reason == "address_refused"
    assert dialled.addresses == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/", "http://169.254.169.254/", "https://localhost:{port}/"])
def test_a_redirect_is_a_failure_and_not_followed(trap: Trap, receiver: Receiver, status: int, target: str) -> None:
    receiver.always = Reply(status, {"Location": target.format(port=trap.port)})
    with receiver.client() as client:
        attempt = client.post(receiver.url, {}, "{}")
    assert (attempt.status, attempt.reason) == (status, "redirect")
    assert len(receiver.told) == 1
    assert trap.connections() == 0


def test_proxies_of_the_environment_are_not_asked(
    trap: Trap, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
    with receiver.client() as client:
        assert client.post(receiver.url, {}, "{}").status == 204
    assert trap.connections() == 0


def test_the_certificate_is_checked_for_the_name_and_not_for_the_address(receiver: Receiver) -> None:
    here = answering(["127.0.0.1"])
    with receiver.client(resolve=here) as client:
        assert client.post(receiver.url, {}, "{}").status == 204
        assert client.post(f"https://shop.example:{receiver.port}/", {}, "{}").reason == "tls_failed"


def test_a_certificate_of_nobody_we_trust_is_refused(receiver: Receiver) -> None:
    with receiver.client(trust=ssl.create_default_context()) as client:
        assert client.post(receiver.url, {}, "{}").reason == "tls_failed"
    assert receiver.told == []


def test_a_name_of_nothing_is_a_failure_like_others() -> None:
    with pytest.raises(NameNotFoundError):
        resolve("nothing.invalid", 443)
    with WebhookClient() as client:
        assert client.post("https://nothing.invalid/", {}, "{}").reason == "name_not_found"
