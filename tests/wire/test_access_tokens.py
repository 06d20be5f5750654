"""Access tokens when many ask at once, and when the endpoint is slow or silent."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from google.auth.exceptions import RefreshError, TransportError

from app import clock
from wire.access_tokens import AccessTokens, TokenUnavailableError


class Credential:
    """A credential whose endpoint answers when `may_answer` is set, or fails."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.expiry: datetime | None = None
        self.requests = 0
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()
        self.error: Exception | None = None

    def refresh(self, _request: object) -> None:
        self.requests += 1
        self.asked.set()
        assert self.may_answer.wait(30)
        if self.error is not None:
            raise self.error
        self.token = f"token-{self.requests}"
        self.expiry = clock.now().replace(tzinfo=None) + timedelta(hours=1)


def no_route() -> Exception:
    return TransportError("no route")  # type: ignore[no-untyped-call]


def refresh_error(*, retryable: bool) -> Exception:
    return RefreshError("the endpoint said no", retryable=retryable)  # type: ignore[no-untyped-call]


@pytest.fixture
def credential() -> Credential:
    return Credential()


@pytest.fixture
def tokens(credential: Credential) -> AccessTokens:
    return AccessTokens(credential, ca_file=None, timeout_seconds=30)


def test_those_who_come_while_one_asks_wait_for_its_answer(credential: Credential, tokens: AccessTokens) -> None:
    credential.may_answer.clear()
    with ThreadPoolExecutor(20) as threads:
        got = [threads.submit(tokens.current) for _thread in range(20)]
        assert credential.asked.wait(30)
        credential.may_answer.set()
        assert {each.result() for each in got} == {"token-1"}
    assert credential.requests == 1


def test_a_token_in_its_last_minutes_serves_while_another_is_fetched_in_the_background(
    credential: Credential, tokens: AccessTokens
) -> None:
    with clock.held(clock.now()):
        tokens.current()
        clock.advance(timedelta(minutes=57))
        credential.asked.clear()
        credential.may_answer.clear()
        assert [tokens.current() for _call in range(5)] == ["token-1"] * 5
        assert credential.asked.wait(30)
        assert tokens.current() == "token-1"
        credential.may_answer.set()
        tokens.close()
        assert tokens.current() == "token-2"
    assert credential.requests == 2


def test_an_endpoint_that_fails_is_not_asked_with_every_message(credential: Credential, tokens: AccessTokens) -> None:
    with clock.held(clock.now()):
        tokens.current()
        credential.error = no_route()
        clock.advance(timedelta(minutes=57))
        for _call in range(5):
            tokens.current()
            tokens.close()
        assert credential.requests == 2
        clock.advance(timedelta(seconds=10))
        tokens.current()
        tokens.close()
        assert credential.requests == 3


def test_a_token_in_its_last_minutes_serves_when_the_endpoint_fails(
    credential: Credential, tokens: AccessTokens
) -> None:
    with clock.held(clock.now()):
        tokens.current()
        credential.error = no_route()
        clock.advance(timedelta(minutes=57))
        assert tokens.current() == "token-1"
        clock.advance(timedelta(minutes=4))
        with pytest.raises(TokenUnavailableError):
            tokens.current()


def test_a_forgotten_token_is_not_handed_out_again(tokens: AccessTokens) -> None:
    tokens.forget(tokens.current())
    assert tokens.current() == "token-2"
    tokens.forget("token-1")
    assert tokens.current() == "token-2"


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (refresh_error(retryable=False), True),
        (refresh_error(retryable=True), False),
        (no_route(), False),
    ],
)
def test_a_refused_key_is_told_from_a_silent_endpoint(
    credential: Credential, tokens: AccessTokens, error: Exception, *, refused: bool
) -> None:
    credential.error = error
    with pytest.raises(TokenUnavailableError) as raised:
        tokens.current()
    assert raised.value.refused is refused
