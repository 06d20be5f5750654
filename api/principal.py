"""Who calls: staff by access token, tills and servers by API key, customers by their app's token."""

import json
import threading
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.problems import UnauthenticatedError
from app import clock, ids
from app.db import Database
from app.db.hot import HotTransaction
from app.errors import ForbiddenError

API_KEY_PREFIX = "ask_"
STAFF_PREFIX = "ast_"
CUSTOMER_PREFIX = "acu_"

CACHE_SECONDS = 5
"""A revoked key or session is dead in every process within this time."""

_CACHE_MAX = 10_000


class WrongStoreError(ForbiddenError):
    """The caller works in other stores."""

    slug = "wrong-store"
    title = "Another store's till"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The caller of a request. `scopes` holds a staff role, an API key's scopes, or `customer`."""

    kind: str
    id: UUID | None
    scopes: frozenset[str]
    program_id: UUID | None = None
    store_ids: frozenset[UUID] = frozenset()
    session_id: UUID | None = None

    @property
    def staff_id(self) -> UUID | None:
        """The staff member's id, or None."""
        return self.id if self.kind == "staff" else None

    @property
    def api_key_id(self) -> UUID | None:
        """The API key's id, or None."""
        return self.id if self.kind == "api_key" else None

    @property
    def customer_id(self) -> UUID:
        """The customer's id; only for operations that admit nobody else."""
        assert self.kind == "customer"
        assert self.id is not None
        return self.id

    def must_work_in(self, store_id: UUID | None) -> None:
        """Raise ForbiddenError when the caller is bound to other stores."""
        if not self.store_ids or store_id in self.store_ids:
            return
        if store_id is None:
            raise WrongStoreError("You are set up for certain stores: say in `store_id` which of them this is.")
        raise WrongStoreError("You are not set up for this store; ask the programme's owner.")


NOBODY = Principal(kind="nobody", id=None, scopes=frozenset({"public"}))


class Authenticator:
    """Turns an `Authorization` header into a principal, remembering each answer for five seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[bytes, tuple[float, Principal]] = {}
        self._lock = threading.Lock()

    def __call__(self, header: str | None) -> Principal:
        """Return the caller; raise UnauthenticatedError when the header names nobody."""
        if header is None:
            return NOBODY
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token or not token.isascii():
            raise UnauthenticatedError("Send `Authorization: Bearer …` with an access token or an API key.")
        key = ids.digest(token)
        now = clock.now().timestamp()
        known = self._known.get(key)
        if known is not None and now - CACHE_SECONDS < known[0] <= now:
            return known[1]
        principal = self._look_up(token, key)
        with self._lock:
            if len(self._known) >= _CACHE_MAX:
                self._known.clear()
            self._known[key] = (now, principal)
        return principal

    def _look_up(self, token: str, key: bytes) -> Principal:
        if token.startswith(API_KEY_PREFIX):
            return self._api_key(key)
        if token.startswith(STAFF_PREFIX):
            return self._staff(key)
        if token.startswith(CUSTOMER_PREFIX):
            return self._customer(key)
        raise UnauthenticatedError("This is not a token of ours; sign in again.")

    def _api_key(self, key: bytes) -> Principal:
        row = self._ask("authenticate_api_key", key)
        if row is None:
            raise UnauthenticatedError("This API key is unknown or was revoked.")
        program_id, key_id, granted, store_id = row
        return Principal(
            kind="api_key",
            id=UUID(key_id),
            program_id=UUID(program_id),
            scopes=frozenset(json.loads(granted or "[]")),
            store_ids=frozenset({UUID(store_id)} if store_id else ()),
        )

    def _staff(self, key: bytes) -> Principal:
        row = self._ask("authenticate_staff", key, clock.now())
        if row is None:
            raise UnauthenticatedError("This access token has expired or was revoked; refresh it or sign in again.")
        program_id, staff_id, role, session_id, stores = row
        return Principal(
            kind="staff",
            id=UUID(staff_id),
            program_id=UUID(program_id),
            scopes=frozenset({str(role)}),
            store_ids=_ids(stores) if role == "cashier" else frozenset(),
            session_id=UUID(session_id),
        )

    def _customer(self, key: bytes) -> Principal:
        row = self._ask("authenticate_customer", key, clock.now())
        if row is None:
            raise UnauthenticatedError("This access token has expired or was revoked; refresh it or sign in again.")
        customer_id, session_id = row
        return Principal(
            kind="customer", id=UUID(customer_id), scopes=frozenset({"customer"}), session_id=UUID(session_id)
        )

    def _ask(self, door: str, *values: Any) -> list[str | None] | None:
        # One round trip instead of the four of a transaction: whoever opens an app is known to no process yet.
        with self._database.hot.lend() as driver:
            rows = HotTransaction(driver).rows(door, *values)
        return rows[0] if rows else None


def _ids(array: str | None) -> frozenset[UUID]:
    # As PostgreSQL writes an array; ids hold neither commas nor braces.
    return frozenset(UUID(one) for one in (array or "").strip("{}").split(",") if one)
