"""What a wallet is to us: a platform that checks credentials, hands passes out, and is told when a face changed.

A new wallet is a new package here that registers a `Platform`; nothing else of the engine or of the API knows its name.
Of a platform's work three parts are kept apart, since they run in different places:

- `check`, `hand_out` and `complaints` serve requests and the doctor: no waiting for anybody else's server;
- a `Courier` brings changed passes up to date, in a worker: `gather` reads and `record` writes in the engine's own
  transactions, and between them `deliver` talks to the world with no transaction open;
- whatever a platform serves to phones by itself is a resource of its own in `api`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol
from uuid import UUID

from app.config import Settings
from app.db import Session
from app.registry import Registry

if TYPE_CHECKING:
    from app.models import Pass
    from wallet.card_face import CardFace

Outcome = Literal["sent", "refused", "retry", "unknown"]


@dataclass(frozen=True, kw_only=True)
class CheckedCredential:
    """An upload that was checked whole: `facts` may be shown to the owner, `secret` is kept sealed and never shown.

    `facts["not_after"]` is when it stops working, in ISO 8601 with an offset, where it does by itself.
    """

    facts: Mapping[str, Any]
    secret: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A live credential of a programme, opened; `id` is what platforms keep loaded keys under."""

    id: UUID
    program_id: UUID
    facts: Mapping[str, Any]
    secret: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Handout:
    """What a person gets who wants the card in a wallet.

    Either a file (`chunks`, `media_type`, `filename`), or a `link` to open. `ready` is False where the platform's
    server must first be told by a worker: ask again in a second. Chunks are sent as they are: much of a file may be the
    bytes of many others, and copying it for each would cost more than making it.
    """

    chunks: tuple[bytes, ...] | None = None
    media_type: str | None = None
    filename: str | None = None
    link: str | None = None
    ready: bool = True

    @property
    def content(self) -> bytes | None:
        """The file in one, copied."""
        return None if self.chunks is None else b"".join(self.chunks)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A pass that somebody wants to have: its row, its face as it is now, and its opened token.

    `token` is what the phone will prove itself with (`pass.token_sealed`), `service_url` where it will ask:
    `{ASSIDU_BASE_URL}/passkit` for Apple, which appends `/v1/…` itself.
    """

    row: "Pass"
    face: "CardFace"
    token: str = field(repr=False)
    service_url: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """A pass whose platform is to be told: its row and face as of this revision, and what `gather` read for it.

    `messages` are the texts (one for each language, by locale) that campaigns wrote on the pass and that were not told
    to the platform yet, the oldest first; the newest is in the face already.
    """

    row: "Pass"
    face: "CardFace"
    gathered: Any = None
    messages: Sequence["Message"] = ()


@dataclass(frozen=True, kw_only=True)
class Message:
    """A campaign's text on a pass: `{"title": …, "body": …}` by locale."""

    id: UUID
    text: Mapping[str, Mapping[str, str]]
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Told:
    """What became of one job.

    - `sent`: the platform knows; with the reason `nobody` where there was nobody to tell (no device registered).
    - `refused`: it will never take this pass as it is; `reason` is shown to staff, and nothing is tried again until the
      face changes.
    - `retry`: it was not told; again after `retry_after_seconds` at least.
    - `unknown`: it may have been told. Telling is idempotent here: it is tried again like `retry`.

    `reason` is a slug. `found` is the platform's own, for `record` (tokens that are gone, what was inserted).
    """

    outcome: Outcome
    reason: str | None = None
    retry_after_seconds: float | None = None
    found: Any = None


class Courier(Protocol):
    """Tells a platform's server; one for each worker. Several threads use it at once, each for another programme."""

    def gather(self, session: Session, rows: Sequence["Pass"]) -> Mapping[UUID, Any]:
        """Return what telling needs beside the faces, by the pass's id; in the transaction of the programme.

        Apple: the opened push tokens of registered devices. May be empty for passes that need nothing.
        """
        ...

    def deliver(self, program_id: UUID, credentials: Sequence[Credential], jobs: Sequence[Job]) -> list[Told]:
        """Tell the platform of each job once and answer in order; no transaction is open. Never sleeps for long.

        `credentials` are the live ones, the newest first, and there is one at least. What a rate limit does not let
        through now is `retry` with its `retry_after_seconds`.
        """
        ...

    def record(self, session: Session, jobs: Sequence[Job], told: Sequence[Told]) -> None:
        """Write down what was found (devices that are gone, objects that now exist); in the programme's transaction.

        The engine itself writes `pushed_revision`, `last_push_at` and `last_error`.
        """
        ...

    def close(self) -> None:
        """Give back connections and threads."""
        ...


class Platform(Protocol):
    """One kind of wallet."""

    @property
    def kind(self) -> str:
        """Return the name under which `PLATFORMS` knows it, and `pass.platform` says it."""
        ...

    @property
    def carries_face(self) -> bool:
        """Return whether what is handed out shows the face by itself: a file, not a link to what a server knows."""
        ...

    @property
    def batch(self) -> int:
        """Return how many passes of one programme are told at a time: about a second's worth of the platform's rate."""
        ...

    def check(self, settings: Settings, document: Mapping[str, Any], now: datetime) -> CheckedCredential:
        """Check an uploaded credential whole; raise InvalidError naming everything wrong (`#/certificate` …)."""
        ...

    def type_of(self, credential: Credential) -> str:
        """Return what `pass.type_id` is for passes made with it: the pass type identifier, or the issuer's class id."""
        ...

    def hand_out(self, settings: Settings, credentials: Sequence[Credential], asked: Asked) -> Handout:
        """Make what the person gets; `credentials` as in `Courier.deliver`. May fetch pictures, never the platform."""
        ...

    def complaints(
        self, settings: Settings, credentials: Sequence[Credential], asked: Asked | None, now: datetime
    ) -> list[str]:
        """Say, in sentences, what would stop a pass from opening on a phone, and what soon will; empty: nothing.

        With a sample pass (`asked`) the whole package is made and checked.
        """
        ...

    def open(self, settings: Settings) -> Courier:
        """Open the courier; nothing is connected before it is used. Raises ValueError for unusable settings."""
        ...


PLATFORMS: Registry[Platform] = Registry("wallet platforms")
"""All wallets: `PLATFORMS.load("wallet.platforms")`, then `PLATFORMS["apple"]`."""
