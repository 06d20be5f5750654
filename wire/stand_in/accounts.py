"""The service account with which the stand-in is signed in to."""

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app import ids
from wire.stand_in.certificates import write_private


def service_account(home: Path, *, token_uri: str, project_id: str) -> dict[str, Any]:
    """Return a service account in the form of Google's JSON files, and keep it under `home`.

    The key is made at the first start there and kept at the next.
    """
    path = home / "service-account.json"
    private_key = json.loads(path.read_text("utf-8"))["private_key"] if path.exists() else _new_key()
    info: dict[str, Any] = {
        "type": "service_account",
        "project_id": project_id,
        "private_key_id": ids.new_id().hex,
        "private_key": private_key,
        "client_email": f"stand-in@{project_id}.iam.gserviceaccount.com",
        "client_id": "100000000000000000000",
        "token_uri": token_uri,
    }
    write_private(path, json.dumps(info, indent=2).encode())
    return info


def _new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode()
