"""Google's root keys, fetched when callbacks come and believed for a while: nothing is asked for each callback."""

import functools
import ssl
import threading
import time
from pathlib import Path

import httpx
import structlog

from app.config import Settings
from wallet.platforms.google.accounts import Addresses
from wallet.platforms.google.callbacks import RootKey, read_root_keys
from wire import faults

log = structlog.get_logger(__name__)

KEPT_SECONDS = 6 * 3600.0
AGAIN_SECONDS = 60.0
"""How soon after one fetch the next may be: a callback with a wrong key must not make us knock at Google's door."""
TIMEOUT = httpx.Timeout(5.0, connect=3.0)


class RootKeysUnavailableError(Exception):
    """Google's keys cannot be had now; the callback may be right."""


class RootKeys:
    """The keys at one address; safe from several threads, of which one fetches."""

    def __init__(self, url: str, *, ca_file: Path | None = None) -> None:
        self._url = url
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._keys: list[RootKey] = []
        self._fetched_at: float | None = None
        self.fetches = 0

    def current(self, *, newer: bool = False) -> list[RootKey]:
        """Return the keys; `newer`: what was fetched some time ago was not enough. Raises RootKeysUnavailableError."""
        with self._lock:
            kept_seconds = AGAIN_SECONDS if newer or not self._keys else KEPT_SECONDS
            now = time.monotonic()
            if self._fetched_at is None or now - self._fetched_at >= kept_seconds:
                self._fetched_at = now
                self._fetch()
            if not self._keys:
                raise RootKeysUnavailableError
            return self._keys

    def _fetch(self) -> None:
        """Fetch them; when they cannot be had, those that we have serve on."""
        self.fetches += 1
        verify = ssl.create_default_context(cafile=str(self._ca_file)) if self._ca_file else True
        try:
            answer = httpx.get(self._url, verify=verify, timeout=TIMEOUT, trust_env=False)
            answer.raise_for_status()
            self._keys = read_root_keys(answer.json())
        except (httpx.HTTPError, ValueError) as error:
            log.warning("google_root_keys_unavailable", **faults.describe(error))


@functools.cache
def shared(settings: Settings) -> RootKeys:
    """Return this process's own."""
    ca_file = Path(settings.google_wallet_ca_file) if settings.google_wallet_ca_file else None
    return RootKeys(Addresses.of(settings).keys, ca_file=ca_file)
