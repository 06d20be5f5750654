"""Google's service accounts, as their JSON file comes from Google's console: for Firebase, and for Google Wallet."""

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
KEPT = ("type", "project_id", "private_key_id", "private_key", "client_email", "client_id", "token_uri")
"""What of Google's file is used; the rest says where others may read certificates."""
KEY_BITS_MIN = 2048
KEY_LENGTH_MAX = 8_192
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_EMAIL = re.compile(r"[^@\s]{1,100}@[a-z0-9.-]{1,150}\.gserviceaccount\.com")


def faults(document: Mapping[str, Any], *, token_uris: Collection[str], project: str) -> dict[str, str]:
    """Return what is wrong in each field, as the end of a sentence and with nothing of the key; empty when it serves.

    `token_uris` are where it may fetch its tokens: the file names the address, and our workers post to it, so anything
    else could be a place inside our network. `project` is what `project_id` is the id of.
    """
    wrong = {
        "type": document.get("type") != "service_account" and "must be `service_account`",
        "project_id": not fits(_PROJECT, document.get("project_id")) and f"is not a {project}'s id",
        "client_email": not fits(_EMAIL, document.get("client_email")) and "is not a service account's address",
        # Compared with each, since what is no text may have no hash.
        "token_uri": document.get("token_uri") not in [*token_uris] and f"must be {TOKEN_URI}",
        "private_key": _wrong_key(document.get("private_key")),
    }
    return {name: problem for name, problem in wrong.items() if problem}


def kept(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a file that was checked."""
    return {name: document[name] for name in KEPT if name in document}


def fits(pattern: re.Pattern[str], value: object) -> bool:
    """Tell whether a value of an uploaded document is a text of a form."""
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def is_googles(endpoint: str) -> bool:
    """Tell whether an address is one of Google's own."""
    return (urlsplit(endpoint).hostname or "").endswith(".googleapis.com")


def _wrong_key(pem: object) -> str:
    """Say what is wrong with a private key, without any of it; nothing when it can sign."""
    # Checking a key takes time with the cube of its length: 8 s for 24 KB, in which this whole process waits.
    if len(str(pem)) > KEY_LENGTH_MAX:
        return "is longer than any key of Google's"
    try:
        key = load_pem_private_key(str(pem).encode(), password=None)
    except (ValueError, TypeError):
        return "is not a private key in PEM"
    except Exception:  # noqa: BLE001 - an algorithm that is not supported, and what its library says of it
        return "is not a key that can be used"
    if not isinstance(key, RSAPrivateKey) or key.key_size < KEY_BITS_MIN:
        return f"is not an RSA key of {KEY_BITS_MIN} bits or more"
    return ""
