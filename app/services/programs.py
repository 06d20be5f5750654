"""Use cases of the programme itself: its name, brand, currency, zone and languages."""

import functools
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import clock
from app.db import Session
from app.errors import ConflictError, InvalidError, NotFoundError
from app.models import Entry, Program, Reward
from app.services import config_versions

SLUG = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
"""A label of a host name (RFC 1035 §2.3.1), in small letters."""
CURRENCY = "[A-Z]{3}"
"""The shape of an ISO 4217 code."""
LOCALE = "[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?"
"""Language, script, region: the part of BCP 47 (RFC 5646 §2.1) that pages and wallets are told."""
LOCALES_MAX = 20


class SlugTakenError(ConflictError):
    """Another programme has this slug; it stands in the addresses of join pages, so each is unique."""

    slug = "slug-taken"
    title = "Another programme has this slug"


class CurrencyInUseError(ConflictError):
    """Something was booked or is offered in the programme's currency, which then cannot change."""

    slug = "currency-in-use"
    title = "The currency is in use"


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def create(
    session: Session,
    *,
    name: str,
    slug: str,
    currency: str = "EUR",
    timezone: str = "Europe/Paris",
    locale: str = "fr",
    locales: Sequence[str] | None = None,
    brand: Mapping[str, Any] | None = None,
    redeem_with: str = "any",
) -> Program:
    """Open a programme in a session that was opened for its new id; raise InvalidError or SlugTakenError."""
    program = Program(
        id=session.program, name=name, slug=slug, currency=currency, timezone=timezone, locale=locale,
        locales=list(locales or [locale]), brand=dict(brand or {}), redeem_with=redeem_with,
    )  # fmt: skip
    _check(program)
    _write(session, program)
    return program


def get(session: Session) -> Program:
    """Return the session's programme; raise NotFoundError."""
    program = session.scalars(
        select(Program).where(Program.id == session.program).execution_options(populate_existing=True)
    ).one_or_none()
    if program is None:
        raise NotFoundError("No such programme.")
    return program


def hold(session: Session) -> Program:
    """Return the programme, to be changed by nobody else until the transaction ends."""
    config_versions.grow(session)
    return get(session)


def change(session: Session, program: Program, *, values: Mapping[str, Any]) -> Program:
    """Set the given fields of the held programme; `brand` is merged, None takes one of its parts away.

    `redemptions_frozen` stops vouchers and burning while earning goes on. Raises InvalidError, SlugTakenError, and
    CurrencyInUseError once anything was booked.
    """
    values = dict(values)
    if values.get("currency", program.currency) != program.currency:
        _refuse_currency(session)
    frozen = values.pop("redemptions_frozen", None)
    if frozen is not None and frozen != (program.redemptions_frozen_at is not None):
        program.redemptions_frozen_at = clock.now() if frozen else None
    if "brand" in values:
        values["brand"] = merged(program.brand, values["brand"])
    with session.no_autoflush:
        for name, value in values.items():
            setattr(program, name, value)
        _check(program)
    _write(session, program)
    return program


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return `old` with the parts of `new`; None takes a part away (RFC 7396, one level)."""
    return {key: value for key, value in {**old, **new}.items() if value is not None}


def _check(program: Program) -> None:
    errors: list[dict[str, str]] = []

    def need(holds: object, pointer: str, detail: str) -> None:
        if not holds:
            errors.append({"pointer": pointer, "detail": detail})

    need(re.fullmatch(SLUG, program.slug), "#/slug", "Small letters, digits and inner hyphens, at most 63.")
    need(re.fullmatch(CURRENCY, program.currency), "#/currency", "An ISO 4217 code, such as EUR.")
    need(program.timezone in _zones(), "#/timezone", "A zone of the IANA time zone database, such as Europe/Paris.")
    need(re.fullmatch(LOCALE, program.locale), "#/locale", "A language tag, such as fr or pt-BR.")
    for index, locale in enumerate(program.locales):
        need(re.fullmatch(LOCALE, locale), f"#/locales/{index}", "A language tag, such as fr or pt-BR.")
    need(1 <= len(program.locales) <= LOCALES_MAX, "#/locales", f"From 1 to {LOCALES_MAX} languages.")
    need(len(set(program.locales)) == len(program.locales), "#/locales", "Each language once.")
    need(program.locale in program.locales, "#/locale", "One of `locales`: name it there too.")
    if errors:
        raise InvalidError("Some fields are not valid; `errors` names each.", errors=errors)


def _refuse_currency(session: Session) -> None:
    if session.scalars(select(Entry.id).limit(1)).first() is not None:
        raise CurrencyInUseError("Amounts were booked in this currency: it stays. Open another programme.")
    priced = select(Reward.id).where(Reward.kind == "amount_off", Reward.status != "archived").limit(1)
    if session.scalars(priced).first() is not None:
        raise CurrencyInUseError("A reward takes an amount off in this currency: archive it first.")


def _write(session: Session, program: Program) -> None:
    # Other programmes' slugs are not ours to see: only the unique index knows them.
    try:
        with session.begin_nested():
            session.add(program)
            session.flush()
    except IntegrityError as error:
        if "uq_program_slug" not in str(error.orig):
            raise
        raise SlugTakenError("Choose another slug.", errors=[{"pointer": "#/slug", "detail": "Is taken."}]) from None
