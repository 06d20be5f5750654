"""FCM's `messages:send`: the checks that the real one makes, scripted faults, and the phones behind it."""

import json
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from app import ids
from notifications.stand_in.answers import DELIVERED, FAULTS, fault_of, google_error, invalid
from notifications.stand_in.phone import Phones
from wire.stand_in.answers import Answer, json_answer
from wire.stand_in.oauth import TokenEndpoint

TARGETS = ("token", "fid", "topic", "condition")
FIELDS = {*TARGETS, "name", "data", "notification", "android", "webpush", "apns", "fcm_options"}
SCOPES = {"https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"}
"""FCM takes a token with either; firebase-admin asks for the second."""
PAYLOAD_BYTES_MAX = 4096
RESERVED_KEY = re.compile(r"from|message_type|collapse_key|(google|gcm).*")
APNS_COLLAPSE_ID_BYTES_MAX = 64
TTL_SECONDS_MAX = 2_419_200


class MessagesSend:
    """One project's sending endpoint."""

    def __init__(
        self, project_id: str, tokens: TokenEndpoint, phones: Phones, scripts: dict[str, deque[Answer]] | None = None
    ) -> None:
        self.path = f"/v1/projects/{project_id}/messages:send"
        self.project_id = project_id
        self._tokens, self._phones = tokens, phones
        self.scripts = {} if scripts is None else scripts
        self.posts: deque[str] = deque(maxlen=10_000)
        self.posts_count = 0

    def script(self, address: str, answers: Iterable[Answer | str]) -> None:
        """Answer the next messages to `address` so, in turn; a text is a name in `FAULTS`, or `sent`."""
        known = {"sent": DELIVERED, **{name: make() for name, make in FAULTS.items()}}
        self.scripts[address] = deque(known[item] if isinstance(item, str) else item for item in answers)

    def answer(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one POST, and show the message when it gets through."""
        try:
            document = json.loads(body)
            message = document["message"]
            addresses = [str(message[target]) for target in TARGETS if message.get(target)]
        except (ValueError, KeyError, TypeError, AttributeError):
            return invalid("Invalid JSON payload received.")
        self.posts_count += 1
        self.posts.append(addresses[0] if addresses else "")
        if not self._tokens.accepts(headers.get("authorization", ""), self.project_id):
            return google_error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        problem = _problem(message, addresses, len(body))
        if problem is not None:
            return problem
        return self._deliver(message, self._next(addresses[0]), dry_run=bool(document.get("validate_only")))

    def _next(self, address: str) -> Answer:
        script = self.scripts.get(address)
        return script.popleft() if script else fault_of(address)

    def _deliver(self, message: Mapping[str, Any], answer: Answer, *, dry_run: bool) -> Answer:
        if not answer.delivers:
            return answer
        name = f"projects/{self.project_id}/messages/{ids.new_id().hex}"
        if not dry_run:
            self._phones.show(message, name)
        named = json_answer(200, {"name": name})
        return answer if answer.body else replace(answer, body=named.body, headers=named.headers)


def _problem(message: Mapping[str, Any], addresses: list[str], body_bytes: int) -> Answer | None:
    """Return FCM's refusal of a message that is wrong in itself."""
    if len(addresses) != 1:
        return invalid("Exactly one of token, fid, topic or condition must be set.", "message")
    if not FIELDS.issuperset(message):
        unknown = sorted(set(message) - FIELDS)
        return invalid(f"Unknown name \"{unknown[0]}\" at 'message': Cannot find field.", "message")
    return _data_problem(message, body_bytes) or _options_problem(message)


def _data_problem(message: Mapping[str, Any], body_bytes: int) -> Answer | None:
    data = message.get("data", {})
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        return invalid("Invalid value at 'message.data': values are strings.", "message.data")
    reserved = [key for key in data if RESERVED_KEY.fullmatch(key)]
    if reserved:
        return invalid(f"Invalid data payload key: {reserved[0]}", f"message.data[{reserved[0]}]")
    if body_bytes <= PAYLOAD_BYTES_MAX:
        return None  # all of it is not too much, so its parts are not
    # FCM counts what a phone gets; we count all of the message but its address, which is a little stricter.
    payload = {key: value for key, value in message.items() if key not in TARGETS}
    size = len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode())
    if size > PAYLOAD_BYTES_MAX:
        return invalid(f"Message is too big: {size} bytes, {PAYLOAD_BYTES_MAX} at most.", "message")
    return None


def _options_problem(message: Mapping[str, Any]) -> Answer | None:
    ttl = str(message.get("android", {}).get("ttl", "0s"))
    if not re.fullmatch(r"\d+(\.\d+)?s", ttl) or float(ttl[:-1]) > TTL_SECONDS_MAX:
        return invalid("Invalid TTL.", "message.android.ttl")
    collapse_id = str(message.get("apns", {}).get("headers", {}).get("apns-collapse-id", ""))
    if len(collapse_id.encode()) > APNS_COLLAPSE_ID_BYTES_MAX:
        return invalid("apns-collapse-id is too long.", "message.apns.headers")
    return None
