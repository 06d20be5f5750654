"""What Google Wallet's answers mean: done, not there, there already, never, or later.

Google documents few of its errors (https://developers.google.com/wallet/retail/loyalty-cards/resources/error-codes), so
that the status decides, and a name only where one status has two meanings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from wallet.platforms.google.batches import Answer

Outcome = Literal["done", "missing", "exists", "refused", "forbidden", "over_quota", "unauthorised", "retry", "unknown"]
_TOO_SLOW, _TOO_MANY, _SERVERS_FAULT = 408, 429, 500
_RATE_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})
_BY_STATUS: Mapping[int, Outcome] = {401: "unauthorised", 403: "forbidden", 404: "missing", 409: "exists"}
RETRY_AFTER_SECONDS_MAX = 3600.0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one request.

    - `done`, with the resource as it is now; `missing`, `exists`: the object or class is not, or is, there.
    - `over_quota`: this pass made the phone sound often enough today; the rest of its changes pass.
    - `unauthorised`: the access token is not good; `forbidden`: the account may not speak for this issuer, until its
      owner lets it; `refused`: not so, nor later; `reason` says why.
    - `retry`: it was not done; `unknown`: it may have been done.

    `slows`: the project sends too much, and nobody should send for `retry_after_seconds` or a while.
    """

    outcome: Outcome
    reason: str | None = None
    resource: Mapping[str, Any] | None = None
    retry_after_seconds: float | None = None
    slows: bool = False


LOST = Verdict(outcome="unknown", reason="no_answer")
UNREACHABLE = Verdict(outcome="retry", reason="unreachable")


def read(answer: Answer, now: datetime) -> Verdict:
    """Return what an answer means."""
    if 200 <= answer.status < 300:  # noqa: PLR2004 - success
        return Verdict(outcome="done", resource=answer.document)
    if answer.status == 0:
        return LOST
    reasons = _reasons(answer.document)
    if any("quotaexceeded" in reason.lower() for reason in reasons):
        return Verdict(outcome="over_quota", reason="notification_quota")
    reason = next(iter(reasons), f"http_{answer.status}")
    slows = answer.status == _TOO_MANY or bool(_RATE_REASONS.intersection(reasons))
    if slows or answer.status >= _SERVERS_FAULT or answer.status == _TOO_SLOW:
        wait = retry_after(answer.headers.get("retry-after", ""), now)
        # A server that failed may have done it all the same.
        outcome: Outcome = "unknown" if answer.status >= _SERVERS_FAULT else "retry"
        return Verdict(outcome=outcome, reason=reason, retry_after_seconds=wait, slows=slows)
    return Verdict(outcome=_BY_STATUS.get(answer.status, "refused"), reason=reason)


def _reasons(document: Mapping[str, Any]) -> list[str]:
    """Return the names in an error, the most telling first: `reason`s, then what looks like a name, then the status."""
    error = document.get("error")
    if not isinstance(error, dict):
        return []
    parts = [each for name in ("errors", "details") for each in error.get(name) or () if isinstance(each, dict)]
    found = [str(part["reason"]) for part in parts if part.get("reason")]
    message = str(error.get("message", ""))
    found += [word for word in message.replace(":", " ").split() if word.endswith("Exception")]
    return [*found, str(error["status"])] if error.get("status") else found


def retry_after(text: str, now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` asks for (RFC 9110 §10.2.3), an hour at most; None without one."""
    if text.isascii() and text.isdecimal():
        return min(float(text), RETRY_AFTER_SECONDS_MAX)
    try:
        seconds = (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError, IndexError):
        return None
    return min(max(0.0, seconds), RETRY_AFTER_SECONDS_MAX)
