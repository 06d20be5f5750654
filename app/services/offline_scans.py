"""What is believed of scans that a till kept while offline: so many of a card and of a till a day, of so much, so old.

A till without network takes every code whose check character is right and says itself when that was. So the server
decides when the scan arrives: the till's time is a claim that only makes a scan older. What goes beyond is refused by
name and put aside for the programme's owner, in the audit log, once for each scan's key; nothing is dropped. The caps
count what the server received in a day of UTC, whatever day the till names, in the scan's own transaction.

A scan that does not say `offline` and is an hour old is held to the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from app import clock, ids
from app.config import Settings
from app.db import Database
from app.errors import ConflictError
from app.services import audits, idempotency
from app.services.attempts import Policy, Standing
from app.services.happenings import Happening

LATE = timedelta(hours=1)
"""From here on a scan counts as kept offline, whatever it says."""

DAY_SECONDS = 86_400

Counter = Callable[[Policy, str], Standing]
"""Counts one more of a subject in the transaction of the scan."""


class OfflineLimitError(ConflictError):
    """More than is believed of a till that was offline; `limit` says of what: `card`, `till` or `amount`."""

    slug = "offline-limit"
    title = "Too much for a till that was offline"


class OfflineTooOldError(ConflictError):
    """The scan was kept for longer than it is believed."""

    slug = "offline-too-old"
    title = "This scan was kept for too long"


@dataclass(frozen=True, slots=True)
class OfflineCaps:
    """How much is believed. `amount_max` is of one sale, in minor units."""

    per_card: int
    per_till: int
    amount_max: int
    age_max: timedelta

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what the operator set."""
        return cls(
            per_card=settings.offline_scans_per_card,
            per_till=settings.offline_scans_per_till,
            amount_max=settings.offline_amount_max,
            age_max=timedelta(hours=settings.offline_hours),
        )

    def check(self, happening: Happening, card_id: UUID) -> None:
        """Raise OfflineTooOldError or OfflineLimitError for what no count would make right."""
        if not is_late(happening):
            return
        if happening.occurred_at < clock.now() - self.age_max:
            hours = int(self.age_max.total_seconds() // 3600)
            raise OfflineTooOldError(
                f"A scan kept while offline counts for {hours} hours; this one is from"
                f" {_shown(happening.occurred_at)}. It is kept for the programme's owner, who can enter it.",
                hours_max=hours,
                **_for_review(card_id),
            )
        if happening.amount is not None and happening.amount > self.amount_max:
            raise OfflineLimitError(
                "A sale this big does not count by itself when the till was offline. It is kept for the programme's"
                " owner, who can enter it.",
                limit="amount",
                amount_max=self.amount_max,
                **_for_review(card_id),
            )

    def spend(self, happening: Happening, card_id: UUID, count: Counter) -> None:
        """Count the scan for its card and its till; raise OfflineLimitError, and roll back, when it is one too many.

        Called with the member's accounts locked: in this order everywhere, so that nobody waits in a circle.
        """
        if not is_late(happening):
            return
        till = f"{happening.api_key_id or happening.staff_id} {happening.store_id}"
        card = count(Policy("offline-card", self.per_card, DAY_SECONDS), str(card_id))
        _admit(card, "card", f"This card has had its {self.per_card} offline scans of the day", card_id)
        standing = count(Policy("offline-till", self.per_till, DAY_SECONDS), till)
        _admit(standing, "till", f"This till has sent its {self.per_till} offline scans of the day", card_id)


def is_late(happening: Happening) -> bool:
    """Return whether a scan is held to the caps."""
    return happening.offline or happening.occurred_at < clock.now() - LATE


def put_aside(
    database: Database, program_id: UUID, refusal: ConflictError, *, key: str, print_: bytes, told: dict[str, Any],
    staff_id: UUID | None, api_key_id: UUID | None,
) -> None:  # fmt: skip
    """Write a refused scan into the audit log, for the owner to look at; the same scan once.

    `told` says what the scan was, in ids and plain facts.
    """
    with database.transaction(program_id) as session:
        scope = f"offline review {told['store']}"
        if idempotency.find(session, scope=scope, key=key, fingerprint=print_) is not None:
            return
        idempotency.keep(
            session, scope=scope, key=key, fingerprint=print_, status=409, answer=refusal.slug, permanent=False
        )
        reason = {"code": refusal.slug} | ({"limit": refusal.data["limit"]} if "limit" in refusal.data else {})
        audits.record(
            session, action="offlineScanRefused", subject=refusal.data["card"], staff_id=staff_id,
            api_key_id=api_key_id, data=told | reason | {"key": key},
        )  # fmt: skip


def _admit(standing: Standing, limit: str, sentence: str, card_id: UUID) -> None:
    if not standing.allowed:
        raise OfflineLimitError(
            f"{sentence}. This one is kept: send it again tomorrow, or let the programme's owner enter it.",
            limit=limit,
            most=standing.policy.quota,
            retry_after=standing.reset_seconds,
            **_for_review(card_id),
        )


def _for_review(card_id: UUID) -> dict[str, Any]:
    return {"review": True, "card": ids.show("card", card_id)}


def _shown(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
