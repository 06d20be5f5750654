"""How the stand-in of Google Wallet tells that a card was saved or deleted: signed as Google signs."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app import clock, ids

PROTOCOL = "ECv2SigningOnly"
SENDER = "GooglePayPasses"
MESSAGE_LIFETIME = timedelta(minutes=30)
KEY_LIFETIME = timedelta(days=7)
TIMEOUT_SECONDS = 5.0


class Callbacks:
    """A root key, an intermediate key that it signed, and what is sent with them; each callback is tried once."""

    def __init__(self) -> None:
        self._root = ec.generate_private_key(ec.SECP256R1())
        self._intermediate = ec.generate_private_key(ec.SECP256R1())
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="google-callbacks")
        self.answers: list[int] = []

    def root_keys(self) -> dict[str, Any]:
        """Return the document at Google's key address."""
        expires = str(_milliseconds(3650 * timedelta(days=1)))
        key = {"keyValue": _public(self._root), "protocolVersion": PROTOCOL, "keyExpiration": expires}
        return {"keys": [key]}

    def make(self, *, class_id: str, object_id: str, event: str, nonce: str | None = None) -> bytes:
        """Return the body of a callback about an event, `save` or `del`."""
        signed_key = json.dumps({
            "keyValue": _public(self._intermediate), "keyExpiration": str(_milliseconds(KEY_LIFETIME)),
        })  # fmt: skip
        message = json.dumps(
            {
                "classId": class_id, "objectId": object_id, "eventType": event, "count": 1,
                "expTimeMillis": _milliseconds(MESSAGE_LIFETIME), "nonce": nonce or ids.new_id().hex,
            },
            ensure_ascii=False,
        )  # fmt: skip
        issuer_id = object_id.partition(".")[0]
        envelope = {
            "signature": _sign(self._intermediate, SENDER, issuer_id, PROTOCOL, message),
            "intermediateSigningKey": {
                "signedKey": signed_key,
                "signatures": [_sign(self._root, SENDER, PROTOCOL, signed_key)],
            },
            "protocolVersion": PROTOCOL,
            "signedMessage": message,
        }
        return json.dumps(envelope, ensure_ascii=False).encode()

    def send(self, url: str, body: bytes) -> None:
        """Send a callback after what is sent already; whether it arrives is nobody's concern, as with Google's."""
        self._threads.submit(self._send, url, body)

    def settle(self) -> None:
        """Wait until all that was to be sent was tried."""
        self._threads.submit(lambda: None).result()

    def close(self) -> None:
        """Send no more."""
        self._threads.shutdown(cancel_futures=True)

    def _send(self, url: str, body: bytes) -> None:
        try:
            # Whatever certificate the receiver has: on this machine it is its own.
            answer = httpx.post(
                url, content=body, headers={"content-type": "application/json"}, timeout=TIMEOUT_SECONDS,
                trust_env=False, verify=False,  # noqa: S501
            )  # fmt: skip
        except httpx.HTTPError:
            return
        self.answers.append(answer.status_code)


def _public(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def _sign(key: ec.EllipticCurvePrivateKey, *parts: str) -> str:
    data = b""
    for part in parts:
        data += len(part.encode()).to_bytes(4, "little") + part.encode()
    return base64.b64encode(key.sign(data, ec.ECDSA(hashes.SHA256()))).decode()


def _milliseconds(after: timedelta) -> int:
    return int((clock.now() + after).timestamp() * 1000)
