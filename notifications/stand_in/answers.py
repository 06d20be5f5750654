"""What the stand-in can answer, faults included: the shapes are those of FCM's HTTP v1."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from wire.stand_in.answers import Answer, json_answer

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


def google_error(
    status: int, canonical: str, message: str, *, fcm: str = "", field_name: str = "", retry_after: str = ""
) -> Answer:
    """Return an error as FCM writes it: Google's envelope, with FCM's own code and the field in its details."""
    details: list[dict[str, Any]] = []
    if fcm:
        details.append({"@type": FCM_ERROR, "errorCode": fcm})
    if field_name:
        details.append({"@type": BAD_REQUEST, "fieldViolations": [{"field": field_name, "description": message}]})
    error: dict[str, Any] = {"code": status, "message": message, "status": canonical}
    if details:
        error["details"] = details
    return json_answer(status, {"error": error}, {"retry-after": retry_after} if retry_after else None)


def invalid(message: str, field_name: str = "") -> Answer:
    """Return FCM's 400 about a field such as `message.data`."""
    return google_error(400, "INVALID_ARGUMENT", message, fcm="INVALID_ARGUMENT", field_name=field_name)


DELIVERED = Answer(delivers=True)

FAULTS: dict[str, Callable[[], Answer]] = {
    "unregistered": lambda: google_error(404, "NOT_FOUND", "Requested entity was not found.", fcm="UNREGISTERED"),
    "invalid": lambda: invalid("Invalid registration token", "message.token"),
    "malformed": lambda: invalid("The registration token is not a valid FCM registration token"),
    "mismatch": lambda: google_error(403, "PERMISSION_DENIED", "SenderId mismatch", fcm="SENDER_ID_MISMATCH"),
    "thirdparty": lambda: google_error(
        401, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service", fcm="THIRD_PARTY_AUTH_ERROR"
    ),
    "unauthenticated": lambda: google_error(401, "UNAUTHENTICATED", "Request had invalid credentials."),
    "forbidden": lambda: google_error(403, "PERMISSION_DENIED", "The caller does not have permission"),
    "quota": lambda: google_error(429, "RESOURCE_EXHAUSTED", "Quota exceeded", fcm="QUOTA_EXCEEDED"),
    "internal": lambda: google_error(500, "INTERNAL", "Internal error encountered.", fcm="INTERNAL"),
    "unavailable": lambda: google_error(
        503, "UNAVAILABLE", "The service is currently unavailable.", fcm="UNAVAILABLE", retry_after="7"
    ),
    "hang": lambda: Answer(delivers=True, wire="hang"),
    "cut": lambda: Answer(delivers=True, wire="cut"),
    "reset": lambda: Answer(wire="reset"),
    "refuse": lambda: Answer(wire="refuse"),
    "midbody": lambda: replace(DELIVERED, wire="midbody"),
    "goaway": lambda: replace(DELIVERED, wire="goaway"),
    "wrongjson": lambda: Answer(status=200, body=b"<html>Welcome to the hotel's Wi-Fi</html>", delivers=True),
    "proxypage": lambda: Answer(status=502, body=b'{"error": "bad gateway"}'),
}
"""The scripted faults: each is what happens to an address that has its name between dashes, `phone-unregistered-1`."""


FAULTY = re.compile(r"[-_:.](?:" + "|".join([*FAULTS, r"quota\d+", r"slow\d+"]) + ")")
"""A quick look, since most addresses ask for nothing."""


def fault_of(address: str) -> Answer:
    """Return what an address asks for by its own name.

    `slow5` is delivered and answered after five seconds; `quota90` is refused with `Retry-After: 90`.
    """
    if not FAULTY.search(address):
        return DELIVERED
    for word in re.split(r"[-_:.]", address):
        if word in FAULTS:
            return FAULTS[word]()
        quota = re.fullmatch(r"quota(\d{1,3})", word)
        if quota:
            return google_error(429, "RESOURCE_EXHAUSTED", "Quota", fcm="QUOTA_EXCEEDED", retry_after=quota[1])
        slow = re.fullmatch(r"slow(\d{1,3})", word)
        if slow:
            return replace(DELIVERED, wait_seconds=float(slow[1]))
    return DELIVERED
