"""Use cases of rewards: the programme's catalogue."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app import clock, ids
from app.db import Session
from app.errors import NotFoundError, invalid_field
from app.models import Program, Purse, Reward
from app.rewards import catalogue
from app.services import config_versions, references


def create(session: Session, *, name: str, kind: str, value: object = None, **values: Any) -> Reward:
    """Put a reward into the catalogue; raise InvalidError. `values` are further columns."""
    config_versions.grow(session)
    reward = Reward(name=name, kind=kind, value={}, **values)
    _check(session, reward, value)
    session.add(reward)
    session.flush()
    return reward


def get(session: Session, reward_id: UUID) -> Reward:
    """Return the reward, also one that is archived; raise NotFoundError."""
    query = select(Reward).where(Reward.id == reward_id).execution_options(populate_existing=True)
    reward = session.scalars(query).one_or_none()
    if reward is None:
        raise NotFoundError("No such reward in this programme.", reward=ids.show("reward", reward_id))
    return reward


def hold(session: Session, reward_id: UUID) -> Reward:
    """Return a reward of the catalogue, to be changed by nobody else until the transaction ends.

    Raises NotFoundError, also for one that is archived.
    """
    config_versions.grow(session)
    reward = get(session, reward_id)
    if reward.status == "archived":
        raise NotFoundError("This reward is archived.", reward=ids.show("reward", reward_id))
    return reward


def page(session: Session, *, limit: int, after: UUID | None = None, status: str | None = None) -> list[Reward]:
    """Return up to `limit` + 1 rewards of the catalogue (or of one status), oldest first, behind `after`."""
    query = select(Reward).order_by(Reward.id).limit(limit + 1)
    query = query.where(Reward.status == status) if status else query.where(Reward.status != "archived")
    if after is not None:
        query = query.where(Reward.id > after)
    return list(session.scalars(query))


def change(session: Session, reward: Reward, *, values: Mapping[str, Any]) -> Reward:
    """Set the given columns of a held reward; vouchers that were issued stay as they are. Raises InvalidError.

    A new `kind` comes with its `value`. `stock` is set, not added to.
    """
    values = dict(values)
    value = values.pop("value", None if "kind" in values else reward.value)
    with session.no_autoflush:
        for name, given in values.items():
            setattr(reward, name, given)
        _check(session, reward, value)
    reward.updated_at = clock.now()
    session.flush()
    return reward


def archive(session: Session, reward: Reward) -> None:
    """Take a held reward out of the catalogue; what members received is still honoured.

    Raises StillUsedError while a stamp card or a published rule gives it.
    """
    references.refuse_if_used(session, "reward", reward.id)
    reward.status = "archived"
    reward.updated_at = clock.now()


def _check(session: Session, reward: Reward, value: object) -> None:
    gives = catalogue.load_value(reward.kind, value)
    reward.value = catalogue.dump_value(gives)
    if reward.price and reward.purse_id is None:
        raise invalid_field("#/purse_id", "A price is in a purse: name it.")
    wanted: list[references.Reference] = [
        (f"#/value/{kind}_id", kind, id_) for kind, id_ in sorted(catalogue.references(gives))
    ]
    if reward.purse_id is not None:
        wanted.append(("#/purse_id", "purse", reward.purse_id))
    if reward.partner_id is not None:
        wanted.append(("#/partner_id", "partner", reward.partner_id))
    references.check(session, wanted)
    if reward.kind == "cash":
        _check_cash(session, reward)
    if reward.kind == "amount_off":
        currency = session.scalars(select(Program.currency).where(Program.id == session.program)).one()
        if reward.value["currency"] != currency:
            raise invalid_field("#/value/currency", f"The programme's currency is {currency}.")


def _check_cash(session: Session, reward: Reward) -> None:
    into = ids.parse("purse", reward.value["purse_id"])
    if session.scalars(select(Purse.kind).where(Purse.id == into)).one() != "money":
        raise invalid_field("#/value/purse_id", "Cash goes into a money purse.")
