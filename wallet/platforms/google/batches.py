"""Several requests to Google in one: `multipart/mixed` parts of `application/http`, each answered by itself.

https://developers.google.com/wallet/retail/loyalty-cards/use-cases/batch-requests describes it; Google's own Python
client (google-api-python-client, `http.py`) writes and reads the same, and answers in any order by `Content-ID`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from app import ids

BATCH_MAX = 1000
"""Google's client refuses to send more in one batch."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request: a method, a path below the service's address, and a document to send with it."""

    method: str
    path: str
    document: Mapping[str, Any] | None = None

    @property
    def body(self) -> bytes:
        """Return the document as it is sent, nothing where there is none."""
        return b"" if self.document is None else json.dumps(self.document, separators=(",", ":")).encode()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer; names of headers are in lower case. `status` 0: there was none, for the `reason` in the document."""

    status: int
    document: Mapping[str, Any]
    headers: Mapping[str, str]


NO_ANSWER = Answer(status=0, document={}, headers={})


def write(requests: Sequence[Request]) -> tuple[str, bytes]:
    """Return the content type and the body of a batch; raise ValueError for more than Google takes."""
    if not 0 < len(requests) <= BATCH_MAX:
        raise ValueError(f"a batch has 1 to {BATCH_MAX} requests")
    boundary = f"assidu-{ids.new_id().hex}"
    parts = [_part(place, request) for place, request in enumerate(requests)]
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part) for part in parts)
    return f'multipart/mixed; boundary="{boundary}"', body + b"--%s--\r\n" % boundary.encode()


def _part(place: int, request: Request) -> bytes:
    lines = [
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        f"Content-ID: <{place}>",
        "",
        f"{request.method} {request.path} HTTP/1.1",
        "Accept: application/json",
    ]
    body = request.body
    if body:
        lines += ["Content-Type: application/json; charset=UTF-8", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def read(content_type: str, body: bytes, count: int) -> list[Answer]:
    """Return the answers of a batch of `count` in the order of its requests, `NO_ANSWER` where one is missing.

    Raises ValueError where the body is no batch at all.
    """
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    if not message.is_multipart():
        raise ValueError("this is no batch")
    answers = [NO_ANSWER] * count
    for part in message.iter_parts():
        place = _place(str(part.get("Content-ID", "")))
        content = part.get_payload(decode=True)
        if place is not None and place < count and isinstance(content, bytes):
            answers[place] = _answer(content)
    return answers


def _place(content_id: str) -> int | None:
    """Return the number in `<response-3>`."""
    digits = content_id.strip("<> ").removeprefix("response-")
    return int(digits) if digits.isascii() and digits.isdecimal() else None


def _answer(content: bytes) -> Answer:
    head, _, body = content.replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    words = first.split(" ")
    if len(words) < 2 or not words[1].isdecimal():  # noqa: PLR2004 - a version and a status
        return NO_ANSWER
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Answer(status=int(words[1]), document=document_of(body), headers=headers)


def document_of(body: bytes) -> dict[str, Any]:
    """Return a body's JSON object; an empty one where there is none, as in the page of a proxy."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
