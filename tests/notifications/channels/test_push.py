"""The push channel against the stand-in: what is sent, what is shown, and what each fault becomes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from app import clock
from notifications.channels.push import PushChannel
from notifications.stand_in import StandIn
from notifications.stand_in.answers import google_error
from tests.notifications.conftest import make_message, open_channel
from wire.stand_in.certificates import make_tls


@pytest.mark.parametrize("address_kind", ["token", "fid"])
def test_a_push_reaches_the_phone(channel: PushChannel, stand_in: StandIn, address_kind: str) -> None:
    message = make_message(address_kind=address_kind, link="https://shop.example/coffee", data={"card_id": "crd_1"})
    [result] = channel.send([message])
    [shown] = stand_in.phones.screen("phone-1")
    assert (result.outcome, result.provider_id) == ("sent", shown.name)
    assert (shown.title, shown.body, shown.link) == (message.title, message.body, message.link)
    assert shown.data == {"card_id": "crd_1", "link": message.link, "message_id": message.delivery_id.hex}


def test_a_second_copy_replaces_the_first_on_the_screen(channel: PushChannel, stand_in: StandIn) -> None:
    message, other = make_message(), make_message()
    channel.send([message, other, message])
    assert sorted(shown.copies for shown in stand_in.phones.screen("phone-1")) == [1, 2]


@pytest.mark.parametrize(
    ("fault", "outcome", "reason", "retry_after_seconds"),
    [
        ("unregistered", "gone", "unregistered", None),
        ("invalid", "gone", "address_invalid", None),
        ("malformed", "gone", "address_invalid", None),
        ("mismatch", "refused", "sender_id_mismatch", None),
        ("thirdparty", "refused", "third_party_auth_error", None),
        ("unauthenticated", "retry", "unauthenticated", 1),
        ("forbidden", "retry", "permission_denied", 60),
        ("quota", "retry", "quota_exceeded", 60),
        ("internal", "retry", "internal", 1),
        ("unavailable", "retry", "unavailable", 7),
        ("proxypage", "retry", "http_502", 1),
        ("refuse", "retry", "stream_refused", 1),
        ("reset", "unknown", "stream_reset", None),
        ("midbody", "unknown", "stream_reset", None),
        ("hang", "unknown", "timeout", None),
        ("cut", "unknown", "connection_lost", None),
        ("slow5", "unknown", "timeout", None),
        ("wrongjson", "unknown", "answer_not_understood", None),
        ("goaway", "sent", None, None),
    ],
)
def test_each_fault_has_its_outcome_after_one_post(
    channel: PushChannel,
    stand_in: StandIn,
    fault: str,
    outcome: str,
    reason: str | None,
    retry_after_seconds: float | None,
) -> None:
    [result] = channel.send([make_message(f"phone-{fault}-1")])
    assert (result.outcome, result.reason, result.retry_after_seconds) == (outcome, reason, retry_after_seconds)
    assert stand_in.posts == [f"phone-{fault}-1"]


def test_one_bad_address_does_not_disturb_its_neighbours(channel: PushChannel) -> None:
    addresses = ["phone-1", "phone-hang-1", "phone-2", "phone-reset-1", "phone-unregistered-1", "phone-3"]
    results = channel.send([make_message(address) for address in addresses])
    assert [result.outcome for result in results] == ["sent", "unknown", "sent", "unknown", "gone", "sent"]


def test_a_message_that_was_shown_but_not_confirmed_is_shown_once_when_sent_again(
    channel: PushChannel, stand_in: StandIn
) -> None:
    stand_in.script("phone-1", ["hang", "sent"])
    message = make_message()
    outcomes = [channel.send([message])[0].outcome for _attempt in range(2)]
    assert outcomes == ["unknown", "sent"]
    assert [shown.copies for shown in stand_in.phones.screen("phone-1")] == [2]


def test_a_longer_retry_after_than_a_minute_is_kept(channel: PushChannel, stand_in: StandIn) -> None:
    date = (clock.now() + timedelta(minutes=5)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    quota = [google_error(429, "RESOURCE_EXHAUSTED", "Quota", retry_after=text) for text in ("90", date, "soon")]
    stand_in.script("phone-1", quota)
    pauses = []
    with clock.held(clock.now()):
        for _attempt in quota:
            pauses.append(channel.send([make_message()])[0].retry_after_seconds or 0)
            clock.advance(timedelta(seconds=pauses[-1]))
    assert pauses[0] == 90
    assert 200 <= pauses[1] <= 210  # of the date's five minutes 90 s are over
    assert pauses[2] == 60


def test_a_project_that_is_told_to_pause_posts_nothing_until_the_pause_is_over(
    channel: PushChannel, stand_in: StandIn
) -> None:
    with clock.held(clock.now()):
        channel.send([make_message("phone-quota90-1")])
        clock.advance(timedelta(seconds=30))
        [waiting] = channel.send([make_message()])
        assert (waiting.outcome, waiting.reason, waiting.retry_after_seconds) == ("retry", "quota_exceeded", 60)
        assert channel.paused_until() == clock.now() + timedelta(seconds=60)
        clock.advance(timedelta(seconds=60))
        assert channel.send([make_message()])[0].outcome == "sent"
    assert stand_in.posts == ["phone-quota90-1", "phone-1"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"address": ""}, "message_invalid"),
        ({"data": {"card": 7}}, "message_invalid"),
        ({"data": {"google.sent": "1"}}, "invalid_argument:message.data[google.sent]"),
        ({"body": "x" * 4096}, "message_too_large"),
    ],
)
def test_a_message_that_is_wrong_in_itself_is_refused_and_its_address_kept(
    channel: PushChannel, fields: dict[str, object], reason: str
) -> None:
    wrong, right = channel.send([make_message(**fields), make_message()])  # type: ignore[arg-type]
    assert (wrong.outcome, wrong.reason, right.outcome) == ("refused", reason, "sent")


def test_fifty_threads_at_a_cold_start_ask_for_one_token_and_open_one_connection(stand_in: StandIn) -> None:
    channel = open_channel(stand_in, timeout_seconds=30)
    with ThreadPoolExecutor(50) as threads:
        results = list(threads.map(lambda number: channel.send([make_message(f"phone-{number}")])[0], range(50)))
    channel.close()
    assert {result.outcome for result in results} == {"sent"}
    # One connection to the token endpoint, one for all messages.
    assert (stand_in.token_requests, stand_in.connections_opened) == (1, 2)


def test_more_messages_than_streams_all_arrive_once(stand_in: StandIn) -> None:
    channel = open_channel(stand_in, timeout_seconds=30)
    results = channel.send([make_message(f"phone-{number}", body="x" * 2500) for number in range(250)])
    channel.close()
    assert {result.outcome for result in results} == {"sent"}
    assert sorted(stand_in.posts) == sorted(f"phone-{number}" for number in range(250))


def test_a_token_is_replaced_before_it_expires(channel: PushChannel, stand_in: StandIn) -> None:
    with clock.held(clock.now()):
        assert channel.send([make_message()])[0].outcome == "sent"
        clock.advance(timedelta(minutes=54))
        assert channel.send([make_message()])[0].outcome == "sent"
        assert stand_in.token_requests == 1
        clock.advance(timedelta(minutes=2))
        # In the background: this message still goes with the old one.
        assert channel.send([make_message()])[0].outcome == "sent"
        channel._tokens.close()
        assert stand_in.token_requests == 2


def test_a_token_that_is_no_longer_accepted_is_replaced_for_the_next_attempt(
    channel: PushChannel, stand_in: StandIn
) -> None:
    message = make_message()
    channel.send([message])
    stand_in.tokens.revoke_all()
    outcomes = [channel.send([message])[0].outcome for _attempt in range(2)]
    assert outcomes == ["retry", "sent"]
    assert (len(stand_in.posts), stand_in.token_requests) == (3, 2)


def test_a_key_that_google_does_not_know_sends_nothing(stand_in: StandIn, tmp_path: Path) -> None:
    with StandIn(tmp_path / "other") as other:
        strange = {**stand_in.service_account_info, "private_key": other.service_account_info["private_key"]}
    channel = PushChannel(strange, endpoint=stand_in.url, ca_file=stand_in.ca_file)
    [result] = channel.send([make_message()])
    channel.close()
    assert (result.outcome, result.reason) == ("retry", "credential_refused")
    assert stand_in.posts == []


def test_a_server_with_another_authority_is_not_believed(stand_in: StandIn, tmp_path: Path) -> None:
    make_tls(tmp_path)
    elsewhere = PushChannel(
        stand_in.service_account_info, endpoint=stand_in.url, ca_file=tmp_path / "ca.pem", timeout_seconds=30
    )
    # The token endpoint is asked first and is not believed either.
    [result] = elsewhere.send([make_message()])
    elsewhere.close()
    assert (result.outcome, result.reason) == ("retry", "token_endpoint_unavailable")
    assert (stand_in.posts, stand_in.token_requests) == ([], 0)


def test_a_service_account_without_a_project_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="project_id"):
        PushChannel({"type": "service_account"})
