"""The courier: sends what is due to webhooks, many at a time, one run in each process.

A run lasts while there is something to send. No transaction is open while a receiver is talked to; what came of an
attempt is recorded by who still holds the delivery. A run takes one of the worker's tasks, however slow receivers are.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import structlog

from app import clock, ids
from app.db import Database
from app.services import webhook_deliveries, webhook_secrets
from app.services.webhook_deliveries import Attempt
from app.services.webhook_secrets import SigningSecret
from notifications import metrics
from notifications.webhooks import signing
from notifications.webhooks.claiming import SEATS, SLOW_SEATS, SLOW_SECONDS, Claimed, InHand, claim
from notifications.webhooks.client import WebhookClient
from wire import faults

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.25
"""How often a run looks for more while it waits for receivers."""
LINGER_SECONDS = 1.0
"""How long a worker's run goes on looking when nothing is due; relays need not ring for each event then."""


class Courier:
    """One for each process."""

    def __init__(
        self,
        database: Database,
        open_client: Callable[[], WebhookClient] | None = None,
        *,
        seats: int = SEATS,
        linger_seconds: float = 0,
        slow_seconds: float = SLOW_SECONDS,
    ) -> None:
        self._database = database
        loopback = database.settings.webhook_loopback == "allowed"
        self._open_client = open_client or (lambda: WebhookClient(loopback=loopback))
        self._seats = seats
        self._linger_seconds = linger_seconds
        self._slow_seconds = slow_seconds
        self._running = threading.Lock()

    def drain(self, stop: threading.Event | None = None) -> int:
        """Send until nothing is due or `stop` is set; return how many attempts were made.

        Returns 0 at once when a run is under way in this process: that one looks for more by itself.
        """
        if not self._running.acquire(blocking=False):
            return 0
        try:
            with self._open_client() as client, ThreadPoolExecutor(self._seats + SLOW_SEATS, "webhook") as threads:
                return self._run(client, threads, stop or threading.Event())
        finally:
            self._running.release()

    def _run(self, client: WebhookClient, threads: ThreadPoolExecutor, stop: threading.Event) -> int:
        made, in_hand = 0, InHand(slow_seconds=self._slow_seconds)
        running: dict[Future[None], Claimed] = {}
        until = time.monotonic() + self._linger_seconds
        while True:
            claimed = [] if stop.is_set() else self._claim(in_hand)
            for one in claimed:
                in_hand.add(one)
                running[threads.submit(self._deliver, client, one)] = one
            made += len(claimed)
            if running:
                until = time.monotonic() + self._linger_seconds
                done, _ = wait(running, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    in_hand.drop(running.pop(future))
            elif stop.is_set() or time.monotonic() >= until:
                return made
            else:
                stop.wait(LOOK_SECONDS)

    def _claim(self, in_hand: InHand) -> list[Claimed]:
        with self._database.across_programs() as session:
            return claim(session, in_hand, seats=self._seats)

    def _deliver(self, client: WebhookClient, claimed: Claimed) -> None:
        try:
            secrets = webhook_secrets.unseal(self._database.keyring, claimed.webhook)
            attempt = _post(client, claimed, secrets)
            # Whoever answers with what we sent must not put our secrets into the log.
            told = [one.text for one in secrets]
            with self._database.transaction(claimed.program_id) as session:
                held = webhook_deliveries.record(session, claimed.id, claimed.owner, attempt, secrets=told)
        except Exception as error:  # noqa: BLE001 - the lease gives the delivery to another try
            log.error("webhook_delivery_failed", **_shown(claimed), **faults.describe(error))  # noqa: TRY400
            return
        if not held:
            log.warning("lease_lost", **_shown(claimed))
            return
        metrics.WEBHOOKS.labels("delivered" if attempt.reason is None else "failed").inc()


def _post(client: WebhookClient, claimed: Claimed, secrets: list[SigningSecret]) -> Attempt:
    headers = signing.headers_of(ids.show("event", claimed.event_id), clock.unix_seconds(), claimed.body, secrets)
    return client.post(claimed.webhook.url, headers, claimed.body)


def _shown(claimed: Claimed) -> dict[str, str]:
    return {
        "delivery_id": ids.show("webhook_delivery", claimed.id),
        "program_id": ids.show("program", claimed.program_id),
    }
