"""Telling phones that a pass changed: an empty push of APNs to each, after which the phone asks us what is new.

A push says nothing but "ask": sent twice it does no harm, so an uncertain one may be sent again. What is sent together
goes over one connection, side by side; what APNs certainly did not see, since it was closing the connection, is sent
once more over the next one.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, cast

from app import clock
from wallet.platforms.apple.provider_tokens import ProviderTokens, TokenLogin
from wire.client_certificates import client_tls
from wire.exchanges import Failure, Response
from wire.transport import Http2Transport, Request, TransportLimits, TransportThread

PRODUCTION: Final = "https://api.push.apple.com"
"""Pushes to Wallet exist here only: APNs' sandbox knows none."""
EMPTY: Final = b"{}"
LIMITS: Final = TransportLimits(streams=1000, connections=2, messages_per_minute=None)
"""APNs tells its own number of streams, and has no quota for an app's pushes together."""
ROUNDS: Final = 3
"""How often what APNs certainly did not take is handed to it, in one call."""
NOT_TAKEN: Final = frozenset({"server_going_away", "stream_refused", "connection_lost"})
KEPT_DAYS: Final = 30
DAY_SECONDS: Final = 86_400
CREDENTIAL_PAUSE_SECONDS: Final = 600.0
"""After APNs refused us ourselves it is not asked again for so long: only the programme's owner can mend it."""
BUSY_PAUSE_SECONDS: Final = 60.0
UNAVAILABLE_PAUSE_SECONDS: Final = 1.0
PUSH_TOKEN: Final = re.compile(r"[0-9a-fA-F]{16,400}")
"""APNs' tokens are hexadecimal; their length may change (Apple: do not assume one)."""

Outcome = Literal["sent", "gone", "refused", "retry", "unknown"]

GONE: Final = frozenset({"bad_device_token", "unregistered", "expired_token"})
"""Nothing sent to this address will ever arrive. `device_token_not_for_topic` is not here: a login of another team gets
it for every phone, and would make us forget them all."""
OF_CREDENTIAL: Final = frozenset({
    "bad_certificate", "bad_certificate_environment", "forbidden", "invalid_provider_token", "missing_provider_token",
    "topic_disallowed", "too_many_provider_token_updates",
})  # fmt: skip
"""APNs does not take it from us, whatever the phone."""


@dataclass(frozen=True, kw_only=True)
class CertificateLogin:
    """A Pass Type ID certificate with its key: it speaks for its own pass type only."""

    certificate_pem: bytes
    key_pem: bytes = field(repr=False)
    chain_pem: bytes = b""


Login = CertificateLogin | TokenLogin


@dataclass(frozen=True, kw_only=True)
class PushResult:
    """What became of one push.

    - `sent`: APNs took it.
    - `gone`: forget the address, unless the phone gave it anew after `gone_at`.
    - `refused`: APNs will not take this push, ever: a fault of ours.
    - `retry`: it was not sent; again after `retry_after_seconds` at least.
    - `unknown`: it may have been sent; it may be sent again.

    `reason` is APNs' own word in snake case, or the transport's.
    """

    outcome: Outcome
    reason: str | None = None
    retry_after_seconds: float | None = None
    gone_at: datetime | None = None


SENT: Final = PushResult(outcome="sent")
MALFORMED: Final = PushResult(outcome="gone", reason="bad_device_token")


class ApnsClient:
    """Pushes for one pass type, under one login. Safe between threads; nothing is connected before the first push."""

    def __init__(
        self,
        login: Login,
        topic: str,
        *,
        url: str = PRODUCTION,
        ca_file: Path | None = None,
        thread: TransportThread | None = None,
        limits: TransportLimits = LIMITS,
    ) -> None:
        """Load the login; raise ValueError when it is not usable.

        `topic` is the pass type identifier. `ca_file` holds the authorities to trust instead of the system's.
        """
        self._headers = {"apns-topic": topic, "apns-push-type": "background", "apns-priority": "5"}
        self._tokens: ProviderTokens | None = None
        tls = None
        if isinstance(login, TokenLogin):
            self._tokens = ProviderTokens(login)
        else:
            tls = client_tls(
                certificate_pem=login.certificate_pem,
                key_pem=login.key_pem,
                chain_pem=login.chain_pem,
                ca_file=ca_file,
            )
        self._transport = Http2Transport(url, ca_file=ca_file, limits=limits, thread=thread, tls=tls)
        self._paused: tuple[datetime, str] | None = None

    def push_many(self, push_tokens: Sequence[str]) -> list[PushResult]:
        """Push to each phone once, side by side; answer for each, in order."""
        results = [None if PUSH_TOKEN.fullmatch(token) else MALFORMED for token in push_tokens]
        wanted = [place for place, result in enumerate(results) if result is None]
        for place, result in zip(wanted, self._push([push_tokens[place] for place in wanted]), strict=True):
            results[place] = result
        return cast("list[PushResult]", results)

    def close(self) -> None:
        """End the connections."""
        self._transport.close()

    def _push(self, push_tokens: Sequence[str]) -> list[PushResult]:
        paused = self._pause()
        if paused is not None:
            return [paused] * len(push_tokens)
        bearer = self._tokens.current() if self._tokens is not None else ""
        headers = {**self._headers, "authorization": f"bearer {bearer}"} if bearer else self._headers
        headers = headers | {"apns-expiration": str(_kept_until())}
        results = [read_answer(answer) for answer in self._send(push_tokens, headers)]
        self._heed(results, bearer)
        return results

    def _send(self, push_tokens: Sequence[str], headers: dict[str, str]) -> list[Response | Failure]:
        requests = [Request(f"/3/device/{token}", EMPTY) for token in push_tokens]
        answers = self._transport.request_many(requests, headers)
        for _round in range(ROUNDS - 1):
            again = [place for place, answer in enumerate(answers) if _was_not_taken(answer)]
            if not again:
                break
            repeated = self._transport.request_many([requests[place] for place in again], headers)
            for place, answer in zip(again, repeated, strict=True):
                answers[place] = answer
        return answers

    def _pause(self) -> PushResult | None:
        if self._paused is None:
            return None
        until, reason = self._paused
        left = (until - clock.now()).total_seconds()
        return PushResult(outcome="retry", reason=reason, retry_after_seconds=left) if left > 0 else None

    def _heed(self, results: Sequence[PushResult], bearer: str) -> None:
        """Act on what concerns all pushes: a token that is too old, a certificate that is refused."""
        reasons = {result.reason for result in results}
        if self._tokens is not None and "expired_provider_token" in reasons:
            self._tokens.forget(bearer)
        refused = min(OF_CREDENTIAL.intersection(filter(None, reasons)), default=None)
        if refused is not None:
            self._paused = (clock.now() + timedelta(seconds=CREDENTIAL_PAUSE_SECONDS), refused)


def _kept_until() -> int:
    """Return until when APNs keeps a push for a phone that is off, the same for all pushes of a day: packed once."""
    days = clock.unix_seconds() // DAY_SECONDS
    return (days + KEPT_DAYS) * DAY_SECONDS


def read_answer(answer: Response | Failure) -> PushResult:
    """Say what an answer of APNs, or the want of one, means for the phone's address."""
    if isinstance(answer, Failure):
        if answer.reason == "certificate_refused":
            return _later("bad_certificate", CREDENTIAL_PAUSE_SECONDS)
        if answer.maybe_sent:
            return PushResult(outcome="unknown", reason=answer.reason, retry_after_seconds=UNAVAILABLE_PAUSE_SECONDS)
        return _later(answer.reason, UNAVAILABLE_PAUSE_SECONDS)
    if answer.status == 200:  # noqa: PLR2004
        return SENT
    reason, gone_at = _read_refusal(answer)
    if reason in GONE or answer.status == 410:  # noqa: PLR2004
        return PushResult(outcome="gone", reason=reason, gone_at=gone_at)
    return _read_status(answer.status, reason)


def _read_status(status: int, reason: str) -> PushResult:
    if reason in OF_CREDENTIAL:
        return _later(reason, CREDENTIAL_PAUSE_SECONDS)
    if status == 429:  # noqa: PLR2004
        return _later(reason, BUSY_PAUSE_SECONDS)
    if status >= 500 or reason in {"expired_provider_token", "idle_timeout"}:  # noqa: PLR2004
        return _later(reason, UNAVAILABLE_PAUSE_SECONDS)
    return PushResult(outcome="refused", reason=reason)


def _later(reason: str, seconds: float) -> PushResult:
    return PushResult(outcome="retry", reason=reason, retry_after_seconds=seconds)


def _was_not_taken(answer: Response | Failure) -> bool:
    return isinstance(answer, Failure) and not answer.maybe_sent and answer.reason in NOT_TAKEN


def _read_refusal(answer: Response) -> tuple[str, datetime | None]:
    """Return APNs' reason in snake case, and since when the address is gone, where it says so."""
    try:
        document = json.loads(answer.body)
        reason = re.sub(r"(?<!^)(?=[A-Z])", "_", str(document["reason"])[:60]).lower()
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"http_{answer.status}", None
    try:
        return reason, datetime.fromtimestamp(float(document["timestamp"]) / 1000, UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return reason, None
