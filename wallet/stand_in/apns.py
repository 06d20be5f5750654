"""A stand-in of APNs on this machine: TLS with the pass type's certificate or a team's token, HTTP/2, Apple's refusals.

`ApnsStandIn(home, trusted_pem)` runs it in a thread. What it takes is a push to Wallet and nothing else: the topic is
the certificate's own, and the body is empty, where the real one would carry any JSON to the phone.
"""

import json
import re
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import jwt
from cryptography import x509
from cryptography.x509.oid import NameOID

from app import clock, ids
from wire.stand_in.answers import Answer, json_answer
from wire.stand_in.protocols import Handler
from wire.stand_in.server import Server

TOKEN_LIFE: Final = timedelta(hours=1)
PAYLOAD_BYTES_MAX: Final = 4096
PUSH_TYPES: Final = frozenset({"alert", "background", "location", "voip", "complication", "fileprovider", "mdm"})
PRIORITIES: Final = frozenset({"1", "5", "10"})

REFUSALS: Final[Mapping[str, int]] = {
    "BadDeviceToken": 400, "DeviceTokenNotForTopic": 400, "TopicDisallowed": 400, "IdleTimeout": 400,
    "BadCertificate": 403, "Forbidden": 403, "ExpiredProviderToken": 403, "InvalidProviderToken": 403,
    "Unregistered": 410, "ExpiredToken": 410, "TooManyRequests": 429, "TooManyProviderTokenUpdates": 429,
    "InternalServerError": 500, "ServiceUnavailable": 503, "Shutdown": 503,
}  # fmt: skip
"""APNs' reasons that a script may name, with their statuses."""
WIRES: Final = frozenset({"hang", "cut", "reset", "refuse", "midbody"})
"""Ways in which an answer can fail to come, which a script may name too; `goaway` takes the push and asks to leave."""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """A push that was taken."""

    topic: str
    token: str
    at: datetime
    connection: int
    expires_at: datetime | None = None


class ApnsStandIn(Server):
    """APNs on loopback. `start` it or use it as a context manager; `url` is what `ApnsClient` is given."""

    name = "apns-stand-in"

    def __init__(self, home: Path, trusted_pem: str = "", *, port: int = 0, streams_max: int = 1000) -> None:
        """Take the authorities whose certificates are let in: all of the chain but the certificate itself."""
        super().__init__(home, port=port, streams_max=streams_max)
        self._trusted_pem = trusted_pem
        self._teams: dict[tuple[str, str], tuple[Any, frozenset[str]]] = {}
        self._scripts: dict[str, deque[str]] = {}
        self._gone: dict[str, datetime] = {}
        self._came = threading.Condition()
        self.pushes: deque[Pushed] = deque(maxlen=100_000)
        self.posts_count = 0
        self.refusals: deque[str] = deque(maxlen=10_000)
        self.on_push: Callable[[str, str], None] | None = None
        """Called with topic and token of each push that is taken, in the server's thread: it must not wait."""

    def make_tls(self) -> ssl.SSLContext:
        """Ask each client for a certificate; one that is not shown may be a token's, and a wrong one is the end."""
        tls = super().make_tls()
        tls.verify_mode = ssl.CERT_OPTIONAL
        if self._trusted_pem:
            tls.load_verify_locations(cadata=self._trusted_pem)
        return tls

    def add_team(self, public_key: Any, *, key_id: str, team_id: str, topics: Iterable[str]) -> None:
        """Know a team's signing key, by its public half, and the pass types that are the team's."""
        self._teams[team_id, key_id] = (public_key, frozenset(topics))

    def script(self, token: str, answers: Iterable[str]) -> None:
        """Answer the next pushes to a phone so, in turn: a name in `REFUSALS` or `WIRES`, `goaway`, or `sent`."""
        self._scripts[token] = deque(answers)

    def unregister(self, token: str, at: datetime | None = None) -> None:
        """Take the pass away from a phone: pushes to it are answered 410 from now on."""
        self._gone[token] = at or clock.now()

    def wait_for(self, count: int, *, token: str | None = None, seconds: float = 10) -> list[Pushed]:
        """Return the pushes (to one phone) once there are so many; raise TimeoutError when they do not come."""

        def found() -> list[Pushed]:
            return [push for push in self.pushes if token in {None, push.token}]

        with self._came:
            if not self._came.wait_for(lambda: len(found()) >= count, seconds):
                raise TimeoutError(f"{len(found())} of {count} pushes came")
            return found()

    def streams_for(self, peer: ssl.SSLObject) -> int:
        """Allow one stream until a token was shown, as APNs does."""
        return self._streams_max if peer.getpeercert(binary_form=True) else 1

    def handler_for(self, peer: ssl.SSLObject) -> Handler:
        """Answer as whoever's certificate was shown may expect."""
        shown = peer.getpeercert(binary_form=True)
        topic = _topic_of(shown) if shown else None
        connection = self.connections_opened

        def handle(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
            self.posts_count += 1
            answer = self._answer(method, target, headers, body, topic, connection)
            if answer.status != 200:  # noqa: PLR2004
                self.refusals.append(json.loads(answer.body)["reason"] if answer.body else answer.wire)
            return answer

        return handle

    def _answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, own_topic: str | None, connection: int
    ) -> Answer:
        refused = _wrong_request(method, target, headers, body) or self._wrong_sender(headers, own_topic)
        if refused is not None:
            return refused
        token = target.removeprefix("/3/device/")
        if token in self._gone:
            return _refusal("Unregistered", 410, timestamp=self._gone[token])
        script = self._scripts.get(token)
        word = script.popleft() if script else "sent"
        if word in REFUSALS:
            return _refusal(word, REFUSALS[word], timestamp=clock.now() if REFUSALS[word] == 410 else None)  # noqa: PLR2004
        if word in WIRES:
            return Answer(status=500, wire=word)  # type: ignore[arg-type]  # one of them, as the line above says
        push = Pushed(
            topic=headers["apns-topic"], token=token, at=clock.now(), connection=connection, expires_at=_expiry(headers)
        )
        with self._came:
            self.pushes.append(push)
            self._came.notify_all()
        if self.on_push is not None:
            self.on_push(push.topic, push.token)
        return Answer(
            headers={"apns-id": headers.get("apns-id", str(ids.new_id()).upper())},
            delivers=True,
            wire="goaway" if word == "goaway" else "answer",
            streams_max=self._streams_max,
        )

    def _wrong_sender(self, headers: Mapping[str, str], own_topic: str | None) -> Answer | None:
        topic = headers.get("apns-topic", "")
        if not topic:
            return _refusal("MissingTopic", 400)
        bearer = headers.get("authorization", "")
        if own_topic is not None and not bearer:
            return None if topic == own_topic else _refusal("TopicDisallowed", 400)
        if not bearer.startswith("bearer "):
            return _refusal("MissingProviderToken", 403)
        return self._wrong_token(bearer.removeprefix("bearer "), topic)

    def _wrong_token(self, token: str, topic: str) -> Answer | None:
        try:
            key_id = str(jwt.get_unverified_header(token).get("kid"))
            team_id = str(jwt.decode(token, options={"verify_signature": False}).get("iss"))
            public_key, topics = self._teams[team_id, key_id]
            claims = jwt.decode(token, public_key, algorithms=["ES256"], options={"require": ["iss", "iat"]})
        except (jwt.InvalidTokenError, KeyError):
            return _refusal("InvalidProviderToken", 403)
        if clock.now() - datetime.fromtimestamp(claims["iat"], UTC) > TOKEN_LIFE:
            return _refusal("ExpiredProviderToken", 403)
        return None if topic in topics else _refusal("TopicDisallowed", 400)


def _wrong_request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer | None:
    """Return APNs' refusal of a request that is wrong in itself."""
    token = re.fullmatch(r"/3/device/([^/?]*)", target)
    found: tuple[str, int] | None = None
    if ":method" not in headers:
        found = ("BadPath", 404)  # HTTP/1.1, which APNs does not speak
    elif method != "POST":
        found = ("MethodNotAllowed", 405)
    elif token is None:
        found = ("BadPath", 404)
    elif not token[1]:
        found = ("MissingDeviceToken", 400)
    elif not re.fullmatch(r"[0-9a-fA-F]+", token[1]):
        found = ("BadDeviceToken", 400)
    else:
        found = _wrong_headers(headers) or _wrong_body(body)
    return _refusal(*found) if found else None


def _wrong_headers(headers: Mapping[str, str]) -> tuple[str, int] | None:
    push_type, priority = headers.get("apns-push-type", "alert"), headers.get("apns-priority", "10")
    if push_type not in PUSH_TYPES:
        return "InvalidPushType", 400
    if priority not in PRIORITIES or (push_type == "background" and priority == "10" and "apns-priority" in headers):
        return "BadPriority", 400
    if not re.fullmatch(r"[0-9]{1,10}", headers.get("apns-expiration", "0")):
        return "BadExpirationDate", 400
    try:
        UUID(headers.get("apns-id", "0" * 32))
    except ValueError:
        return "BadMessageId", 400
    return None


def _wrong_body(body: bytes) -> tuple[str, int] | None:
    if not body:
        return "PayloadEmpty", 400
    if len(body) > PAYLOAD_BYTES_MAX:
        return "PayloadTooLarge", 413
    try:
        document = json.loads(body)
    except ValueError:
        return "PayloadEmpty", 400
    # The real one would take it and Wallet would not look at it; nobody here means to send it.
    return None if document == {} else ("PayloadNotForWallet", 400)


def _topic_of(certificate: bytes) -> str | None:
    found = x509.load_der_x509_certificate(certificate).subject.get_attributes_for_oid(NameOID.USER_ID)
    return str(found[0].value) if found else None


def _expiry(headers: Mapping[str, str]) -> datetime | None:
    seconds = int(headers.get("apns-expiration", "0"))
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _refusal(reason: str, status: int, timestamp: datetime | None = None) -> Answer:
    document: dict[str, Any] = {"reason": reason}
    if timestamp is not None:
        document["timestamp"] = int(timestamp.timestamp() * 1000)
    return json_answer(status, document, {"apns-id": str(ids.new_id()).upper()})
