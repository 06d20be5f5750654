"""Classes and objects as the stand-in of Google Wallet keeps them, and what it refuses to keep."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from app import clock
from wallet.stand_in import google_errors as errors
from wallet.stand_in.discovery import Discovery
from wire.stand_in.answers import Answer, json_answer

KINDS = {
    "loyaltyClass": "LoyaltyClass", "loyaltyObject": "LoyaltyObject", "genericClass": "GenericClass",
    "genericObject": "GenericObject",
}  # fmt: skip
CLASS_OF = {"loyaltyObject": "loyaltyClass", "genericObject": "genericClass"}
REQUIRED = {
    "loyaltyClass": ("id", "issuerName", "programName", "programLogo", "reviewStatus"),
    "loyaltyObject": ("id", "classId", "state"),
    "genericClass": ("id",),
    "genericObject": ("id", "classId", "cardTitle", "header"),
}
NOTIFYING_MESSAGES_MAX = 3
NOTIFYING_WINDOW = timedelta(hours=24)
LIST_MAX = 10
"""Of messages, merchants' locations and texts, on a class or an object."""
_ID = re.compile(r"[0-9]+\.[A-Za-z0-9._-]+")
_SET_BY_PLATFORM = ("hasUsers", "hasLinkedDevice", "classReference", "review", "version", "kind")
_URI = re.compile(r"https?://[^\s/]+\S*")


class Resources:
    """What issuers have; each method answers one request."""

    def __init__(self, discovery: Discovery | None) -> None:
        self._discovery = discovery
        self.kept: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in KINDS}
        self._notified: dict[str, deque[datetime]] = {}

    def insert(self, kind: str, document: Mapping[str, Any]) -> Answer:
        """Make a class or an object."""
        resource_id = str(document.get("id", ""))
        refusal = self._refusal(kind, document, whole=True)
        if refusal is None and resource_id in self.kept[kind]:
            refusal = errors.exists(kind, resource_id)
        return refusal or self._keep(kind, resource_id, dict(document))

    def change(self, kind: str, resource_id: str, document: Mapping[str, Any], *, whole: bool) -> Answer:
        """Replace a resource, or only the fields that are given; arrays are replaced as they are."""
        before = self.kept[kind].get(resource_id)
        if before is None:
            return errors.missing(kind, resource_id)
        if document.get("id", resource_id) != resource_id:
            return errors.invalid(f"Invalid resource ID: {{{document['id']}}}.")
        changed = {**document, "id": resource_id}
        refusal = self._refusal(kind, changed, whole=whole)
        if refusal is None and kind == "loyaltyClass":
            refusal = _status_refusal(before, document)
        if refusal is not None:
            return refusal
        kept = {name: before[name] for name in _SET_BY_PLATFORM if name in before}
        return self._keep(kind, resource_id, {**kept, **changed} if whole else {**before, **changed})

    def get(self, kind: str, resource_id: str) -> Answer:
        """Read a resource."""
        found = self.kept[kind].get(resource_id)
        return errors.missing(kind, resource_id) if found is None else json_answer(200, found)

    def add_message(self, kind: str, resource_id: str, document: Mapping[str, Any]) -> Answer:
        """Add a message; the fourth that is to make a sound within a day is refused."""
        found = self.kept[kind].get(resource_id)
        if found is None:
            return errors.missing(kind, resource_id)
        problems = self._discovery.problems("AddMessageRequest", document, whole=True) if self._discovery else []
        message = document.get("message")
        if problems or not isinstance(message, dict) or not message.get("body"):
            return errors.invalid("; ".join(problems) or "message: is required")
        messages = [*found.get("messages", ()), message]
        if len(messages) > LIST_MAX:
            return errors.invalid(f"messages: {LIST_MAX} at most")
        if message.get("messageType") == "TEXT_AND_NOTIFY" and not self._may_notify(resource_id):
            return errors.notified_enough()
        found["messages"] = messages
        return json_answer(200, {"resource": found})

    def _may_notify(self, resource_id: str) -> bool:
        sounded, now = self._notified.setdefault(resource_id, deque()), clock.now()
        while sounded and now - sounded[0] >= NOTIFYING_WINDOW:
            sounded.popleft()
        if len(sounded) >= NOTIFYING_MESSAGES_MAX:
            return False
        sounded.append(now)
        return True

    def _keep(self, kind: str, resource_id: str, resource: dict[str, Any]) -> Answer:
        # Ephemeral: it says something of this write alone.
        resource.pop("notifyPreference", None)
        if kind == "loyaltyClass" and resource["reviewStatus"] == "UNDER_REVIEW":
            resource["reviewStatus"] = "APPROVED"
        if kind in CLASS_OF:
            resource.setdefault("hasUsers", False)
        self.kept[kind][resource_id] = resource
        return json_answer(200, resource)

    def _refusal(self, kind: str, document: Mapping[str, Any], *, whole: bool) -> Answer | None:
        if self._discovery is not None:
            problems = self._discovery.problems(KINDS[kind], document, whole=whole)
            if problems:
                return errors.invalid("; ".join(problems))
        absent = [name for name in REQUIRED[kind] if whole and not document.get(name)]
        if absent:
            return errors.invalid(f"{absent[0]}: is required")
        resource_id = str(document.get("id", ""))
        if not _ID.fullmatch(resource_id):
            return errors.invalid(f"Invalid resource ID: {{{resource_id}}}.")
        problem = next(_problems(document), None)
        if problem is not None:
            return errors.invalid(problem)
        return self._class_refusal(CLASS_OF[kind], document) if kind in CLASS_OF else _review_refusal(document)

    def _class_refusal(self, kind: str, document: Mapping[str, Any]) -> Answer | None:
        class_id = document.get("classId")
        if class_id is None:
            return None  # a change of other fields
        found = self.kept[kind].get(str(class_id))
        if found is None:
            return errors.missing(kind, str(class_id))
        if str(class_id).partition(".")[0] != str(document["id"]).partition(".")[0]:
            return errors.invalid("classId: is another issuer's")
        return errors.invalid("The class is a draft.") if found.get("reviewStatus") == "DRAFT" else None


def _review_refusal(document: Mapping[str, Any]) -> Answer | None:
    if document.get("reviewStatus", "UNDER_REVIEW") not in {"UNDER_REVIEW", "DRAFT"}:
        return errors.invalid("reviewStatus: is set by the platform alone")
    return None


def _status_refusal(before: Mapping[str, Any], document: Mapping[str, Any]) -> Answer | None:
    if document.get("reviewStatus") == "DRAFT" and before["reviewStatus"] != "DRAFT":
        return errors.invalid("reviewStatus: a class that was reviewed is a draft no more")
    return None


def _problems(document: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with a class or an object beyond the kinds of its fields."""
    for name in ("merchantLocations", "messages"):
        if len(document.get(name, ())) > LIST_MAX:
            yield f"{name}: {LIST_MAX} at most"
    for place in document.get("merchantLocations", ()):
        if not (abs(place.get("latitude", 91)) <= 90 and abs(place.get("longitude", 181)) <= 180):  # noqa: PLR2004 - degrees
            yield "merchantLocations: is nowhere on Earth"
    for name in ("loyaltyPoints", "secondaryLoyaltyPoints"):
        points = document.get(name)
        if points is not None and len(points.get("balance", {})) != 1:
            yield f"{name}.balance: exactly one of string, int, double and money"
    yield from _image_problems(document)
    yield from _barcode_problems(document)
    if "callbackOptions" in document and not _URI.fullmatch(document["callbackOptions"].get("url", "")):
        yield "callbackOptions.url: is no URL"


def _image_problems(document: Mapping[str, Any]) -> Iterator[str]:
    for name in ("programLogo", "wideProgramLogo", "heroImage", "logo", "wideLogo"):
        image = document.get(name)
        if image is None:
            continue
        if ("sourceUri" in image) == ("privateImageId" in image):
            yield f"{name}: exactly one of sourceUri and privateImageId"
        elif "sourceUri" in image and not _URI.fullmatch(image["sourceUri"].get("uri", "")):
            yield f"{name}: has a URI without a scheme"


def _barcode_problems(document: Mapping[str, Any]) -> Iterator[str]:
    rotating = document.get("rotatingBarcode")
    if rotating is None:
        return
    details = rotating.get("totpDetails", {})
    parameters = details.get("parameters", [])
    named = set(re.findall(r"\{totp_value_(\d+)\}", rotating.get("valuePattern", "")))
    if not named or {int(each) for each in named} != set(range(len(parameters))):
        yield "rotatingBarcode.valuePattern: does not use its parameters"
    for each in parameters:
        if not re.fullmatch(r"([0-9A-Fa-f]{2})+", each.get("key", "")):
            yield "rotatingBarcode.totpDetails.parameters.key: is not in base 16"
    if details.get("algorithm") != "TOTP_SHA1" or int(details.get("periodMillis", "0")) <= 0:
        yield "rotatingBarcode.totpDetails: has no algorithm or period"
