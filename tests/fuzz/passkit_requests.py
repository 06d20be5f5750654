"""Requests that no phone makes, wrong in every way that was thought of, by a seed and without end."""

import random  # noqa: TID251 - a stream that a seed repeats
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from tests.passkit_device import Installed

KINDS = ("path", "proof", "body", "tag", "log", "method", "header")
LONG = "A" * 3000
TEXTS = (
    "", " ", "x", "null", "0", "-1", "1e9", "é", "٣", "🎁", "%", "%00", "%ff", "%ed%a0%80", "..", ".", "a/b", "a%2Fb",
    "%2e%2e%2f", "'", "' OR '1'='1", "'; DROP TABLE pass; --", "${7*7}", "{{7*7}}", "<b>", "a b", "a+b", "a?b", "a#b",
    "a;b=c", "\\", "*", LONG, "pass.example.none", "0" * 32, "f" * 64, "2026-11-22T09:00:00+00:00", "9" * 25,
)  # fmt: skip
BODIES = (
    b"", b" ", b"{", b"{}", b"[]", b"null", b"true", b"7", b'"x"', b"\xff\xfe\x00", b"\x00", b"{}{}", b"[" * 20_000,
    b'{"a":' * 20_000, b"9" * 10_000, b'{"pushToken":null}', b'{"pushToken":{}}', b'{"pushToken":"\\ud800"}',
    b'{"pushToken":"\\u0000"}', b'{"pushToken":"..%2f"}', b'{"pushToken":1e999}', b'{"logs":{}}', b'{"logs":[{}]}',
    b'{"logs":[null,7,[]]}', b'{"logs":["\\u0000\\ud800"]}', b'{"logs":"x"}', b"pushToken=ab", b"A" * 70_000,
    b'{"pushToken":"' + b"a" * 60_000 + b'"}', b'{"logs":["' + b"x" * 60_000 + b'"]}',
)  # fmt: skip
SCHEMES = (
    "ApplePass", "applepass", "APPLEPASS", "Bearer", "Basic", "Digest", "", " ", "ApplePass,", "ApplePass:",
)  # fmt: skip
SPACES = (" ", "  ", "\t", "")
METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE")
HEADERS = ("If-Modified-Since", "If-None-Match", "Range", "Content-Type", "Content-Length", "Transfer-Encoding",
           "Accept", "Accept-Encoding", "Cookie", "X-Forwarded-For", "Request-Id", "Expect")  # fmt: skip


@dataclass(frozen=True)
class Malformed:
    """A request that is wrong somewhere; `kind` says where."""

    kind: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def malformed(held: Sequence[Installed], *, seed: int, http: bool = False) -> Iterator[Malformed]:
    """Yield wrong requests for ever: none shows the right token of the pass that it names with a body that would do.

    With `http` they can be written on a socket as they are: no header that says another length than the body's.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing is kept secret by it
    while True:
        for kind in KINDS:
            yield _make(kind, chance.choice(held), chance, http=http)


def _make(kind: str, held: Installed, chance: random.Random, *, http: bool) -> Malformed:
    def any_text() -> str:
        if chance.random() < 0.7:
            return chance.choice(TEXTS)
        return "".join(chr(chance.randrange(1, 0x2FF)) for _ in range(chance.randrange(1, 60)))

    def part(right: str) -> str:
        text = chance.choice((right, any_text()))
        return text if chance.random() < 0.2 and text.isascii() and text.isprintable() and " " not in text else quote(
            text, safe="%"
        )  # fmt: skip

    device, type_, serial = part("ab" * 16), part(held.pass_type_id), part(held.serial)
    paths = {
        "POST": f"/passkit/v1/devices/{device}/registrations/{type_}/{serial}",
        "DELETE": f"/passkit/v1/devices/{device}/registrations/{type_}/{serial}",
        "GET": f"/passkit/v1/passes/{type_}/{serial}",
    }
    method = chance.choice(tuple(paths))
    path, headers, body = paths[method], {"Authorization": _proof(held, any_text, chance)}, b""
    match kind:
        case "path":
            path = f"/passkit/v1/{part('passes')}/{type_}/{part(held.serial)}/{part('personalize')}"[:4000]
        case "body":
            # The right token for once, so that the body is read.
            method, path, body = "POST", paths["POST"], chance.choice(BODIES)
            headers["Authorization"] = f"ApplePass {held.token}"
        case "tag":
            method, headers = "GET", {}
            tag = (
                chance.choice(("passesUpdatedSince", "passesupdatedsince", "x", ""))
                + "="
                + quote(any_text(), safe="%&")
            )
            path = f"/passkit/v1/devices/{device}/registrations/{type_}?{tag}&{tag}"
        case "log":
            method, path, body = "POST", "/passkit/v1/log", chance.choice(BODIES)
        case "method":
            method = chance.choice(METHODS)
        case "header":
            allowed = [
                name for name in HEADERS if not http or name not in {"Content-Length", "Transfer-Encoding", "Expect"}
            ]
            value = quote(any_text(), safe=" %") if http else any_text().replace("\n", " ").replace("\r", " ")
            headers[chance.choice(allowed)] = value
    return Malformed(kind, method, path, headers, body)


def _proof(held: Installed, any_text, chance: random.Random) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
    token = chance.choice((held.token[:-1], held.token + "A", held.token[::-1], held.serial, "A" * 32, any_text()))
    scheme = chance.choice(SCHEMES)
    if scheme not in {"ApplePass", "ApplePass,", "ApplePass:"} and chance.random() < 0.5:
        token = held.token
    said = f"{scheme}{chance.choice(SPACES)}{token}" if chance.random() < 0.9 else ""
    # What a client can put into a header at all.
    return "".join(letter for letter in said if letter == "\t" or 0x20 <= ord(letter) < 0x100).strip()
