"""What a member would read of a campaign, its texts filled, by variant and language; what would be skipped, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from app import ids
from app.db import Session
from app.errors import invalid_field
from app.models import Campaign, Member, Program, Reward
from app.offers import contents, splitting, templates
from app.services import member_values, programs, reachability, segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Whom a preview is for, with the values of every language; `member` is None for one who is made up."""

    member: Member | None
    values: Mapping[str, Mapping[str, str]]
    locales: tuple[str | None, ...]


def preview(session: Session, campaign: Campaign, *, member_id: UUID | None = None) -> dict[str, Any]:
    """Return the texts as `member_id`, or somebody made up, would read them, and by which channels.

    Each text of each variant and step is shown in every language; `locale` is the one that this member would get, and
    `defaults` are the names that had no value. Nothing is written. Raises InvalidError for a member who is not there.
    """
    program = programs.get(session)
    member = _member(session, member_id)
    definition = campaign.definition
    reader = _reader(session, program, definition, member)
    shown: dict[str, Any] = {
        "locale": reader.locales[0],
        "variants": [_variant(one, reader) for one in definition.get("variants", [])],
        "steps": [
            {"wait_seconds": step["wait_seconds"], "variants": [_variant(one, reader) for one in step["variants"]]}
            for step in definition.get("steps", [])
        ],
        "channels": _channels(session, definition, member),
    }
    return shown | ({} if member is None else _place(session, campaign, member))


def _member(session: Session, member_id: UUID | None) -> Member | None:
    if member_id is None:
        return None
    member = session.scalars(select(Member).where(Member.id == member_id)).one_or_none()
    if member is None:
        raise invalid_field("#/member_id", "No such member in this programme.")
    return member


def _reader(session: Session, program: Program, definition: Mapping[str, Any], member: Member | None) -> Reader:
    locales = {locale for one in _variants(definition) for locale in one["content"]}
    if member is None:
        reward = _reward_name(session, definition.get("reward_id"))
        made_up = member_values.MADE_UP | {"program": program.name} | ({"reward": reward} if reward else {})
        return Reader(member=None, values=dict.fromkeys(locales, made_up), locales=(program.locale,))
    called = _app_names(session, member)
    values = {
        locale: called
        | member_values.of_members(
            session, program, [member], names=templates.NAMES, locale=locale, reward_id=definition.get("reward_id")
        )[member.id]
        for locale in locales
    }
    # As those who send do: what the member's own row says, else the app, else the programme.
    spoken = member.locale or session.scalar(select(func.member_app_locale(member.customer_id))) or program.locale
    return Reader(member=member, values=values, locales=(spoken, program.locale))


def _app_names(session: Session, member: Member) -> dict[str, str]:
    """Return what the member is called in the app, by which those who send call whom the programme has no name of."""
    named = func.member_app_names(member.customer_id).table_valued("first_name", "last_name")
    row = session.execute(select(named.c.first_name, named.c.last_name)).one_or_none()
    first, last = row or (None, None)
    return {name: value for name, value in (("first_name", first), ("last_name", last)) if value}


def _reward_name(session: Session, reward_id: str | None) -> str | None:
    if reward_id is None:
        return None
    return session.scalars(select(Reward.name).where(Reward.id == ids.parse("reward", reward_id))).one_or_none()


def _variants(definition: Mapping[str, Any]) -> list[dict[str, Any]]:
    steps = [one for step in definition.get("steps", []) for one in step["variants"]]
    return [*definition.get("variants", []), *steps]


def _variant(variant: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    chosen, _words = contents.choose(variant["content"], reader.locales)
    texts = {locale: _text(words, reader.values[locale]) for locale, words in variant["content"].items()}
    return {"name": variant["name"], "locale": chosen, "content": texts}


def _text(words: Mapping[str, str], values: Mapping[str, str]) -> dict[str, Any]:
    filled = {name: templates.compile_text(words[name]) for name in ("title", "body")}
    asked = frozenset[str]().union(*(template.names for template in filled.values()))
    return {
        **words,
        **{name: template.render(values) for name, template in filled.items()},
        "defaults": sorted(name for name in asked if not values.get(name)),
    }


def _channels(session: Session, definition: Mapping[str, Any], member: Member | None) -> list[dict[str, Any]]:
    channels = definition.get("channels", [])
    if member is None:
        return [{"channel": channel, "reached": True} for channel in channels]
    reasons = _reasons(session, member, channels, str(definition.get("purpose", "offers")))
    found: list[dict[str, Any]] = []
    for channel, why_not in reasons.items():
        by_another = definition.get("fallback") and any(one["reached"] for one in found)
        reason = "by_another" if why_not is None and by_another else why_not
        found.append({"channel": channel, "reached": reason is None} | ({} if reason is None else {"reason": reason}))
    return found


def _reasons(session: Session, member: Member, channels: Sequence[str], purpose: str) -> dict[str, str | None]:
    """Return for each channel why it does not reach a member, None where it does."""
    context = segments.context_of(session)
    asked = [reachability.why_not(context, channel, purpose=purpose).label(channel) for channel in channels]
    row = session.execute(select(Member.id, *asked).where(Member.id == member.id)).one()
    return dict(zip(channels, row[1:], strict=True))


def _place(session: Session, campaign: Campaign, member: Member) -> dict[str, Any]:
    """Return whether the member is in the audience, and which part of the split is theirs."""
    definition = campaign.definition
    clause = segments.audience(session, definition.get("audience", {}))
    with segments.in_time():
        inside = session.scalars(select(Member.id).where(Member.id == member.id, clause)).one_or_none() is not None
    held_out = splitting.held_out(campaign.id, member.id, definition.get("holdout_percent", 0))
    variant = splitting.variant(campaign.id, member.id, definition.get("variants", []))
    winner = definition.get("winner")
    waits = winner is not None and not splitting.in_test(campaign.id, member.id, winner["test_percent"])
    return {
        "member_id": member.id, "in_audience": inside, "held_out": held_out,
        "variant": None if held_out or waits else variant,
    }  # fmt: skip
