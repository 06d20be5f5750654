"""Takes changed passes to Apple: a push to each phone that registered; phones that are gone are forgotten."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from app import embedded
from app.config import Settings
from app.db import Session
from app.models import Pass
from app.services import pass_registrations
from app.services.pass_registrations import Address
from wallet.platforms import Credential, Job, Told
from wallet.platforms.apple.keys import AppleKeys
from wallet.platforms.apple.push import ApnsClient, PushResult
from wire.transport import TransportThread

CLIENTS_MAX: Final = 200
"""How many programmes' connections are kept open; the one that was used least recently is closed."""
NOBODY: Final = Told(outcome="sent", reason="nobody")
"""No phone is registered, or none is left."""
NO_CREDENTIAL: Final = Told(outcome="refused", reason="no_credential")
"""The programme can no longer speak for the pass's type."""
UNUSABLE: Final = Told(outcome="retry", reason="credential_unusable", retry_after_seconds=600.0)
Gone = dict[bytes, datetime | None]
"""Hashes of push tokens that reach nobody, and since when."""


@dataclass(eq=False)
class _Open:
    """A client and how many calls use it; one that is `retired` is closed by the last of them."""

    client: ApnsClient
    users: int = 0
    retired: bool = False


@dataclass
class _Work:
    """The pushes of one pass type, each to one phone of one job."""

    credential: Credential
    jobs: list[int] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)


class AppleCourier:
    """Pushes for every programme, over connections of its own for each credential. Safe between threads."""

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing yet. Raises OSError when the file of authorities cannot be read."""
        self._settings = settings
        self._keyring = embedded.keyring(settings)
        self._ca_file = Path(settings.apns_ca_file) if settings.apns_ca_file else None
        self._thread = TransportThread(ca_file=self._ca_file)
        self._lock = threading.Lock()
        self._clients: OrderedDict[UUID, _Open] = OrderedDict()

    def gather(self, session: Session, rows: Sequence[Pass]) -> Mapping[UUID, list[Address]]:
        """Return where the phones of each pass are reached."""
        return pass_registrations.addresses(session, self._keyring, [row.id for row in rows])

    def deliver(self, program_id: UUID, credentials: Sequence[Credential], jobs: Sequence[Job]) -> list[Told]:
        """Push to the phones of each pass once, and answer in order."""
        del program_id
        found: list[list[tuple[Address, PushResult]]] = [[] for _ in jobs]
        told: dict[int, Told] = {}
        by_type: dict[str, _Work] = {}
        for place, job in enumerate(jobs):
            work = by_type.get(job.row.pass_type_id) or _work_of(job.row.pass_type_id, credentials)
            if not job.gathered:
                told[place] = NOBODY
            elif work is None:
                told[place] = NO_CREDENTIAL
            else:
                by_type[job.row.pass_type_id] = work
                work.jobs += [place] * len(job.gathered)
                work.addresses += job.gathered
        for pass_type_id, work in by_type.items():
            results = self._push(pass_type_id, work)
            if results is None:
                told |= dict.fromkeys(work.jobs, UNUSABLE)
                continue
            for place, address, result in zip(work.jobs, work.addresses, results, strict=True):
                found[place].append((address, result))
        return [told.get(place) or summarise(results) for place, results in enumerate(found)]

    def record(self, session: Session, jobs: Sequence[Job], told: Sequence[Told]) -> None:
        """Forget the phones that are gone."""
        del jobs
        gone: Gone = {}
        for one in told:
            gone |= one.found or {}
        pass_registrations.forget(session, gone)

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            everyone = list(self._clients.values())
            self._clients.clear()
        for one in everyone:
            one.client.close()
        self._thread.stop()

    def _push(self, pass_type_id: str, work: _Work) -> list[PushResult] | None:
        """Push; None where the credential cannot be used at all."""
        try:
            with self._client(pass_type_id, work.credential) as client:
                return client.push_many([address.token for address in work.addresses])
        except (ValueError, KeyError):
            return None

    @contextmanager
    def _client(self, pass_type_id: str, credential: Credential) -> Iterator[ApnsClient]:
        """Lend the credential's client; it stays open while it is lent."""
        with self._lock:
            one = self._clients.get(credential.id)
            if one is None:
                one = self._clients[credential.id] = _Open(self._connect(pass_type_id, credential))
            self._clients.move_to_end(credential.id)
            one.users += 1
            eldest = self._clients.popitem(last=False)[1] if len(self._clients) > CLIENTS_MAX else None
            if eldest is not None:
                eldest.retired = True
        try:
            yield one.client
        finally:
            with self._lock:
                one.users -= 1
                ended = [each for each in (one, eldest) if each is not None and each.retired and not each.users]
            for each in ended:
                each.client.close()

    def _connect(self, pass_type_id: str, credential: Credential) -> ApnsClient:
        keys = AppleKeys.read(credential.secret)
        return ApnsClient(
            keys.login(str(credential.facts.get("team_id", ""))),
            pass_type_id,
            url=self._settings.apns_endpoint,
            ca_file=self._ca_file,
            thread=self._thread,
        )


def summarise(results: Sequence[tuple[Address, PushResult]]) -> Told:
    """Return what became of a pass, of what became of the pushes to its phones.

    While one of them waits, all are pushed to again: a push says nothing but "ask".
    """
    gone: Gone = {address.token_hash: result.gone_at for address, result in results if result.outcome == "gone"}
    by_outcome = {result.outcome: result for _, result in results}
    waiting = by_outcome.get("retry") or by_outcome.get("unknown")
    if waiting is not None:
        seconds = max(result.retry_after_seconds or 0.0 for _, result in results)
        return Told(
            outcome="retry" if waiting.outcome == "retry" else "unknown",
            reason=waiting.reason,
            retry_after_seconds=seconds,
            found=gone,
        )
    if "sent" in by_outcome:
        return Told(outcome="sent", found=gone)
    if "refused" in by_outcome:
        return Told(outcome="refused", reason=by_outcome["refused"].reason, found=gone)
    return Told(outcome="sent", reason=NOBODY.reason, found=gone)


def _work_of(pass_type_id: str, credentials: Sequence[Credential]) -> _Work | None:
    """Begin the work of a pass type, under the newest credential that speaks for it."""
    for credential in credentials:
        if credential.facts.get("pass_type_id") == pass_type_id:
            return _Work(credential)
    return None
