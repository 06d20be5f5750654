"""A programme's set-up, read once and remembered by the process: what scans ask instead of the database.

    load(session) -> ProgramConfig                    five queries
    ConfigCache(database).get(program_id, version)    remembered; a dictionary look-up when `version` is current

`version` is `program.config_version`, which `app.services.config_versions.grow` raises with every change of set-up: a
caller that reads it beside what it needs anyway sees each change at once. Without it, what is remembered may be
`AGE_SECONDS` old. Archived purses, stores and rewards are in their maps, marked: what they gave is still taken back.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from app import clock
from app.db import Database, Session
from app.errors import NotFoundError
from app.models import Program, Purse, Reward, Rule, RuleVersion, Store
from app.money import Rounding
from app.rewards.catalogue import RewardValue, load_value
from app.rules.drafts import load_rule
from app.rules.engine import RuleSet, compile_rules
from app.rules.facts import PurseFacts, PurseKind

AGE_SECONDS = 5
PROGRAMS_MAX = 1000
_STRIPES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseConfig:
    """A purse. `expiry` is the checked policy as it is stored; `facts` is what the rules' engine is given."""

    id: UUID
    code: str
    name: str
    kind: PurseKind
    goal: int | None
    reward_id: UUID | None
    partner_id: UUID | None
    rounding: Rounding
    expiry: Mapping[str, Any]
    on_clawback: str
    hold_days: int
    locales: Mapping[str, Any]
    archived: bool
    facts: PurseFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """A place, and whose it is."""

    id: UUID
    name: str
    partner_id: UUID
    archived: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardConfig:
    """A reward. `stock` is not here, since it changes with each redemption; `gives` is `value`, loaded."""

    id: UUID
    name: str
    kind: str
    purse_id: UUID | None
    price: int
    value: Mapping[str, Any]
    gives: RewardValue
    counted: bool
    """Whether the reward has a stock that a redemption must take from."""
    per_member: int | None
    valid_days: int | None
    min_tier: str | None
    partner_id: UUID | None
    locales: Mapping[str, Any]
    status: str

    def name_in(self, locale: str | None) -> str:
        """Return the name in the language of `locale` (`fr`, `fr-CA`), or the reward's own."""
        for tag in (locale or "", (locale or "").partition("-")[0]):
            if (found := self.locales.get(tag, {}).get("name")) is not None:
                return str(found)
        return self.name


@dataclass(frozen=True, slots=True)
class PurseText:
    """What the JSON of an account says of its purse: `before` the balance and `after` it."""

    before: str
    after: str
    archived: bool


@dataclass(frozen=True, slots=True)
class ProgramText:
    """The JSON of a programme, and its purses by the text of their id, in one language."""

    program: str
    purses: Mapping[str, PurseText]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramConfig:
    """A programme's set-up at one `config_version`; immutable, shared between threads."""

    program_id: UUID
    config_version: int
    name: str
    slug: str
    brand: Mapping[str, Any]
    currency: str
    zone: ZoneInfo
    locale: str
    redeem_with: str
    redemptions_frozen: bool
    purses: Mapping[UUID, PurseConfig]
    stores: Mapping[UUID, StoreConfig]
    rewards: Mapping[UUID, RewardConfig]
    ruleset: RuleSet
    purse_facts: Mapping[UUID, PurseFacts]
    """What `ruleset.evaluate` wants of every purse."""
    texts: dict[str, ProgramText] = field(default_factory=dict, compare=False, repr=False)
    """What `app.services.card_texts` made of this set-up, by language."""


def load(session: Session) -> ProgramConfig:
    """Return the set-up of the session's programme as it is now; raise NotFoundError when there is none."""
    # The version is read first: a change that commits between these queries is read again with the next version.
    program = session.scalars(
        select(Program).where(Program.id == session.program).execution_options(populate_existing=True)
    ).one_or_none()
    if program is None:
        raise NotFoundError("No such programme.")
    purses = {row.id: _purse(row) for row in session.scalars(select(Purse).order_by(Purse.id))}
    return ProgramConfig(
        program_id=program.id,
        config_version=program.config_version,
        name=program.name,
        slug=program.slug,
        brand=program.brand,
        currency=program.currency,
        zone=ZoneInfo(program.timezone),
        locale=program.locale,
        redeem_with=program.redeem_with,
        redemptions_frozen=program.redemptions_frozen_at is not None,
        purses=purses,
        stores={row.id: _store(row) for row in session.scalars(select(Store).order_by(Store.id))},
        rewards={row.id: _reward(row) for row in session.scalars(select(Reward).order_by(Reward.id))},
        ruleset=_live_rules(session),
        purse_facts={purse.id: purse.facts for purse in purses.values()},
    )


def ruleset_of(session: Session, version_ids: Iterable[UUID]) -> RuleSet:
    """Return the rules as these versions say them, whatever their rules say now: what a refund is computed from."""
    query = select(RuleVersion).where(RuleVersion.id.in_(list(version_ids)))
    return _compiled(session.scalars(query))


def _live_rules(session: Session) -> RuleSet:
    query = select(RuleVersion).join(Rule, Rule.version_id == RuleVersion.id).where(Rule.status == "live")
    return _compiled(session.scalars(query))


def _compiled(versions: Iterable[RuleVersion]) -> RuleSet:
    drafts = [load_rule(row.definition, rule_id=row.rule_id, version_id=row.id) for row in versions]
    return compile_rules(drafts, only_live=False)


def _purse(row: Purse) -> PurseConfig:
    kind = cast("PurseKind", row.kind)
    rounding = Rounding(row.rounding)
    return PurseConfig(
        id=row.id,
        code=row.code,
        name=row.name,
        kind=kind,
        goal=row.goal,
        reward_id=row.reward_id,
        partner_id=row.partner_id,
        rounding=rounding,
        expiry=row.expiry,
        on_clawback=row.on_clawback,
        hold_days=row.hold_days,
        locales=row.locales,
        archived=row.archived_at is not None,
        facts=PurseFacts(id=row.id, kind=kind, rounding=rounding),
    )


def _store(row: Store) -> StoreConfig:
    return StoreConfig(id=row.id, name=row.name, partner_id=row.partner_id, archived=row.archived_at is not None)


def _reward(row: Reward) -> RewardConfig:
    return RewardConfig(
        id=row.id,
        name=row.name,
        kind=row.kind,
        purse_id=row.purse_id,
        price=row.price,
        value=row.value,
        gives=load_value(row.kind, row.value),
        counted=row.stock is not None,
        per_member=row.per_member,
        valid_days=row.valid_days,
        min_tier=row.min_tier,
        partner_id=row.partner_id,
        locales=row.locales,
        status=row.status,
    )


@dataclass(frozen=True, slots=True)
class _Remembered:
    config: ProgramConfig
    read_at: datetime

    def is_young(self) -> bool:
        # A held clock may also jump back: then the age is negative and tells nothing.
        return 0 <= (clock.now() - self.read_at).total_seconds() < AGE_SECONDS


class ConfigCache:
    """The set-ups that this process remembers, of at most `programs_max` programmes. Safe between threads."""

    def __init__(self, database: Database, *, programs_max: int = PROGRAMS_MAX) -> None:
        self._database = database
        self._programs_max = programs_max
        self._remembered: dict[UUID, _Remembered] = {}
        self._writing = threading.Lock()
        # One thread reads a programme while the others who want it wait; stripes, so that the locks are bounded too.
        self._reading = tuple(threading.Lock() for _ in range(_STRIPES))

    def get(self, program_id: UUID, version: int | None = None) -> ProgramConfig:
        """Return the programme's set-up, read anew when it is not at `version`, or too old where that is None.

        Raises NotFoundError. Reading opens a transaction of its own: only what is committed is remembered.
        """
        found = self._remembered.get(program_id)
        if found is not None and found.config.config_version == version:
            return found.config
        if found is not None and _will_do(found, version):
            return found.config
        with self._reading[hash(program_id) % _STRIPES]:
            found = self._remembered.get(program_id)
            if found is not None and _will_do(found, version):
                return found.config
            return self._read(program_id)

    def known(self, program_id: UUID) -> ProgramConfig:
        """Return the programme's set-up as this process knows it, however old; read it where it knows none.

        For callers that compare `config_version` with what they read, and begin again where it is another.
        """
        found = self._remembered.get(program_id)
        return found.config if found is not None else self.get(program_id)

    def current(self, session: Session) -> ProgramConfig:
        """Return the set-up of the session's programme as its transaction sees it."""
        return self.get(session.program, session.scalar(select(Program.config_version)))

    def forget(self, program_id: UUID) -> None:
        """Read the programme's set-up anew when it is next asked for."""
        with self._writing:
            self._remembered.pop(program_id, None)

    def _read(self, program_id: UUID) -> ProgramConfig:
        read_at = clock.now()
        with self._database.transaction(program_id) as session:
            config = load(session)
        with self._writing:
            # Taken out first, so that the dictionary's order is the order of reading and the oldest goes.
            self._remembered.pop(program_id, None)
            while len(self._remembered) >= self._programs_max:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[program_id] = _Remembered(config, read_at)
        return config


def _will_do(found: _Remembered, version: int | None) -> bool:
    """Return whether what is remembered answers for `version`.

    A caller may hold a version that another thread has already passed: the newer set-up is the right one for it.
    """
    if found.config.config_version == version:
        return True
    return found.is_young() and (version is None or found.config.config_version > version)
