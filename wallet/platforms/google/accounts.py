"""The account with which a programme speaks to Google Wallet: an issuer's number and a service account's key."""

import functools
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.oauth2 import service_account

from app.config import Settings
from app.errors import InvalidError
from wallet.platforms.google.client import ENDPOINT, SCOPE
from wallet.platforms.google.save_links import SAVE_URL
from wire.access_tokens import AccessTokens

GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
GOOGLE_KEYS_URL = "https://pay.google.com/gp/m/issuer/keys"
KEPT = ("type", "project_id", "private_key_id", "private_key", "client_email", "client_id", "token_uri")
"""What of Google's file is used; the rest says where others may read certificates."""
KEY_BITS_MIN = 2048
KEY_LENGTH_MAX = 8_192
TOKEN_TIMEOUT_SECONDS = 10.0
_ISSUER = re.compile(r"[0-9]{10,20}")
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_EMAIL = re.compile(r"[^@\s]{1,100}@[a-z0-9.-]{1,150}\.gserviceaccount\.com")


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account, its key loaded: that takes 50 ms, signing with it one."""

    issuer_id: str
    client_email: str
    project_id: str
    key_id: str | None
    key: RSAPrivateKey = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)

    def tokens(self, ca_file: Path | None) -> AccessTokens:
        """Return what fetches access tokens for the Wallet API with this account."""
        credential = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            dict(self.document), scopes=[SCOPE]
        )
        return AccessTokens(credential, ca_file=ca_file, timeout_seconds=TOKEN_TIMEOUT_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where Google Wallet is: Google's own hosts, or a stand-in that plays them all on one."""

    api: str
    token_uris: frozenset[str]
    save: str
    keys: str

    @classmethod
    def of(cls, settings: Settings) -> "Addresses":
        """Return the addresses that the settings mean."""
        endpoint = settings.google_wallet_endpoint
        if endpoint == ENDPOINT or (urlsplit(endpoint).hostname or "").endswith(".googleapis.com"):
            return cls(api=endpoint, token_uris=frozenset({GOOGLE_TOKEN_URI}), save=SAVE_URL, keys=GOOGLE_KEYS_URL)
        # Our workers post to the address that an account names: anywhere else could be a place inside our network.
        return cls(
            api=endpoint,
            token_uris=frozenset({GOOGLE_TOKEN_URI, f"{endpoint}/token"}),
            save=f"{endpoint}/gp/v/save",
            keys=f"{endpoint}/gp/m/issuer/keys",
        )


def check(document: Mapping[str, Any], *, token_uris: Collection[str]) -> dict[str, Any]:
    """Return what is kept of an upload: `issuer_id` and the service account's file under `service_account`.

    Raises InvalidError naming everything wrong in it, and nothing of the key.
    """
    found = document.get("service_account")
    account = found if isinstance(found, Mapping) else {}
    wrong = {
        "issuer_id": not _fits(_ISSUER, document.get("issuer_id")) and "is not an issuer's number: 10 to 20 digits",
        "service_account/type": account.get("type") != "service_account" and "must be `service_account`",
        "service_account/project_id": not _fits(_PROJECT, account.get("project_id")) and "is not a project's id",
        "service_account/client_email": not _fits(_EMAIL, account.get("client_email"))
        and "is not a service account's address",
        "service_account/token_uri": account.get("token_uri") not in [*token_uris] and f"must be {GOOGLE_TOKEN_URI}",
        "service_account/private_key": _wrong_key(account.get("private_key")),
    }
    errors = [{"pointer": f"#/{name}", "detail": problem} for name, problem in wrong.items() if problem]
    if errors:
        raise InvalidError("These are not the credentials of a Google Wallet issuer.", errors=errors)
    kept = {name: account[name] for name in KEPT if name in account}
    return {"issuer_id": document["issuer_id"], "service_account": kept}


def sealed_form(checked: Mapping[str, Any]) -> bytes:
    """Return a checked upload as it is sealed."""
    return json.dumps(checked, separators=(",", ":"), sort_keys=True).encode()


@functools.lru_cache(maxsize=500)
def opened(secret: bytes) -> Account:
    """Return the account of a checked upload, as it was sealed; loaded once, since that is what costs."""
    document = json.loads(secret)
    account: dict[str, Any] = document["service_account"]
    key = load_pem_private_key(str(account["private_key"]).encode(), password=None)
    assert isinstance(key, RSAPrivateKey)
    return Account(
        issuer_id=document["issuer_id"],
        client_email=account["client_email"],
        project_id=account["project_id"],
        key_id=account.get("private_key_id"),
        key=key,
        document=account,
    )


def _fits(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


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
