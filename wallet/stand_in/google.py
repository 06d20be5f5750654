"""A stand-in of Google Wallet: tokens, classes and objects over REST and in batches, links that save, callbacks.

`GoogleStandIn(home)` plays all of Google's addresses on one port, and the person who opens links and looks at cards.
"""

import hmac
import json
import struct
import time
from collections import Counter, deque
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app import ids
from wallet.stand_in import google_errors as errors
from wallet.stand_in.discovery import Discovery
from wallet.stand_in.google_callbacks import Callbacks
from wallet.stand_in.google_resources import KINDS, Resources
from wire.stand_in import accounts
from wire.stand_in.answers import Answer, json_answer
from wire.stand_in.oauth import TokenEndpoint
from wire.stand_in.server import Server

SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"
ISSUER_ID = "3388000000022000000"
REQUESTS_PER_SECOND = 20
API = "/walletobjects/v1/"
SAVE = "/gp/v/save/"
KEYS = "/gp/m/issuer/keys"
JWT_LENGTH_MAX = 1800


class GoogleStandIn(Server):
    """Google's part of a card in its wallet, on loopback. `start` it or use it as a context manager.

    Under `home` it writes `ca.pem` (to trust) and `service-account.json` (to sign in with); its issuer is `issuer_id`.
    `discovery` is Google's own description of the API, where it is at hand: documents are then held against it.
    """

    name = "google-wallet-stand-in"

    def __init__(
        self,
        home: Path,
        *,
        port: int = 0,
        issuer_id: str = ISSUER_ID,
        discovery: Mapping[str, Any] | None = None,
        requests_per_second: int = REQUESTS_PER_SECOND,
        token_lifetime_seconds: int = 3600,
    ) -> None:
        super().__init__(home, port=port)
        self.issuer_id = issuer_id
        self.resources = Resources(Discovery(discovery) if discovery else None)
        self.callbacks = Callbacks()
        self.requests: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.holders: dict[str, str] = {}
        self._per_second = requests_per_second
        self._arrived: deque[float] = deque()
        self._token_lifetime_seconds = token_lifetime_seconds
        self._scripts: deque[Answer | None] = deque()
        self._interruptions: deque[Answer] = deque()
        self.refused: Counter[int] = Counter()

    @property
    def objects(self) -> dict[str, dict[str, Any]]:
        """Return the objects by id, as Google has them."""
        return self.resources.kept["loyaltyObject"]

    @property
    def classes(self) -> dict[str, dict[str, Any]]:
        """Return the classes by id."""
        return self.resources.kept["loyaltyClass"]

    @property
    def vouchers(self) -> dict[str, dict[str, Any]]:
        """Return the generic objects by id."""
        return self.resources.kept["genericObject"]

    @property
    def upload(self) -> dict[str, Any]:
        """Return what a programme's owner uploads to use this stand-in."""
        return {"issuer_id": self.issuer_id, "service_account": self.service_account_info}

    def script(self, *answers: Answer) -> None:
        """Answer the next requests so, in turn, instead of as usual; each part of a batch counts."""
        self._scripts.extend(answers)

    def answer_after(self, count: int, answer: Answer) -> None:
        """Answer `count` requests as usual, and the next one so."""
        self._scripts.extend([*[None] * count, answer])

    def interrupt(self, *answers: Answer) -> None:
        """Answer the next exchanges so, whole batches included, whatever they ask."""
        self._interruptions.extend(answers)

    def started(self) -> None:
        """Make the service account and what knows its tokens."""
        self.service_account_info = accounts.service_account(
            self.home, token_uri=f"{self.url}/token", project_id="assidu-wallet-stand-in"
        )
        self.tokens = TokenEndpoint(
            self.service_account_info, token_lifetime_seconds=self._token_lifetime_seconds, scopes={SCOPE}
        )
        key = load_pem_private_key(self.service_account_info["private_key"].encode(), password=None)
        self._public_key = key.public_key()

    def stop(self) -> None:
        """Drop all connections and end the threads."""
        super().stop()
        self.callbacks.close()

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one request."""
        parts = urlsplit(target)
        match method, parts.path:
            case "POST", "/token":
                return self.tokens.answer(body)
            case _ if self._interruptions:
                return self._interruptions.popleft()
            case "POST", "/batch":
                return self._batch(headers, body)
            case "GET", _:
                return self._page(parts.path, parse_qs(parts.query), headers)
            case _:
                return self._one(method, parts.path, headers, body)

    def _page(self, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> Answer:
        """Answer what is read: the page behind a link, the keys of callbacks, a resource."""
        if path.startswith(SAVE):
            return self.save(path.removeprefix(SAVE), query.get("person", ["somebody@example.com"])[0])
        if path == KEYS:
            return json_answer(200, self.callbacks.root_keys(), {"cache-control": "public, max-age=3600"})
        return self._one("GET", path, headers, b"")

    def save(self, token: str, person: str) -> Answer:
        """Do what opening a link does: check it, put the card into the person's wallet, tell the issuer."""
        problem = self._wrong_link(token)
        if problem is not None:
            return json_answer(400, {"error": "Something went wrong", "why": problem})
        named = _named(jwt.decode(token, options={"verify_signature": False}))
        for each in named:
            kept = (self.objects | self.vouchers)[each["id"]]
            if self.holders.get(each["id"], person) != person:
                return json_answer(400, {"error": "Something went wrong", "why": "the pass is somebody else's"})
            self.holders[each["id"]] = person
            kept["hasUsers"] = True
            self._tell(kept, "save")
        return json_answer(200, {"saved": [each["id"] for each in named]})

    def delete(self, object_id: str) -> None:
        """Take a card out of its holder's wallet, as the person does; the issuer is told."""
        self.holders.pop(object_id, None)
        self.objects[object_id]["hasUsers"] = False
        self._tell(self.objects[object_id], "del")

    def shown_code(self, object_id: str, at: int) -> str:
        """Return what the card shows at an instant (unix seconds), computed as a phone does (RFC 6238)."""
        rotating = self.objects[object_id]["rotatingBarcode"]
        details = rotating["totpDetails"]
        text: str = rotating["valuePattern"]
        for place, each in enumerate(details["parameters"]):
            counter = struct.pack(">Q", at * 1000 // int(details["periodMillis"]))
            mac = hmac.digest(bytes.fromhex(each["key"]), counter, "sha1")
            start = mac[-1] & 0xF
            number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF
            digits = str(number % 10 ** each["valueLength"]).zfill(each["valueLength"])
            text = text.replace(f"{{totp_value_{place}}}", digits)
        return text.replace("{totp_timestamp_seconds}", str(at))

    def _wrong_link(self, token: str) -> str | None:
        if len(token) > JWT_LENGTH_MAX:
            return "the link is too long"
        try:
            claims = jwt.decode(
                token,
                self._public_key,  # type: ignore[arg-type]  # an RSA key: `service_account` made it
                algorithms=["RS256"],
                audience="google",
                issuer=self.service_account_info["client_email"],
                options={"require": ["iat", "iss", "aud"]},
            )
        except jwt.InvalidTokenError as error:
            return str(error)
        if claims.get("typ") != "savetowallet" or not isinstance(claims.get("origins"), list):
            return "typ or origins"
        named = _named(claims)
        unknown = [each for each in named if each.get("id") not in self.objects | self.vouchers]
        return "no such object" if unknown or not named else None

    def _tell(self, kept: Mapping[str, Any], event: str) -> None:
        classes = self.classes | self.resources.kept["genericClass"]
        url = classes[kept["classId"]].get("callbackOptions", {}).get("url")
        if url:
            self.callbacks.send(url, self.callbacks.make(class_id=kept["classId"], object_id=kept["id"], event=event))

    def _one(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        answer = self._checked(method, path, headers, body)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            self.refused[answer.status] += 1
        return answer

    def _checked(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one request of the API, alone or out of a batch: the rate, the token, the issuer, and then itself."""
        self.requests.append(f"{method} {path.removeprefix(API)}")
        scripted = self._scripts.popleft() if self._scripts else None
        if scripted is not None:
            return scripted
        if self._too_fast():
            return errors.too_many()
        if not self.tokens.accepts(headers.get("authorization", "")):
            return errors.unauthenticated()
        try:
            document = json.loads(body) if body else {}
        except ValueError:
            return errors.invalid("Invalid JSON payload received.")
        self.bodies.append(document)
        kind, _, rest = path.removeprefix(API).partition("/")
        resource_id, _, action = rest.partition("/")
        if not path.startswith(API) or kind not in KINDS or not isinstance(document, dict):
            return errors.error(404, "NOT_FOUND", "Method not found.", "notFound")
        return self._routed(method, kind, unquote(resource_id), action, document)

    def _routed(self, method: str, kind: str, resource_id: str, action: str, document: dict[str, Any]) -> Answer:
        if str(resource_id or document.get("id", "")).partition(".")[0] != self.issuer_id:
            return errors.forbidden()
        match method, bool(resource_id), action:
            case "POST", False, "":
                return self.resources.insert(kind, document)
            case "GET", True, "":
                return self.resources.get(kind, resource_id)
            case "PATCH" | "PUT", True, "":
                return self.resources.change(kind, resource_id, document, whole=method == "PUT")
            case "POST", True, "addMessage":
                return self.resources.add_message(kind, resource_id, document)
        return errors.error(404, "NOT_FOUND", "Method not found.", "notFound")

    def _too_fast(self) -> bool:
        now = time.monotonic()
        while self._arrived and now - self._arrived[0] >= 1.0:
            self._arrived.popleft()
        if len(self._arrived) >= self._per_second:
            return True
        self._arrived.append(now)
        return False

    def _batch(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer each part by itself, the last first: the order of a batch's answers is nobody's promise."""
        head = b"Content-Type: " + headers.get("content-type", "").encode() + b"\r\n\r\n"
        message = BytesParser(policy=HTTP).parsebytes(head + body)
        if not message.is_multipart():
            return errors.invalid("The batch is no multipart/mixed.")
        boundary = f"batch_{ids.new_id().hex}"
        answered = []
        for part in message.iter_parts():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            first, own, inner = _read_part(content)
            method, target, _ = first.split(" ")
            # Headers of the batch hold for each part that has none of its own.
            answer = self._one(method, urlsplit(target).path, {**headers, **own}, inner)
            answered.append((str(part["Content-ID"]).strip("<>"), answer))
        text = b"".join(_part(boundary, name, answer) for name, answer in reversed(answered))
        text += f"--{boundary}--\r\n".encode()
        return Answer(status=200, body=text, headers={"content-type": f"multipart/mixed; boundary={boundary}"})


def _named(claims: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects that a link names."""
    payload = claims.get("payload", {})
    return [*payload.get("loyaltyObjects", ()), *payload.get("genericObjects", ())]


def _read_part(content: bytes) -> tuple[str, dict[str, str], bytes]:
    """Return a part's request line, its headers with names in lower case, and its body."""
    head, _, body = content.replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    pairs = (line.partition(":") for line in lines)
    return first, {name.strip().lower(): value.strip() for name, _, value in pairs}, body


def _part(boundary: str, name: str, answer: Answer) -> bytes:
    lines = [
        f"--{boundary}", "Content-Type: application/http", f"Content-ID: <response-{name}>", "",
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        *(f"{header}: {value}" for header, value in answer.headers.items()),
        f"Content-Length: {len(answer.body)}", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + answer.body + b"\r\n"
