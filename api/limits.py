"""Rate limits, of what can be guessed and of every caller, and the headers that tell of them.

`RateLimit-Policy` and `RateLimit` follow the IETF draft "RateLimit header fields for HTTP" (revision 11); a refusal
is 429 with `Retry-After`.
"""

from collections.abc import Hashable

from flask import Response, g, request

from api.client_address import client_address
from api.metering import Meter
from api.problems import TooManyRequestsError
from app.db import Database
from app.services import attempts
from app.services.attempts import Policy, Standing

SIGN_IN_ADDRESS = Policy("sign-in-address", 10, 900)
"""Failed sign-ins to one staff address, whoever tries."""

SIGN_IN_CLIENT = Policy("sign-in-client", 200, 900)
"""Sign-ins from one client address: a shop's whole staff is behind one."""

CODES_CLIENT = Policy("codes-client", 100, 600)
"""One-time codes asked for from one client address: a café's guests and a mobile network share one."""

GUESSES_CLIENT = Policy("code-guesses-client", 200, 600)
"""One-time codes tried from one client address."""


def check(database: Database, policy: Policy, subject: str) -> None:
    """Count one try, committed whatever follows; raise TooManyRequestsError when it is one too many."""
    with database.transaction() as session:
        standing = attempts.count(session, database.keyring, policy=policy, subject=subject)
    tell(standing)
    _admit(standing)


def meter(by: Meter, subject: Hashable) -> None:
    """Count one request in this process's memory; raise TooManyRequestsError when it is one too many."""
    g.metered = standing = by.spend(subject)
    _admit(standing)


def meter_client(database: Database, by: Meter) -> None:
    """Count one request of the network that the request comes from, as `meter` does."""
    meter(by, client_network(database))


def check_client(database: Database, policy: Policy) -> None:
    """Count one try of the network that the request comes from, as `check` does.

    Behind proxies that `ASSIDU_TRUSTED_PROXIES` names, that is the client's network and not the proxy's.
    """
    check(database, policy, client_network(database))


def client_network(database: Database) -> str:
    """Return the network that the request comes from, which stands for whoever is there."""
    forwarded_for = request.headers.get("X-Forwarded-For", "")
    address = client_address(request.remote_addr or "", forwarded_for, database.settings.trusted_proxies)
    return attempts.network(address)


def forget(database: Database, policy: Policy, subject: str) -> None:
    """Forget the tries of `subject`, who has shown who they are."""
    with database.transaction() as session:
        attempts.forget(session, database.keyring, policy=policy, subject=subject)


def tell(standing: Standing) -> None:
    """Let the answer's headers say where the caller stands."""
    if "counted" not in g:
        g.counted = []
    g.counted.append(standing)


def write_headers(response: Response) -> Response:
    """Write where the caller stands into an answer, whatever it is; for `Flask.after_request`."""
    metered: Standing | None = g.get("metered")
    if metered is None:
        return response
    told: list[Standing] = [*g.get("counted", ()), metered]
    policies = [f'"{one.policy.name}";q={one.policy.quota};w={one.policy.window_seconds}' for one in told]
    limits = [f'"{one.policy.name}";r={one.remaining};t={one.reset_seconds}' for one in told]
    # Added, not set: nobody else writes them, and setting looks for one to replace.
    response.headers.add("RateLimit-Policy", ", ".join(policies))
    response.headers.add("RateLimit", ", ".join(limits))
    return response


def _admit(standing: Standing) -> None:
    if not standing.allowed:
        wait = standing.retry_seconds
        raise TooManyRequestsError(f"Wait {wait} seconds before you try again.", retry_after=wait)
