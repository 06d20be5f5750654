"""The addresses that a campaign's messages show, pictures and links, and what an answer from there means for members.

Pure: `notifications.campaigns.asking` is what asks. What nobody could see or open is a problem; what may be otherwise
for a phone, or in an hour, is a warning.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.offers import definitions

IMAGE_BYTES_MAX = 1024 * 1024
"""Firebase: "Images for notifications are limited to 1MB in size" (docs/cloud-messaging/android/send-image)."""
IMAGE_TYPES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WebP"}
"""What phones show. FCM's reference of `notification.image`: JPEG and PNG everywhere, animated GIF on iOS only (Android
shows the first picture of it), WebP on some versions."""
_MISNAMED = {"image/jpg": "image/jpeg"}
_BEGINNINGS = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WebP"),
)
BEGINNING_BYTES = 12

_FIELDS: tuple[Literal["image_url", "link"], ...] = ("image_url", "link")
_HTTP_OK, _HTTP_CLIENT_ERROR, _HTTP_SERVER_ERROR = 200, 400, 500
_GUARDED = frozenset({401, 402, 403, 405, 406, 407, 408, 409, 418, 421, 423, 425, 426, 428, 429, 451})
"""What servers also answer to programs, or to too many at once, where a person's phone may be let in."""

_UNREACHED = {
    "address_refused": "is on no public address, seen from here: members' phones may not reach it either",
    "name_not_found": "is on a host whose name is not known, seen from here",
    "timeout": "did not answer in time",
    "malformed_answer": "did not answer as servers do",
    "connection_failed": "could not be connected to",
    "tls_failed": "has no certificate that we trust",
    "too_many": "was not asked: these are more addresses than are asked at once",
}
TURNED_OFF = "turned_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an address stands in a campaign; `step` is of a journey, from 1, and 0 its first message."""

    pointer: str
    step: int
    variant: str
    locale: str
    field: Literal["image_url", "link"]
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: a status with the picture's type, size and first bytes, or the `fault` that kept it away."""

    status: int | None = None
    content_type: str = ""
    size: int = 0
    beginning: bytes = b""
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an address is worth to members; `reason` is a word for programs, `detail` one for people."""

    place: Place
    result: Literal["ok", "warning", "problem", "not_asked"]
    reason: str | None = None
    detail: str | None = None
    status: int | None = None


def places(definition: Mapping[str, Any]) -> list[Place]:
    """Return every address in a definition's messages, those of a journey's steps too."""
    return [
        Place(
            pointer=f"{_list_of(step)}/{index}/content/{locale}/{name}",
            step=step, variant=variant["name"], locale=locale, field=name, url=words[name],
        )
        for step in range(len(definition.get("steps", [])) + 1)
        for index, variant in enumerate(definitions.of_step(definition, step).get("variants", []))
        for locale, words in variant["content"].items()
        for name in _FIELDS
        if words.get(name)
    ]  # fmt: skip


def _list_of(step: int) -> str:
    return f"#/steps/{step - 1}/variants" if step else "#/variants"


def judge(place: Place, answer: Answer, *, push: bool) -> Finding:
    """Say what an answer means; `push` says that phones show it in a notification, which is small."""
    if answer.fault == TURNED_OFF:
        return Finding(place=place, result="not_asked", reason=TURNED_OFF)
    if answer.fault is not None:
        return Finding(place=place, result="warning", reason=answer.fault, detail=_UNREACHED[answer.fault])
    assert answer.status is not None
    found = _of_status(place, answer.status)
    if found is None and place.field == "image_url":
        found = _of_image(answer, push=push)
    if found is None:
        return Finding(place=place, result="ok", status=answer.status)
    result, reason, detail = found
    return Finding(place=place, result=result, reason=reason, detail=detail, status=answer.status)


_Verdict = tuple[Literal["warning", "problem"], str, str]


def _of_status(place: Place, status: int) -> _Verdict | None:
    if status >= _HTTP_SERVER_ERROR:
        return "warning", "server_fault", f"answers {status}: its server has a fault now"
    if status in _GUARDED:
        return "warning", "guarded", f"answers {status} to us: see that it opens on a phone"
    if status >= _HTTP_CLIENT_ERROR:
        return "problem", "not_there", f"answers {status}: members would find nothing there"
    if place.field == "image_url" and status != _HTTP_OK:
        return "problem", "redirect", f"answers {status} and leads to no picture: phones would show none"
    return None


def _of_image(answer: Answer, *, push: bool) -> _Verdict | None:
    said = IMAGE_TYPES.get(_MISNAMED.get(answer.content_type, answer.content_type))
    if said is None:
        shown = answer.content_type or "no type"
        return "problem", "not_an_image", f"is {shown}: phones show {', '.join(IMAGE_TYPES)}"
    held = next((kind for begins, kind in _BEGINNINGS if begins.match(answer.beginning)), None)
    if held is None:
        return "problem", "not_an_image", f"says that it is {answer.content_type}, and does not begin as a picture does"
    if push and answer.size > IMAGE_BYTES_MAX:
        return "problem", "too_big", "has more than 1 MB: phones show no such picture in a notification"
    if "WebP" in {said, held}:
        return "warning", "not_everywhere", "is WebP, which some phones do not show: JPEG and PNG are shown by all"
    return None
