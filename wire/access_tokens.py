"""OAuth access tokens for a provider: one request at a time, in time, and never a stampede."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

import google.auth.exceptions
from google.auth.transport.requests import Request

from app import clock

REFRESH_BEFORE = timedelta(minutes=5)
AGAIN_AFTER = timedelta(seconds=10)
"""How long after a failed refresh of a token that is still good the next is tried."""


class TokenUnavailableError(Exception):
    """No access token could be had: the message was not sent. `refused` when the key itself was not accepted."""

    def __init__(self, detail: str, *, refused: bool) -> None:
        super().__init__(detail)
        self.refused = refused


class Credential(Protocol):
    """What we use of google-auth's credentials: `refresh` replaces `token` and `expiry` (naive UTC)."""

    token: str | None
    expiry: datetime | None

    def refresh(self, request: Callable[..., object]) -> None:
        """Ask the token endpoint for a new token."""


class AccessTokens:
    """Hands out a credential's token.

    google-auth refreshes without a lock, so that a cold start of many threads makes many requests. Here one thread asks
    while the others wait for its answer. In the last five minutes of a token's life it serves on while a thread of its
    own asks for the next one: nobody who sends waits for that.
    """

    def __init__(self, credential: Credential, *, ca_file: Path | None, timeout_seconds: float) -> None:
        self._credential = credential
        self._request = Request()
        if ca_file is not None:
            self._request.session.verify = str(ca_file)
            # requests lets REQUESTS_CA_BUNDLE win over a session's own authorities, unless it is told not to look.
            self._request.session.trust_env = False
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._token = ""
        self._refresh_at = self._expires_at = datetime.min.replace(tzinfo=UTC)
        self._refreshing: threading.Thread | None = None

    def current(self) -> str:
        """Return a token that is valid now, asking for one first when needed; raise TokenUnavailableError."""
        now = clock.now()
        if now < self._refresh_at:
            return self._token
        if now < self._expires_at:
            self._refresh_in_background()
            return self._token
        with self._lock:
            if clock.now() >= self._expires_at:
                self._refresh()
            return self._token

    def forget(self, token: str) -> None:
        """Do not hand out `token` again: the service did not accept it."""
        with self._lock:
            if self._token == token:
                self._refresh_at = self._expires_at = datetime.min.replace(tzinfo=UTC)

    def close(self) -> None:
        """Close the connection to the token endpoint, once nobody uses it."""
        refreshing = self._refreshing
        if refreshing is not None:
            refreshing.join(self._timeout_seconds)
        self._request.session.close()

    def _refresh_in_background(self) -> None:
        if not self._lock.acquire(blocking=False):
            return  # it is being done
        try:
            if self._refreshing is None or not self._refreshing.is_alive():
                self._refreshing = threading.Thread(target=self._refresh_ahead, name="access-token", daemon=True)
                self._refreshing.start()
        finally:
            self._lock.release()

    def _refresh_ahead(self) -> None:
        with self._lock:
            if clock.now() < self._refresh_at:
                return
            try:
                self._refresh()
            except TokenUnavailableError:
                # The token that we have serves on; the endpoint is not asked again with every message.
                self._refresh_at = clock.now() + AGAIN_AFTER

    def _refresh(self) -> None:
        try:
            self._credential.refresh(partial(self._request, timeout=self._timeout_seconds))
        except google.auth.exceptions.GoogleAuthError as error:
            refused = isinstance(error, google.auth.exceptions.RefreshError) and not error.retryable
            raise TokenUnavailableError(type(error).__name__, refused=refused) from error
        if not self._credential.token or self._credential.expiry is None:
            raise TokenUnavailableError("an answer without a token", refused=False)
        now, expires_at = clock.now(), self._credential.expiry.replace(tzinfo=UTC)
        # A token that lives for less than ten minutes is refreshed at half its life.
        self._refresh_at = expires_at - min(REFRESH_BEFORE, (expires_at - now) / 2)
        self._token, self._expires_at = self._credential.token, expires_at
