"""The HTTP/2 transport when connections break, servers restrain it, or nobody listens."""

import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from notifications.channels.push import PushChannel
from notifications.stand_in import StandIn
from tests import world_workers
from tests.notifications.conftest import make_message
from wire.exchanges import Exchange, Failure, Response
from wire.stand_in.certificates import make_tls
from wire.transport import Http2Transport, TransportLimits

Headers = dict[str, str]
LIMITS = TransportLimits(timeout_seconds=30, connect_timeout_seconds=30)


@pytest.fixture
def transport(stand_in: StandIn) -> Iterator[Http2Transport]:
    opened = Http2Transport(stand_in.url + stand_in.messages.path, ca_file=stand_in.ca_file, limits=LIMITS)
    yield opened
    opened.close()


@pytest.fixture
def headers(channel: PushChannel) -> Headers:
    """Headers with a token; without one the stand-in answers 401 at once."""
    return {"authorization": f"Bearer {channel._tokens.current()}"}


def post(transport: Http2Transport, *addresses: str, headers: Headers | None = None) -> list[Response | Failure]:
    bodies = [b'{"message":{"token":"%s"}}' % address.encode() for address in addresses]
    return transport.post_many(bodies, headers or {})


def test_answers_come_in_the_order_of_the_requests(transport: Http2Transport) -> None:
    bodies = [b"not json", b'{"message":{"token":"a"}}'] * 20
    statuses = [answer.status for answer in transport.post_many(bodies, {}) if isinstance(answer, Response)]
    assert statuses == [400, 401] * 20


def test_a_server_that_allows_two_streams_is_obeyed(tmp_path: Path) -> None:
    with StandIn(tmp_path, streams_max=2) as stand_in:
        transport = Http2Transport(stand_in.url + stand_in.messages.path, ca_file=stand_in.ca_file, limits=LIMITS)
        answers = post(transport, *(f"phone-{number}" for number in range(30)))
        transport.close()
        assert [type(answer) for answer in answers] == [Response] * 30
        # The stand-in ends a connection on which a third stream is opened.
        assert stand_in.connections_opened <= LIMITS.connections


def test_a_cut_connection_leaves_the_fate_open_and_the_next_message_opens_another(
    transport: Http2Transport, headers: Headers, stand_in: StandIn
) -> None:
    opened_before = stand_in.connections_opened
    [lost] = post(transport, "phone-cut-1", headers=headers)
    [answered] = post(transport, "phone-1", headers=headers)
    assert lost == Failure(reason="connection_lost", maybe_sent=True)
    assert isinstance(answered, Response)
    assert stand_in.connections_opened == opened_before + 2


def test_a_server_that_goes_away_answers_what_it_took_and_the_rest_goes_elsewhere(
    transport: Http2Transport, headers: Headers, stand_in: StandIn
) -> None:
    opened_before = stand_in.connections_opened
    first = post(transport, "phone-slow1-1", "phone-goaway-1", headers=headers)
    second = post(transport, "phone-1", headers=headers)
    assert [answer.status for answer in [*first, *second] if isinstance(answer, Response)] == [200, 200, 200]
    assert stand_in.connections_opened == opened_before + 2


def test_nobody_listening_means_that_nothing_was_sent(stand_in: StandIn, transport: Http2Transport) -> None:
    stand_in.stop()
    failures = post(transport, "phone-1", "phone-2")
    assert failures == [Failure(reason="unreachable", maybe_sent=False)] * 2


def test_a_certificate_of_another_authority_means_that_nothing_was_sent(stand_in: StandIn, tmp_path: Path) -> None:
    make_tls(tmp_path)
    transport = Http2Transport(stand_in.url + "/", ca_file=tmp_path / "ca.pem", limits=LIMITS)
    [failure] = post(transport, "phone-1")
    transport.close()
    assert failure == Failure(reason="certificate_not_trusted", maybe_sent=False)
    assert stand_in.posts == []


def test_closing_ends_what_is_under_way_and_refuses_what_comes_after(
    transport: Http2Transport, headers: Headers, stand_in: StandIn
) -> None:
    answers: list[Response | Failure] = []
    waiting = threading.Thread(target=lambda: answers.extend(post(transport, "phone-hang-1", headers=headers)))
    waiting.start()
    while not stand_in.posts:
        time.sleep(0.01)
    transport.close()
    waiting.join(20)
    assert answers == [Failure(reason="connection_lost", maybe_sent=True)]
    with pytest.raises(RuntimeError):
        post(transport, "phone-1")


def test_connections_are_opened_as_the_load_needs_them(tmp_path: Path) -> None:
    with StandIn(tmp_path, streams_max=100, lean=True, latency_seconds=0.2) as stand_in:
        transport = Http2Transport(stand_in.url + stand_in.messages.path, ca_file=stand_in.ca_file, limits=LIMITS)
        post(transport, *(f"phone-{number}" for number in range(50)))
        few = stand_in.connections_opened
        answers = post(transport, *(f"phone-{number}" for number in range(650)))
        many = stand_in.connections_opened
        transport.close()
    assert (few, many) == (1, 7)
    assert [type(answer) for answer in answers] == [Response] * 650


def test_many_threads_at_once_get_their_own_answers(tmp_path: Path) -> None:
    with StandIn(tmp_path, lean=True) as stand_in:
        channel = PushChannel(stand_in.service_account_info, endpoint=stand_in.url, ca_file=stand_in.ca_file)
        messages = [[make_message(f"phone-{thread}-{n}") for n in range(40)] for thread in range(16)]
        messages[3][7] = make_message("phone-unregistered-1")
        with ThreadPoolExecutor(16) as threads:
            results = list(threads.map(channel.send, messages))
        channel.close()
        counts = stand_in.counts()
    assert results[3][7].outcome == "gone"
    assert sum(result.outcome == "sent" for batch in results for result in batch) == 16 * 40 - 1
    assert (counts["posts"], counts["duplicates"], counts["token_requests"]) == (640, 0, 1)


def test_connections_that_are_told_to_leave_again_and_again_lose_and_double_nothing(tmp_path: Path) -> None:
    with StandIn(tmp_path, lean=True, goaway_after=30) as stand_in:
        channel = PushChannel(stand_in.service_account_info, endpoint=stand_in.url, ca_file=stand_in.ca_file)
        waiting = [make_message(f"phone-{number}") for number in range(300)]
        for _round in range(60):
            results = channel.send(waiting)
            assert {result.outcome for result in results} <= {"sent", "retry"}
            waiting = [one for one, result in zip(waiting, results, strict=True) if result.outcome == "retry"]
            if not waiting:
                break
        channel.close()
        counts = stand_in.counts()
    assert waiting == []
    assert (counts["arrivals"], counts["duplicates"]) == (300, 0)


def test_nothing_of_what_was_answered_is_kept(tmp_path: Path) -> None:
    with StandIn(tmp_path, lean=True) as stand_in:
        channel = PushChannel(stand_in.service_account_info, endpoint=stand_in.url, ca_file=stand_in.ca_file)

        def kept() -> int:
            gc.collect()
            return sum(isinstance(one, Exchange | Response) for one in gc.get_objects())

        for _batch in range(3):
            channel.send([make_message(f"phone-{number}") for number in range(300)])
        first = kept()
        for _batch in range(10):
            channel.send([make_message(f"phone-{number}") for number in range(300)])
        # The transport's thread lets go of the last of them a moment after it has told of them.
        world_workers.wait_for(lambda: kept() <= first, 60)
        channel.close()


def test_plain_http_is_no_address() -> None:
    with pytest.raises(ValueError, match="https"):
        Http2Transport("http://localhost:1/")
