"""A breaker against guessing the codes of cards and vouchers: who tries many that nobody has, waits.

Only codes that are well formed and unknown are counted: a text that is no code at all is told apart without asking the
database, and teaches a guesser nothing. The counters stand in the database and are touched by unknown codes alone;
that somebody is stopped is remembered by each process that saw it, so that a scan pays one look at an empty dictionary.
A code that was just refused and is tried again is no new guess.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar
from uuid import UUID

from prometheus_client import Counter
from structlog import get_logger

from api import limits
from api.principal import Principal
from api.problems import TooManyRequestsError
from app import clock, ids
from app.db import Database
from app.services import attempts
from app.services.attempts import Policy
from app.services.scans import UnknownCardError
from app.services.vouchers import UnknownVoucherError

log = get_logger()

IN_STORE = Policy("unknown-codes", 20, 600)
"""Unknown codes of one caller in one store: the twentieth stops it there."""

OF_CALLER = Policy("unknown-codes-caller", 200, 600)
"""Unknown codes of one caller, whatever stores it names: a server speaks for many tills."""

STOPPED = Counter("assidu_guessing_stopped", "Times that a caller was stopped for trying unknown codes")

_REMEMBERED_MAX = 10_000

_NOWHERE = UUID(int=0)
"""In the place of the store, where a request names none."""

_Place = tuple[UUID | None, UUID | None]
"""A caller, and the store; None: every store."""

K = TypeVar("K")


class TooManyUnknownCodesError(TooManyRequestsError):
    """The caller tried many codes that no card and no voucher has; `retry_after` seconds until it may go on."""

    slug = "too-many-unknown-codes"
    title = "Too many unknown codes"


class Guesses:
    """Who is stopped, as this process knows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopped: dict[_Place, float] = {}
        self._refused: dict[bytes, float] = {}

    def watch(self, principal: Principal, store_id: UUID | None, code: str) -> "_Watch":
        """Return a block in which a code is looked up, for a caller and a store.

        Entering it raises TooManyUnknownCodesError for who is stopped, and so does leaving it by an unknown code that
        is one too many.
        """
        return _Watch(self, (principal.id, store_id or _NOWHERE), code)

    def check(self, place: _Place) -> None:
        """Raise TooManyUnknownCodesError for who is stopped."""
        if not self._stopped:
            return
        now = clock.now().timestamp()
        until = max(self._stopped.get(place, 0.0), self._stopped.get((place[0], None), 0.0))
        if until > now:
            raise _refusal(until - now)

    def count(self, place: _Place, code: str) -> None:
        """Count an unknown code; raise TooManyUnknownCodesError when it is one too many."""
        now = clock.now().timestamp()
        guess = ids.digest(f"{place} {code}")
        if self._refused.get(guess, 0.0) > now:
            return
        _remember(self._refused, guess, now + IN_STORE.window_seconds)
        caller, store = place
        for policy, subject, stopped in (
            (IN_STORE, f"{caller} {store}", place),
            (OF_CALLER, f"{caller}", (caller, None)),
        ):
            standing = attempts.count_alone(self._database, policy=policy, subject=subject)
            limits.tell(standing)
            if standing.remaining == 0:
                _remember(self._stopped, stopped, now + standing.reset_seconds)
                STOPPED.inc()
                log.warning("guessing_stopped", policy=policy.name, caller=str(caller), store=str(store))
                raise _refusal(standing.reset_seconds)


@dataclass(slots=True)
class _Watch:
    """The block of `Guesses.watch`."""

    guesses: Guesses
    place: _Place
    code: str

    def __enter__(self) -> None:
        self.guesses.check(self.place)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, UnknownCardError | UnknownVoucherError):
            self.guesses.count(self.place, self.code)


def _remember(known: dict[K, float], key: K, until: float) -> None:
    if len(known) >= _REMEMBERED_MAX:
        known.clear()
    known[key] = until


def _refusal(seconds: float) -> TooManyUnknownCodesError:
    wait = max(int(seconds), 1)
    return TooManyUnknownCodesError(
        "Too many codes were tried here that no card and no voucher has. Go on selling without the card and scan again"
        f" in {(wait + 59) // 60} min; if nobody was playing with the till, tell the programme's owner.",
        retry_after=wait,
    )
