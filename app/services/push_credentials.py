"""Use cases of push credentials: a programme's own Firebase project, its service account sealed at rest."""

import json
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.config import Settings
from app.crypto import Keyring
from app.db import Session
from app.errors import InvalidError, NotFoundError
from app.models import PushCredential
from app.services import service_accounts


def token_uris(settings: Settings) -> frozenset[str]:
    """Return where an account may fetch its tokens: at Google's, or at the stand-in that takes Google's place."""
    endpoint = settings.firebase_endpoint
    if service_accounts.is_googles(endpoint):
        return frozenset({service_accounts.TOKEN_URI})
    return frozenset({service_accounts.TOKEN_URI, f"{endpoint}/token"})


def check(document: Mapping[str, Any], *, token_uris: Collection[str]) -> dict[str, Any]:
    """Return what is kept of a service account's file; raise InvalidError naming everything wrong in it."""
    wrong = service_accounts.faults(document, token_uris=token_uris, project="Firebase project")
    errors = [{"pointer": f"#/{name}", "detail": problem} for name, problem in wrong.items()]
    if errors:
        raise InvalidError("This is not the JSON file of a Firebase service account.", errors=errors)
    return service_accounts.kept(document)


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
