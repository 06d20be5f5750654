"""One request: short answers, one deadline over all of it, and a reason for whatever goes wrong."""

import socket
import threading

import pytest

from tests.world_receiver import Receiver, Reply


@pytest.mark.parametrize(
    ("status", "reason"),
    [(200, None), (201, None), (204, None), (400, "status_400"), (410, "status_410"), (500, "status_500")],
)
def test_two_hundreds_are_accepted_and_nothing_else(receiver: Receiver, status: int, reason: str | None) -> None:
    receiver.always = Reply(status)
    with receiver.client() as client:
        attempt = client.post(receiver.url, {"webhook-id": "evt_1"}, "{}")
    assert (attempt.status, attempt.reason) == (status, reason)
    assert receiver.told[0].headers["webhook-id"] == "evt_1"


def test_a_long_answer_is_cut(receiver: Receiver) -> None:
    receiver.always = Reply(200, body=b"y" * 1_000_000)
    with receiver.client() as client:
        attempt = client.post(receiver.url, {}, "{}")
    assert (attempt.status, attempt.answer) == (200, "y" * 1024)


def test_a_receiver_that_sends_a_byte_now_and_then_meets_the_deadline(receiver: Receiver) -> None:
    receiver.always = Reply(200, body=b"z" * 500, drip=0.05)
    with receiver.client(timeout_seconds=0.5) as client:
        attempt = client.post(receiver.url, {}, "{}")
    assert attempt.reason == "timeout"


def test_a_receiver_that_says_nothing_meets_the_deadline(receiver: Receiver) -> None:
    receiver.always = Reply(200, pause=2)
    with receiver.client(timeout_seconds=0.3) as client:
        assert client.post(receiver.url, {}, "{}").reason == "timeout"


def test_a_port_that_nobody_listens_on_is_a_failure(receiver: Receiver) -> None:
    with socket.socket() as silent, receiver.client() as client:
        silent.bind(("127.0.0.1", 0))  # so that nobody else listens there meanwhile
        url = f"https://localhost:{silent.getsockname()[1]}/"
        assert client.post(url, {}, "{}").reason == "connection_failed"


@pytest.mark.parametrize(
    "said", [b"HTTP/9.9 nonsense\r\n\r\n", b"\0" * 100, b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"]
)
def test_an_answer_that_is_none_is_a_failure(receiver: Receiver, said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = threading.Thread(target=say, args=(server, said))
        answering.start()
        with receiver.client() as client:
            attempt = client.post(f"http://localhost:{server.getsockname()[1]}/", {}, "{}")
        answering.join()
    assert attempt.reason in {"malformed_answer", "connection_failed"}


def say(server: socket.socket, said: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(said)


def test_a_kept_connection_is_used_again(receiver: Receiver) -> None:
    with receiver.client() as client:
        for _ in range(3):
            assert client.post(receiver.url, {}, "{}").status == 204
        assert len(client._pool.connections) == 1
