"""The push channel: Firebase Cloud Messaging's HTTP v1 by firebase-admin's classes, over a transport of our own.

firebase-admin names, checks and encodes the message, holds the credential and reads the errors. Its HTTP is not used:
it posts one message up to five times (ADR 0011, 0012).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import firebase_admin
import httpx
from firebase_admin import credentials, exceptions, messaging
from firebase_admin._utils import handle_platform_error_from_httpx

from app import clock
from notifications.channels.protocol import OutgoingMessage, SendResult
from notifications.channels.push_bodies import TooLargeError, encode
from wire.access_tokens import AccessTokens, TokenUnavailableError
from wire.exchanges import Failure, Response
from wire.transport import Http2Transport, PushTransport, TransportLimits, TransportThread

GOOGLE_ENDPOINT = "https://fcm.googleapis.com"
QUOTA_PAUSE_SECONDS = 60.0
"""FCM asks for a minute at least after a 429 (documentation of its ErrorCode)."""
UNAVAILABLE_PAUSE_SECONDS = 1.0
"""And for a second at least after a 500 or 503."""
OK = 200
BAD_ADDRESS_FIELDS = {"message.token", "message.fid"}
BAD_ADDRESS_TEXT = "not a valid FCM registration token"
INVALID = SendResult(outcome="refused", reason="message_invalid")
TOO_LARGE = SendResult(outcome="refused", reason="message_too_large")


class PushChannel:
    """Sends the pushes of one Firebase project to Android, iOS and browsers. One attempt is one POST at most.

    When the project has more than it may send, nothing is posted until FCM's pause is over: messages come back as
    `retry` with `quota_exceeded` and the rest of the pause.
    """

    kind = "push"

    def __init__(
        self,
        credentials_info: Mapping[str, Any],
        project_id: str = "",
        *,
        endpoint: str = GOOGLE_ENDPOINT,
        ca_file: Path | None = None,
        timeout_seconds: float = 15.0,
        transport: PushTransport | None = None,
        thread: TransportThread | None = None,
        messages_per_minute: int | None = TransportLimits.messages_per_minute,
    ) -> None:
        """Take a service account's JSON; raise ValueError when it is not one.

        `ca_file` holds the authorities to trust, instead of the system's, for the endpoint and for the token endpoint.
        Nothing is sent or connected yet.
        """
        self.project_id = project_id or str(credentials_info.get("project_id", ""))
        if not self.project_id:
            raise ValueError("the service account names no project_id")
        credential = credentials.Certificate(dict(credentials_info)).get_credential()
        self._tokens = AccessTokens(credential, ca_file=ca_file, timeout_seconds=timeout_seconds)
        self._url = f"{endpoint.rstrip('/')}/v1/projects/{self.project_id}/messages:send"
        limits = TransportLimits(timeout_seconds=timeout_seconds, messages_per_minute=messages_per_minute)
        self._transport = transport or Http2Transport(self._url, ca_file=ca_file, limits=limits, thread=thread)
        self._paused_until: datetime | None = None

    def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        """POST each message once, side by side; answer for each, in order."""
        bodies: list[bytes] = []
        results: list[SendResult | None] = []
        for message in messages:
            try:
                bodies.append(encode(message))
                results.append(None)
            except TooLargeError:
                results.append(TOO_LARGE)
            except ValueError:
                results.append(INVALID)
        begin_by = min((one.begin_by for one in messages if one.begin_by is not None), default=None)
        answers = iter(self._post(bodies, begin_by) if bodies else [])
        return [result or next(answers) for result in results]

    def paused_until(self) -> datetime | None:
        """Return until when FCM wants no more messages of this project, None when it takes them."""
        until = self._paused_until
        return until if until is not None and clock.now() < until else None

    def access_token(self) -> str:
        """Return a token that is valid now; raise TokenUnavailableError."""
        return self._tokens.current()

    def close(self) -> None:
        """End the connections."""
        self._transport.close()
        self._tokens.close()

    def _post(self, bodies: list[bytes], begin_by: float | None) -> list[SendResult]:
        until = self.paused_until()
        if until is not None:
            pause = (until - clock.now()).total_seconds()
            return [SendResult(outcome="retry", reason="quota_exceeded", retry_after_seconds=pause)] * len(bodies)
        try:
            token = self._tokens.current()
        except TokenUnavailableError as error:
            reason = "credential_refused" if error.refused else "token_endpoint_unavailable"
            pause = QUOTA_PAUSE_SECONDS if error.refused else UNAVAILABLE_PAUSE_SECONDS
            return [SendResult(outcome="retry", reason=reason, retry_after_seconds=pause)] * len(bodies)
        answers = self._transport.post_many(bodies, _headers(token), begin_by=begin_by)
        results = [read_answer(answer, self._url) for answer in answers]
        self._heed(results, token)
        return results

    def _heed(self, results: list[SendResult], token: str) -> None:
        """Act on what concerns all messages of the project: a token that is refused, a quota that is used up."""
        pauses = []
        for result in results:
            if result.reason == "unauthenticated":
                self._tokens.forget(token)
            elif result.reason == "quota_exceeded":
                pauses.append(result.retry_after_seconds or 0.0)
        if pauses:
            self._paused_until = clock.now() + timedelta(seconds=max(pauses))


def read_answer(answer: Response | Failure, url: str) -> SendResult:
    """Say what an answer of FCM, or the want of one, means for the message."""
    if isinstance(answer, Failure):
        if answer.maybe_sent:
            return SendResult(outcome="unknown", reason=answer.reason)
        return SendResult(outcome="retry", reason=answer.reason, retry_after_seconds=UNAVAILABLE_PAUSE_SECONDS)
    if answer.status == OK:
        return _read_success(answer)
    return _read_error(firebase_error(answer, url), answer)


def firebase_error(answer: Response, url: str) -> exceptions.FirebaseError:
    """Return firebase-admin's own exception for an error answer, as `messaging.send` would have raised it."""
    response = httpx.Response(
        answer.status, headers=answer.headers, content=answer.body, request=httpx.Request("POST", url)
    )
    error = httpx.HTTPStatusError(f"HTTP {answer.status}", request=response.request, response=response)
    try:
        return handle_platform_error_from_httpx(
            error,
            messaging._MessagingService._build_fcm_error_httpx,  # noqa: SLF001 - guarded by a test
        )
    except (AttributeError, TypeError, ValueError):  # a body that is not Google's: a proxy's page, for example
        return exceptions.UnknownError(f"HTTP {answer.status}", cause=error, http_response=response)


def _headers(token: str) -> dict[str, str]:
    return {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "x-goog-api-format-version": "2",
        "x-firebase-client": f"fire-admin-python/{firebase_admin.__version__}",
    }


def _read_success(answer: Response) -> SendResult:
    try:
        return SendResult(outcome="sent", provider_id=str(json.loads(answer.body)["name"]))
    except (ValueError, KeyError, TypeError):
        return SendResult(outcome="unknown", reason="answer_not_understood")


def _read_error(error: exceptions.FirebaseError, answer: Response) -> SendResult:
    match error:
        case messaging.UnregisteredError():
            return SendResult(outcome="gone", reason="unregistered")
        case messaging.SenderIdMismatchError():
            return SendResult(outcome="refused", reason="sender_id_mismatch")
        case messaging.ThirdPartyAuthError():
            return SendResult(outcome="refused", reason="third_party_auth_error")
        case exceptions.InvalidArgumentError():
            return _read_invalid(answer)
    return _read_status(error, answer)


def _read_status(error: exceptions.FirebaseError, answer: Response) -> SendResult:
    known = error.code != exceptions.UNKNOWN
    reason = str(error.code).lower() if known else f"http_{answer.status}"
    if answer.status == httpx.codes.TOO_MANY_REQUESTS:
        return _later("quota_exceeded", answer, at_least_seconds=QUOTA_PAUSE_SECONDS)
    if answer.status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _later(reason, answer, at_least_seconds=UNAVAILABLE_PAUSE_SECONDS)
    if isinstance(error, exceptions.UnauthenticatedError):
        return _later("unauthenticated", answer, at_least_seconds=UNAVAILABLE_PAUSE_SECONDS)
    if isinstance(error, exceptions.PermissionDeniedError):
        # The operator's to mend (role, disabled API); the member's message waits for it until it expires.
        return _later("permission_denied", answer, at_least_seconds=QUOTA_PAUSE_SECONDS)
    return SendResult(outcome="refused", reason=reason)


def _later(reason: str, answer: Response, *, at_least_seconds: float) -> SendResult:
    pause = max(at_least_seconds, _retry_after_seconds(answer.headers.get("retry-after", "")))
    return SendResult(outcome="retry", reason=reason, retry_after_seconds=pause)


def _retry_after_seconds(text: str) -> float:
    """Read a Retry-After header, seconds or a date (RFC 9110 §10.2.3); 0 when there is none that we understand."""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - clock.now()) / timedelta(seconds=1))
    except (ValueError, TypeError):
        return 0.0


def _read_invalid(answer: Response) -> SendResult:
    """Tell a bad address from a bad message: both are INVALID_ARGUMENT.

    FCM names the field in some answers and says it in a sentence only in others, so we look for either.
    """
    try:
        error = json.loads(answer.body)["error"]
        violations = [found for detail in error.get("details", []) for found in detail.get("fieldViolations", [])]
        fields = sorted({str(found["field"]) for found in violations})
    except (ValueError, KeyError, TypeError, AttributeError):
        return SendResult(outcome="refused", reason="invalid_argument")
    if BAD_ADDRESS_FIELDS.intersection(fields) or BAD_ADDRESS_TEXT in str(error.get("message", "")):
        return SendResult(outcome="gone", reason="address_invalid")
    return SendResult(outcome="refused", reason=":".join(["invalid_argument", *fields]))
