"""Errors in the words of Google Wallet: https://developers.google.com/wallet/retail/loyalty-cards/resources/error-codes."""

from wire.stand_in.answers import Answer, json_answer


def error(status: int, canonical: str, message: str, reason: str, *, retry_after: str = "") -> Answer:
    """Return an error in Google's envelope, with the reason as the Wallet API gives it."""
    document = {
        "error": {
            "code": status,
            "message": message,
            "status": canonical,
            "errors": [{"message": message, "domain": "walletobjects", "reason": reason}],
        }
    }
    return json_answer(status, document, {"retry-after": retry_after} if retry_after else None)


def invalid(message: str) -> Answer:
    """Return the answer to a document that is wrong in itself."""
    return error(400, "INVALID_ARGUMENT", f"Request contains an invalid argument. {message}", "invalid")


def missing(kind: str, resource_id: str) -> Answer:
    """Return the answer about a class or an object that is not there."""
    what, reason = ("Class ", "classNotFound") if kind.endswith("Class") else ("", "resourceNotFound")
    return error(404, "NOT_FOUND", f"Wallet Object {what}{{{resource_id}}} not found.", reason)


def exists(kind: str, resource_id: str) -> Answer:
    """Return the answer to making what is there already."""
    what = "Class " if kind.endswith("Class") else ""
    message = f"Wallet Object {what}{{{resource_id}}} already exists."
    return error(409, "ALREADY_EXISTS", message, "existingResource")


def forbidden() -> Answer:
    """Return the answer to an account that may not speak for this issuer."""
    return error(403, "PERMISSION_DENIED", "Permission Denied", "permissionDenied")


def unauthenticated() -> Answer:
    """Return the answer to a token that is not good."""
    message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
    return error(401, "UNAUTHENTICATED", message, "authError")


def too_many() -> Answer:
    """Return the answer to the 21st request of a second."""
    message = "Quota exceeded for quota metric 'Requests' and limit 'Requests per second'."
    return error(429, "RESOURCE_EXHAUSTED", message, "rateLimitExceeded")


def notified_enough() -> Answer:
    """Return the answer to the fourth message of a day that is to make the phone sound."""
    message = "QuotaExceededException: 3 notifications were sent for this pass in the last 24 hours."
    return error(429, "RESOURCE_EXHAUSTED", message, "quotaExceeded")
