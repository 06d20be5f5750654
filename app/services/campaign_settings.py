"""A programme's own rules for its campaigns: when a second person approves, how often and when members are written to.

They are kept in `program.campaign_settings`; the engine reads caps and quiet hours there with each run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app import parameters
from app.db import Session
from app.errors import InvalidError
from app.models import Program
from app.offers.parts import Caps, Hours
from app.parameters import Errors, Parameters, about
from app.services import contacts, programs

APPROVAL_ABOVE = 1000
"""Recipients above which a second person approves, unless the programme says otherwise."""
CAPPED_CHANNELS = ("push", "email", "wallet", "console")
_FIELDS = ("approval_above", "caps", "quiet_hours", "sender")


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold(Parameters):
    """When a second person approves."""

    approval_above: int | None = field(
        default=None,
        metadata=about("Recipients above which a second person approves.", minimum=0, maximum=1_000_000_000),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender(Parameters):
    """Who e-mails come from."""

    name: str | None = field(default=None, metadata=about("What recipients see.", example="Café Assidu"))
    address: str | None = field(default=None, metadata=about("The address they come from.", example="hi@cafe.example"))
    reply_to: str | None = field(default=None, metadata=about("Where answers go.", example="owner@cafe.example"))


PARTS: dict[str, type[Parameters]] = {"quiet_hours": Hours, "sender": Sender}


def get(session: Session) -> dict[str, Any]:
    """Return the programme's settings; `approval_above` is None where nobody has to approve."""
    return shown(programs.get(session))


def shown(program: Program) -> dict[str, Any]:
    """Return a programme's settings with what holds where nothing was said."""
    return {**program.campaign_settings, "approval_above": approval_above(program)}


def approval_above(program: Program) -> int | None:
    """Return above how many recipients a second person approves; None for never."""
    above: int | None = program.campaign_settings.get("approval_above", APPROVAL_ABOVE)
    return above


def change(program: Program, *, values: Mapping[str, Any]) -> dict[str, Any]:
    """Set the given settings of a held programme and return them all; None takes one away. Raises InvalidError.

    `approval_above: None` is said aloud: no second person from now on. `caps` is merged by channel.
    """
    errors: Errors = []
    known = dict(program.campaign_settings)
    for name in values:
        if name not in _FIELDS:
            errors.append({"pointer": f"#/{parameters.escape(name)}", "detail": "is not a known field"})
    if "approval_above" in values:
        parameters.read(Threshold, {"approval_above": values["approval_above"]}, "#", errors)
        known["approval_above"] = values["approval_above"]
    for name, part in PARTS.items():
        if name in values:
            _put(known, name, _part(part, values[name], name, errors))
    if "caps" in values:
        _put(known, "caps", _caps(known.get("caps", {}), values["caps"], errors))
    parameters.refuse(errors)
    program.campaign_settings = known
    return shown(program)


def _put(known: dict[str, Any], name: str, value: dict[str, Any] | None) -> None:
    if value:
        known[name] = value
    else:
        known.pop(name, None)


def _part(part: type[Parameters], raw: object, name: str, errors: Errors) -> dict[str, Any] | None:
    if raw is None:
        return None
    read = parameters.read(part, raw, f"#/{name}", errors)
    if isinstance(read, Sender):
        read = _sender(read, errors)
    return parameters.dump(read) if read is not None else None


def _sender(read: Sender, errors: Errors) -> Sender:
    checked: dict[str, str | None] = {}
    for name in ("address", "reply_to"):
        given = getattr(read, name)
        try:
            checked[name] = contacts.email(given, f"#/sender/{name}") if given is not None else None
        except InvalidError as error:
            errors += error.errors
    if read.name is not None and not read.name.isprintable():
        errors.append({"pointer": "#/sender/name", "detail": "must have no control characters"})
    return Sender(name=read.name, **checked)


def _caps(known: Mapping[str, Any], raw: object, errors: Errors) -> dict[str, Any] | None:
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        errors.append({"pointer": "#/caps", "detail": "must hold a cap for each channel"})
        return None
    merged = dict(known)
    for channel, cap in raw.items():
        place = f"#/caps/{parameters.escape(str(channel))}"
        if channel not in CAPPED_CHANNELS:
            errors.append({"pointer": place, "detail": f"must be one of {', '.join(CAPPED_CHANNELS)}"})
        elif cap is None:
            merged.pop(channel, None)
        else:
            read = parameters.read(Caps, cap, place, errors)
            merged[channel] = parameters.dump(read) if read is not None else None
    return merged
