"""Links by which a person saves a card to Google Wallet: a JWT that names the object and holds nothing else.

The object is inserted before, by our server. The link therefore carries no name, no balance and, above all, not the
key of the rotating code: https://developers.google.com/wallet/reference/rest/v1/Jwt says what is in one.
"""

import base64
import json
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

SAVE_URL = "https://pay.google.com/gp/v/save"
JWT_LENGTH_MAX = 1800
"""Longer ones are cut by browsers and mail programs: Google calls this the safe length of an encoded JWT."""
_PADDING, _HASH = PKCS1v15(), SHA256()


def make(
    key: RSAPrivateKey,
    *,
    client_email: str,
    key_id: str | None,
    class_id: str,
    object_ids: Sequence[str],
    origins: Sequence[str],
    issued_at: int,
    save_url: str = SAVE_URL,
    kind: str = "loyaltyObjects",
) -> str:
    """Return the link that saves objects which exist; raise ValueError where it would be longer than is safe.

    `kind` is what the link's payload calls them. `key` signs as the service account `client_email` (RS256, RFC 7518
    §3.3); `origins` are the sites that may show Google's button, `issued_at` unix seconds.
    """
    header = {"alg": "RS256", "typ": "JWT", **({"kid": key_id} if key_id else {})}
    claims = {
        "iss": client_email,
        "aud": "google",
        "typ": "savetowallet",
        "iat": issued_at,
        "origins": list(origins),
        "payload": {kind: [{"id": object_id, "classId": class_id} for object_id in object_ids]},
    }
    signed = f"{_part(header)}.{_part(claims)}"
    token = f"{signed}.{_base64url(key.sign(signed.encode(), _PADDING, _HASH))}"
    if len(token) > JWT_LENGTH_MAX:
        raise ValueError(f"a link of {len(token)} characters, where {JWT_LENGTH_MAX} are safe")
    return f"{save_url}/{token}"


def _part(document: dict[str, Any]) -> str:
    return _base64url(json.dumps(document, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
