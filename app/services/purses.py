"""Use cases of purses: the kinds of balance that a programme keeps for its members."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from app import clock, ids
from app.db import Session
from app.errors import ConflictError, InvalidError, NotFoundError
from app.models import Account, Purse
from app.services import config_versions, expiry, references


class PurseCodeTakenError(ConflictError):
    """Another purse of the programme has, or had, this code."""

    slug = "purse-code-taken"
    title = "Another purse has this code"


class PurseNotEmptyError(ConflictError):
    """Members hold a balance in the purse, owe one, or wait for one."""

    slug = "purse-not-empty"
    title = "Members hold balances in this purse"


def create(session: Session, *, code: str, name: str, kind: str, **values: Any) -> Purse:
    """Open a purse; raise InvalidError or PurseCodeTakenError.

    `values` are further columns. A stamps purse takes `goal` and `reward_id` together, here or later.
    """
    config_versions.grow(session)
    if "expiry" in values:
        values["expiry"] = expiry.checked(values["expiry"])
    purse = Purse(code=code, name=name, kind=kind, **values)
    _check(session, purse)
    _write(session, purse)
    return purse


def get(session: Session, purse_id: UUID) -> Purse:
    """Return the purse, also one that is archived; raise NotFoundError."""
    query = select(Purse).where(Purse.id == purse_id).execution_options(populate_existing=True)
    purse = session.scalars(query).one_or_none()
    if purse is None:
        raise NotFoundError("No such purse in this programme.", purse=ids.show("purse", purse_id))
    return purse


def hold(session: Session, purse_id: UUID) -> Purse:
    """Return an open purse, to be changed by nobody else until the transaction ends; raise NotFoundError."""
    config_versions.grow(session)
    purse = get(session, purse_id)
    if purse.archived_at is not None:
        raise NotFoundError("This purse is archived.", purse=ids.show("purse", purse_id))
    return purse


def page(session: Session, *, limit: int, after: UUID | None = None) -> list[Purse]:
    """Return up to `limit` + 1 open purses, oldest first, behind `after`."""
    query = select(Purse).where(Purse.archived_at.is_(None)).order_by(Purse.id).limit(limit + 1)
    if after is not None:
        query = query.where(Purse.id > after)
    return list(session.scalars(query))


def change(session: Session, purse: Purse, *, values: Mapping[str, Any]) -> Purse:
    """Set the given columns of a held purse; what was earned before keeps the expiry that it was given.

    Raises InvalidError, and PurseCodeTakenError.
    """
    values = dict(values)
    if "expiry" in values:
        values["expiry"] = expiry.checked(values["expiry"])
    for fixed in ("kind", "partner_id"):
        if values.get(fixed, getattr(purse, fixed)) != getattr(purse, fixed):
            detail = "A purse keeps it: what members hold was earned in it. Open another purse."
            raise InvalidError(detail, errors=[{"pointer": f"#/{fixed}", "detail": detail}])
    with session.no_autoflush:
        for name, value in values.items():
            setattr(purse, name, value)
        _check(session, purse)
    _write(session, purse)
    return purse


def archive(session: Session, purse: Purse) -> None:
    """Close a held purse; raise PurseNotEmptyError, or StillUsedError while rewards or published rules name it."""
    held = or_(Account.balance != 0, Account.pending != 0, Account.debt != 0, Account.held != 0)
    if session.scalars(select(Account.id).where(Account.purse_id == purse.id, held).limit(1)).first() is not None:
        raise PurseNotEmptyError("Let the balances be used, or correct them, before you archive the purse.")
    references.refuse_if_used(session, "purse", purse.id)
    purse.archived_at = clock.now()


def _check(session: Session, purse: Purse) -> None:
    if purse.kind != "stamps" and (purse.goal is not None or purse.reward_id is not None):
        field = "goal" if purse.goal is not None else "reward_id"
        raise _invalid(field, "Only a stamps purse is a card that fills.")
    if (purse.goal is None) != (purse.reward_id is None):
        field = "goal" if purse.goal is None else "reward_id"
        raise _invalid(field, "A stamp card that fills needs both: `goal` and the `reward_id` that it then gives.")
    wanted: list[references.Reference] = []
    if purse.reward_id is not None:
        wanted.append(("#/reward_id", "reward", purse.reward_id))
    if purse.partner_id is not None:
        wanted.append(("#/partner_id", "partner", purse.partner_id))
    references.check(session, wanted)


def _invalid(field: str, detail: str) -> InvalidError:
    return InvalidError(detail, errors=[{"pointer": f"#/{field}", "detail": detail}])


def _write(session: Session, purse: Purse) -> None:
    try:
        with session.begin_nested():
            session.add(purse)
            session.flush()
    except IntegrityError as error:
        if "uq_purse_program_id_code" not in str(error.orig):
            raise
        at = [{"pointer": "#/code", "detail": "Is taken, perhaps by a purse that is archived."}]
        raise PurseCodeTakenError("Choose another code.", errors=at) from None
