"""What a caller says happened: plain values, believed only when they can be true."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app import clock
from app.errors import InvalidError, invalid_field
from app.rules.facts import ActivityFacts, Item
from app.services.config import ProgramConfig

PAST = timedelta(days=30)
FUTURE = timedelta(minutes=5)
"""A till's clock may be this wrong; what is later is not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What a caller says happened. `amount` is in minor units; `occurred_at` is aware."""

    kind: str
    occurred_at: datetime
    amount: int | None = None
    items: tuple[Mapping[str, Any], ...] = ()
    data: Mapping[str, Any] | None = None
    receipt: str | None = None
    external_id: str | None = None
    store_id: UUID | None = None
    card_id: UUID | None = None
    staff_id: UUID | None = None
    api_key_id: UUID | None = None
    offline: bool = False

    def of_card(self, card_id: UUID) -> "Happening":
        """Return the same, known by a card."""
        return replace(self, card_id=card_id)


def check_time(
    occurred_at: datetime | None, *, past: timedelta | None = PAST, pointer: str = "#/occurred_at"
) -> datetime:
    """Return when it happened, now if nobody said; raise InvalidError for what cannot be believed."""
    now = clock.now()
    if occurred_at is None:
        return now
    if occurred_at > now + FUTURE:
        raise invalid_field(pointer, "It is in the future: check the till's clock.")
    if past is not None and occurred_at < now - past:
        raise invalid_field(pointer, "It is more than 30 days ago: ask the programme's owner for an adjustment.")
    return occurred_at


def check_money(value: tuple[int, str | None] | None, config: ProgramConfig, pointer: str) -> int | None:
    """Return minor units of the programme's currency; raise InvalidError for another currency."""
    if value is None:
        return None
    amount, currency = value
    if currency is not None and currency != config.currency:
        raise invalid_field(pointer, f"This programme counts in {config.currency}.")
    return amount


def check_store(config: ProgramConfig, store_id: UUID | None) -> None:
    """Raise InvalidError unless the store is one of the programme's that is open."""
    if store_id is None:
        return
    store = config.stores.get(store_id)
    if store is None or store.archived:
        raise invalid_field("#/store_id", "No store of this programme that is open has this id.")


def check_items(
    said: Iterable[Mapping[str, Any]], amount: int | None, config: ProgramConfig
) -> tuple[Mapping[str, Any], ...]:
    """Return a ticket's lines in minor units; raise InvalidError for another currency, and for more than the whole."""
    items = tuple(
        {**item, "amount": check_money(item["amount"], config, f"#/activity/items/{place}/amount")}
        for place, item in enumerate(said)
    )
    total = sum(item["amount"] for item in items)
    if amount is not None and total > amount:
        raise InvalidError(
            "The lines cost more than the whole.",
            errors=[{"pointer": "#/activity/items", "detail": f"The lines come to {total}, the whole to {amount}."}],
        )
    return items


def facts_of(config: ProgramConfig, happening: Happening) -> ActivityFacts:
    """Return the activity as the rules see it."""
    store = config.stores.get(happening.store_id) if happening.store_id else None
    return ActivityFacts(
        kind=happening.kind,
        occurred_at=happening.occurred_at,
        zone=config.zone,
        amount=happening.amount,
        items=tuple(
            Item(
                sku=item["sku"], quantity=item.get("quantity", 1), amount=item.get("amount", 0),
                name=item.get("name"), category=item.get("category"),
            )
            for item in happening.items
        ),
        store_id=happening.store_id,
        partner_id=store.partner_id if store else None,
    )  # fmt: skip
