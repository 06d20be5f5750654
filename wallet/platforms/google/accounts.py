"""The account with which a programme speaks to Google Wallet: an issuer's number and a service account's key."""

import functools
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.oauth2 import service_account

from app.config import Settings
from app.errors import InvalidError
from app.services import service_accounts
from wallet.platforms.google.client import SCOPE
from wallet.platforms.google.save_links import SAVE_URL
from wire.access_tokens import AccessTokens

GOOGLE_KEYS_URL = "https://pay.google.com/gp/m/issuer/keys"
TOKEN_TIMEOUT_SECONDS = 10.0
_ISSUER = re.compile(r"[0-9]{10,20}")


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
        if service_accounts.is_googles(endpoint):
            return cls(
                api=endpoint, token_uris=frozenset({service_accounts.TOKEN_URI}), save=SAVE_URL, keys=GOOGLE_KEYS_URL
            )
        # Our workers post to the address that an account names: anywhere else could be a place inside our network.
        return cls(
            api=endpoint,
            token_uris=frozenset({service_accounts.TOKEN_URI, f"{endpoint}/token"}),
            save=f"{endpoint}/gp/v/save",
            keys=f"{endpoint}/gp/m/issuer/keys",
        )


def check(document: Mapping[str, Any], *, token_uris: Collection[str]) -> dict[str, Any]:
    """Return what is kept of an upload: `issuer_id` and the service account's file under `service_account`.

    Raises InvalidError naming everything wrong in it, and nothing of the key.
    """
    found = document.get("service_account")
    account = found if isinstance(found, Mapping) else {}
    wrong = service_accounts.faults(account, token_uris=token_uris, project="project")
    errors = [{"pointer": f"#/service_account/{name}", "detail": problem} for name, problem in wrong.items()]
    if not service_accounts.fits(_ISSUER, document.get("issuer_id")):
        errors.insert(0, {"pointer": "#/issuer_id", "detail": "is not an issuer's number: 10 to 20 digits"})
    others = sorted(document.keys() - {"issuer_id", "service_account"})
    errors += [{"pointer": f"#/{name}", "detail": "There is no such field."} for name in others]
    if errors:
        raise InvalidError("These are not the credentials of a Google Wallet issuer.", errors=errors)
    return {"issuer_id": document["issuer_id"], "service_account": service_accounts.kept(account)}


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
