"""A programme's voice at Google Wallet's REST API: requests side by side, within the rate, each told what became of it.

Nothing here tries again by itself: whoever calls keeps what is due, and comes back when told to.
"""

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from app import clock
from wallet.platforms.google import batches, verdicts
from wallet.platforms.google.batches import Answer, Request
from wallet.platforms.google.pacing import Backoff, Window
from wallet.platforms.google.verdicts import Verdict
from wire.access_tokens import AccessTokens, TokenUnavailableError

ENDPOINT = "https://walletobjects.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"
REQUESTS_PER_SECOND = 20
"""Google's limit for a project (frequently asked questions of the Wallet API)."""
TIMEOUT = httpx.Timeout(15.0, connect=5.0)
PATIENCE_SECONDS = 4.0
"""For how long a call waits for room: about four times what the rate lets through in a second."""
_API = "/walletobjects/v1"
_TROUBLES = frozenset({"retry", "unknown", "unauthorised"})


def insert(kind: str, document: Mapping[str, Any]) -> Request:
    """Return the request that makes a class or an object; `kind` is what Google calls it: `loyaltyObject`, say."""
    return Request(method="POST", path=f"{_API}/{kind}", document=document)


def patch(kind: str, document: Mapping[str, Any]) -> Request:
    """Return the request that changes the given fields; arrays are replaced, what is not named stays."""
    return Request(method="PATCH", path=_path(kind, document["id"]), document=document)


def replace(kind: str, document: Mapping[str, Any]) -> Request:
    """Return the request after which a resource is what the document says and nothing else."""
    return Request(method="PUT", path=_path(kind, document["id"]), document=document)


def get(kind: str, resource_id: str) -> Request:
    """Return the request that reads a resource."""
    return Request(method="GET", path=_path(kind, resource_id))


def add_message(kind: str, resource_id: str, message: Mapping[str, Any]) -> Request:
    """Return the request that adds a message to those of a resource."""
    return Request(method="POST", path=f"{_path(kind, resource_id)}/addMessage", document={"message": message})


def _path(kind: str, resource_id: str) -> str:
    return f"{_API}/{kind}/{quote(resource_id, safe='')}"


class GoogleWallet:
    """Sends requests with one account's tokens; safe from several threads. Close it to end its connections.

    `window` is shared by all that send for the same project. A refused or failing server pauses everybody who uses
    this client.
    """

    def __init__(
        self,
        tokens: AccessTokens,
        *,
        endpoint: str = ENDPOINT,
        ca_file: Path | None = None,
        window: Window | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._tokens = tokens
        self._window = window or Window(REQUESTS_PER_SECOND)
        self._backoff = backoff or Backoff()
        verify = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
        # No proxy of the environment's and no redirects: what we send goes there or nowhere.
        self._http = httpx.Client(base_url=endpoint, verify=verify, timeout=TIMEOUT, trust_env=False)

    def send(self, requests: Sequence[Request], *, patience_seconds: float = PATIENCE_SECONDS) -> list[Verdict]:
        """Send each once, several as one batch, and answer in order.

        For those beyond the rate, and while the server is in trouble, it waits; what cannot begin within
        `patience_seconds` is `retry`, not sent.
        """
        answered: list[Verdict] = []
        give_up_at = time.monotonic() + patience_seconds
        while len(answered) < len(requests):
            rest = requests[len(answered) :]
            pause = self._backoff.seconds_left()
            room = self._window.take(len(rest)) if pause == 0 else 0
            if room:
                answered += self._send_now(rest[:room])
                continue
            wait = pause or self._window.wait_seconds(len(rest))
            if time.monotonic() + wait > give_up_at:
                return [*answered, *_later("paused" if pause else "rate", wait, len(rest))]
            time.sleep(wait)
        return answered

    def close(self) -> None:
        """End the connections."""
        self._http.close()
        self._tokens.close()

    def _send_now(self, requests: Sequence[Request]) -> list[Verdict]:
        if not requests:
            return []
        answered = self._authorised(requests)
        if _any_unauthorised(answered) and self._window.take(len(requests)) == len(requests):
            # The token was taken back before its time: once more with a new one. 401 says that nothing was done.
            answered = self._authorised(requests)
        self._heed(answered)
        return [
            Verdict(outcome="retry", reason="token_refused") if one.outcome == "unauthorised" else one
            for one in answered
        ]

    def _authorised(self, requests: Sequence[Request]) -> list[Verdict]:
        try:
            token = self._tokens.current()
        except TokenUnavailableError as error:
            reason = "credential_refused" if error.refused else "token_endpoint_unavailable"
            return [Verdict(outcome="retry", reason=reason)] * len(requests)
        now = clock.now()
        answered = self._post(requests, token)
        verdicts_ = [one if isinstance(one, Verdict) else verdicts.read(one, now) for one in answered]
        if _any_unauthorised(verdicts_):
            self._tokens.forget(token)
        return verdicts_

    def _post(self, requests: Sequence[Request], token: str) -> Sequence[Answer | Verdict]:
        """Send one request as itself, several as a batch."""
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        single = requests[0] if len(requests) == 1 else None
        if single is not None:
            method, path, body, content_type = (
                single.method,
                single.path,
                single.body,
                "application/json; charset=UTF-8",
            )
        else:
            method, path = "POST", "/batch"
            content_type, body = batches.write(requests)
        if body:
            headers["content-type"] = content_type
        answer = self._exchange(lambda: self._http.request(method, path, content=body, headers=headers))
        if isinstance(answer, Verdict):
            return [answer] * len(requests)
        whole = Answer(
            status=answer.status_code, document=batches.document_of(answer.content), headers=dict(answer.headers)
        )
        if single is not None or not answer.is_success:
            return [whole] * len(requests)
        try:
            return batches.read(answer.headers.get("content-type", ""), answer.content, len(requests))
        except ValueError:
            return [verdicts.LOST] * len(requests)

    @staticmethod
    def _exchange(send: Callable[[], httpx.Response]) -> httpx.Response | Verdict:
        try:
            return send()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return verdicts.UNREACHABLE
        except httpx.TransportError:
            return verdicts.LOST

    def _heed(self, answered: Sequence[Verdict]) -> None:
        troubled = [verdict for verdict in answered if verdict.slows]
        if troubled:
            self._window.halve()
        if not any(verdict.outcome not in _TROUBLES for verdict in answered):
            # One object that Google stumbles over is no reason to stop for all.
            troubled = list(answered)
        if troubled:
            self._backoff.trouble(max(one.retry_after_seconds or 0.0 for one in troubled) or None)
        else:
            self._backoff.success()


def _any_unauthorised(answered: Sequence[Verdict]) -> bool:
    return any(verdict.outcome == "unauthorised" for verdict in answered)


def _later(reason: str, seconds: float, count: int) -> list[Verdict]:
    return [Verdict(outcome="retry", reason=reason, retry_after_seconds=seconds)] * count
