"""Use cases of push credentials: a programme's own Firebase project, its service account sealed at rest."""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.config import Settings
from app.crypto import Keyring
from app.db import Session
from app.errors import InvalidError, NotFoundError
from app.models import PushCredential

KEPT = ("type", "project_id", "private_key_id", "private_key", "client_email", "client_id", "token_uri")
"""What of Google's file is used; the rest says where others may read certificates."""
GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
KEY_BITS_MIN = 2048
KEY_LENGTH_MAX = 8_192
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_EMAIL = re.compile(r"[^@\s]{1,100}@[a-z0-9.-]{1,150}\.gserviceaccount\.com")


def token_uris(settings: Settings) -> frozenset[str]:
    """Return where an account may fetch its tokens: at Google's, or at the stand-in that takes Google's place.

    The file names the address, and our workers post to it: anything else could be a place inside our network.
    """
    endpoint = settings.firebase_endpoint
    if (urlsplit(endpoint).hostname or "").endswith(".googleapis.com"):
        return frozenset({GOOGLE_TOKEN_URI})
    return frozenset({GOOGLE_TOKEN_URI, f"{endpoint}/token"})


def check(document: Mapping[str, Any], *, token_uris: Collection[str]) -> dict[str, Any]:
    """Return what is kept of a service account's file; raise InvalidError naming everything wrong in it."""
    wrong = {
        "type": document.get("type") != "service_account" and "must be `service_account`",
        "project_id": not _fits(_PROJECT, document.get("project_id")) and "is not a Firebase project's id",
        "client_email": not _fits(_EMAIL, document.get("client_email")) and "is not a service account's address",
        "token_uri": document.get("token_uri") not in token_uris and f"must be {GOOGLE_TOKEN_URI}",
        "private_key": _wrong_key(document.get("private_key")),
    }
    errors = [{"pointer": f"#/{name}", "detail": problem} for name, problem in wrong.items() if problem]
    if errors:
        raise InvalidError("This is not the JSON file of a Firebase service account.", errors=errors)
    return {name: document[name] for name in KEPT if name in document}


def put(session: Session, keyring: Keyring, *, account: Mapping[str, Any]) -> PushCredential:
    """Keep a checked account, in the place of the one before; workers use it within a minute."""
    program_id = session.program
    values = {
        "project": account["project_id"],
        "client_email": account["client_email"],
        "sealed": keyring.seal(json.dumps(dict(account)).encode(), context=context_of(program_id)),
        "updated_at": clock.now(),
    }
    session.execute(
        insert(PushCredential)
        .values(program_id=program_id, **values)
        .on_conflict_do_update(index_elements=["program_id"], set_=values)
    )
    return get(session)


def get(session: Session) -> PushCredential:
    """Return the programme's credential; raise NotFoundError when it uses the installation's."""
    row = session.scalars(select(PushCredential).execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotFoundError("This programme has no Firebase project of its own.")
    return row


def remove(session: Session) -> None:
    """Forget the credential: the programme uses the installation's again. Raises NotFoundError."""
    row = get(session)
    session.execute(delete(PushCredential).where(PushCredential.program_id == row.program_id))
    session.expunge(row)


def find(session: Session, program_id: UUID) -> PushCredential | None:
    """Return a programme's credential, None without one. The worker role's session."""
    return session.scalars(select(PushCredential).where(PushCredential.program_id == program_id)).one_or_none()


def unseal(keyring: Keyring, row: PushCredential) -> dict[str, Any]:
    """Return the account; raise cryptography's InvalidTag where it was changed, moved, or sealed with another key."""
    opened = keyring.unseal(row.sealed, context=context_of(row.program_id))
    account: dict[str, Any] = json.loads(opened)
    return account


def context_of(program_id: UUID) -> bytes:
    """Return what a programme's service account is bound to at rest."""
    return b"push credential " + program_id.bytes


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
