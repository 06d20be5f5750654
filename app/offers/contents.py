"""Which language of a campaign's content a member reads."""

from collections.abc import Mapping, Sequence
from typing import Any


def choose(content: Mapping[str, dict[str, Any]], locales: Sequence[str | None]) -> tuple[str, dict[str, Any]]:
    """Return the content for the first of `locales` that has one, and its language tag.

    For each tag in turn: the same tag, then the same language in any region (`fr` serves `fr-CA`, and `fr-CA` serves
    `fr`); when none fits, the first content written. The caller names the member's own language first and the
    programme's last. RFC 4647 §3.4 (lookup), a step shorter. Raises LookupError for no content at all.
    """
    if not content:
        raise LookupError("there is no content to choose from")
    folded: dict[str, str] = {}
    by_language: dict[str, str] = {}
    for tag in content:
        folded.setdefault(tag.casefold(), tag)
        by_language.setdefault(_language(tag), tag)
    for locale in locales:
        if not locale:
            continue
        found = folded.get(locale.casefold()) or folded.get(_language(locale)) or by_language.get(_language(locale))
        if found is not None:
            return found, content[found]
    first = next(iter(content))
    return first, content[first]


def _language(tag: str) -> str:
    return tag.partition("-")[0].casefold()
