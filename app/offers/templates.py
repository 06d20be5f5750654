"""The sandbox of a campaign's texts: `{{ first_name | "friend" }}` and nothing more.

A placeholder is one name of a closed list and, behind a bar, what stands in its place for a member who has none. There
are no attributes, calls, loops or filters to reach for: a text is cut once, at placeholders, and values are data that
are never cut again. A value loses its braces, and its control characters become spaces, so that a member named
`{{ card_number }}` stays a name and a name with a line feed adds no line to an e-mail's header.
"""

import functools
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import InvalidError

NAMES = frozenset({
    "first_name", "last_name", "program", "points", "stamps", "money", "tier", "card_number", "reward",
    "voucher_code", "voucher_until", "unsubscribe_url",
})  # fmt: skip
"""What a text may name; whoever renders gives what it knows of them."""

TEXT_MAX = 20_000
"""Characters in one text, before it is rendered."""
PLACEHOLDERS_MAX = 50
DEFAULT_MAX = 100
VALUE_MAX = 2_000
"""A value is cut here, whatever a member's fields hold."""

_OPENINGS = re.compile(r"\{\{|\{%|\{#|\}\}|%\}|#\}")
_PLACEHOLDER = re.compile(
    r"(?<!\{)\{\{[ \t]*(?P<name>[A-Za-z_][A-Za-z0-9_]{0,39})[ \t]*"
    r"(?:\|[ \t]*(?:\"(?P<double>[^\"{}]*)\"|'(?P<single>[^'{}]*)')[ \t]*)?\}\}(?!\})"
)
_UNPRINTED = re.compile("[\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]")
_NOT_TEXT = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ud800-\udfff]")
_WITHOUT_BRACES = str.maketrans("", "", "{}")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A name, and what stands there when its value is absent or empty."""

    name: str
    default: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text that was cut at its placeholders."""

    parts: tuple[str | Placeholder, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names that the text asks for."""
        return frozenset(part.name for part in self.parts if isinstance(part, Placeholder))

    def render(self, values: Mapping[str, str]) -> str:
        """Return the text with these values; a name without one gives its default, or nothing."""
        return "".join(part if isinstance(part, str) else _shown(part, values) for part in self.parts)

    def render_html(self, values: Mapping[str, str]) -> str:
        """Return the text as HTML: what the marketer wrote and what a member is called are escaped alike."""
        return html.escape(self.render(values))


def _shown(place: Placeholder, values: Mapping[str, str]) -> str:
    return clean(values.get(place.name) or "") or place.default


def clean(value: str) -> str:
    """Return a value as it may stand in a text: one line, without braces, of bounded length."""
    if value.isalnum() and len(value) <= VALUE_MAX:
        return value  # most are a name of one word, and there are thousands a second
    return _UNPRINTED.sub(" ", value[:VALUE_MAX]).translate(_WITHOUT_BRACES).strip()


def check(text: str, locale: str | None = None) -> None:
    """Raise InvalidError that says what is wrong with a text, in which language."""
    found = faults(text)
    if found:
        where = f" ({locale})" if locale else ""
        raise InvalidError(f"The text{where} {found[0]}.")


def faults(text: str) -> list[str]:
    """Return what is wrong with a text, each as the end of a sentence; an empty list when it can be rendered."""
    if len(text) > TEXT_MAX:
        return [f"must have at most {TEXT_MAX:,} characters"]
    if _NOT_TEXT.search(text):
        return ["must have no control characters but tab and line feed, and be valid Unicode"]
    if "{" not in text and "}" not in text:
        return []
    found: list[str] = []
    places = list(_PLACEHOLDER.finditer(text))
    if len(places) > PLACEHOLDERS_MAX:
        found.append(f"must have at most {PLACEHOLDERS_MAX} placeholders")
    for place in places:
        if place["name"] not in NAMES:
            found.append(f"names `{place['name']}`; it may name {', '.join(sorted(NAMES))}")
        if len(_default(place)) > DEFAULT_MAX:
            found.append(f"has a default of more than {DEFAULT_MAX} characters for `{place['name']}`")
    left = _OPENINGS.search(_PLACEHOLDER.sub("\0", text))
    if left is not None:
        near = left.group()
        found.append(
            f'has `{near}` that is no placeholder: write {{{{ first_name }}}} or {{{{ first_name | "friend" }}}}'
        )
    return found


def _default(place: re.Match[str]) -> str:
    return str(place["double"] or place["single"] or "")


@functools.lru_cache(maxsize=2048)
def compile_text(text: str) -> Template:
    """Return a checked text, cut; raise InvalidError where `check` would."""
    check(text)
    parts: list[str | Placeholder] = []
    end = 0
    for place in _PLACEHOLDER.finditer(text):
        parts += [text[end : place.start()], Placeholder(place["name"], clean(_default(place)))]
        end = place.end()
    parts.append(text[end:])
    return Template(tuple(part for part in parts if part))
