"""Every way to spoil one place of a body, read off its documentation: what a schema does not admit."""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = Any
HUGE = 10**400
_OF_TYPE: dict[str, list[Json]] = {
    "string": ["wrong"], "integer": [7], "boolean": [True], "array": [[]], "object": [{}], "null": [None],
}  # fmt: skip
_TEXTS = ["\x00", "a\x07b", "\x9b", "\ud800", "a\udfffb", "   "]
_INSTANTS = [
    "yesterday", "2026-11-22", "2026-11-22T10:00:00", "2026-13-41T25:61:61Z", "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+14:00", "٢٠٢٦-11-22T10:00:00Z", "1999-01-01T00:00:00Z", "2999-01-01T00:00:00Z",
]  # fmt: skip
_MONEY = [
    -1, 10**15 + 1, 1.5, HUGE, True, "1", None, [], {}, {"amount": 1}, {"amount": -1, "currency": "EUR"},
    {"amount": True, "currency": "EUR"}, {"amount": 1, "currency": "USD"}, {"amount": 1, "currency": "eur"},
    {"amount": 1, "currency": None}, {"amount": 1, "currency": "EUR", "more": 1}, {"amount": 1.5, "currency": "EUR"},
    {"amount": HUGE, "currency": "EUR"}, math.nan, math.inf, {"amount": math.nan, "currency": "EUR"},
]  # fmt: skip


@dataclass(frozen=True)
class Spoilt:
    """A body that is wrong in one place: a JSON pointer, and a word for what was done there."""

    pointer: str
    how: str
    body: Json


def spoil(body: Json, schema: dict[str, Any], components: dict[str, Any], foreign: dict[str, str]) -> Iterator[Spoilt]:
    """Yield bodies that are wrong in one place, for each place of `body` and of `schema`.

    `foreign` holds ids of another programme by their prefix.
    """
    for path, how, value in _wrong(body, schema, components, foreign, ()):
        spoilt = copy.deepcopy(body)
        yield Spoilt("#" + "".join(f"/{step}" for step in path), how, _put(spoilt, path, value))


_GONE = object()


def _put(body: Json, path: tuple[Any, ...], value: Json) -> Json:
    if not path:
        return value
    inner = body
    for step in path[:-1]:
        inner = inner[step]
    if value is _GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return body


_Found = Iterator[tuple[tuple[Any, ...], str, Json]]


def _wrong(value: Json, schema: dict[str, Any], components: dict[str, Any], foreign: dict[str, str], at: Any) -> _Found:
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    if "oneOf" in schema:
        yield from ((at, f"money {wrong!r:.40}", wrong) for wrong in _MONEY)
        return
    kind = schema["type"]
    for other, values in _OF_TYPE.items():
        if other != kind and not (other == "integer" and kind == "number"):
            yield from ((at, f"{other} for {kind}", wrong) for wrong in values)
    if kind == "object":
        yield from _wrong_object(value, schema, components, foreign, at)
    elif kind == "array":
        yield at, "too long", value * (schema["maxItems"] + 1)
        if schema.get("minItems"):
            yield at, "empty", []
        yield from _wrong(value[0], schema["items"], components, foreign, (*at, 0))
    else:
        yield from ((at, f"{wrong!r:.40}", wrong) for wrong in _wrong_plain(schema, foreign))


def _wrong_object(value: Json, schema: dict[str, Any], components: dict[str, Any], foreign: Any, at: Any) -> _Found:
    if "properties" not in schema:
        yield at, "too many", {str(place): "x" for place in range(schema["maxProperties"] + 1)}
        yield from ((at, f"under {name!r:.20}", {name: "x"}) for name in ("", "x" * 41, "\x00", "\ud800"))
        yield from ((at, f"holding {wrong!r:.20}", {"a": wrong}) for wrong in (None, 1, "", "x" * 401, "\x00", {}, []))
        return
    yield (*at, "surprise"), "unknown", 1
    for name, inner in schema["properties"].items():
        if name in value:
            if name in schema.get("required", ()):
                yield (*at, name), "missing", _GONE
            yield from _wrong(value[name], inner, components, foreign, (*at, name))
        elif "type" in inner:
            yield (*at, name), "null", None


def _wrong_plain(schema: dict[str, Any], foreign: dict[str, str]) -> list[Json]:
    if schema["type"] == "integer":
        low, high = schema["minimum"], schema["maximum"]
        return [low - 1, high + 1, HUGE, -HUGE, 1.5, 1e300, math.nan, math.inf, -math.inf, "1"]
    if schema["type"] != "string":
        return ["true", 1, 0]
    if schema.get("format") == "date-time":
        return list(_INSTANTS)
    pattern = schema.get("pattern", "")
    if pattern.endswith("[0-9a-f]{32}$"):
        return _wrong_ids(pattern[1:4], foreign)
    return ["", "x" * (schema.get("maxLength", 40) + 1), *_TEXTS]


def _wrong_ids(prefix: str, foreign: dict[str, str]) -> list[Json]:
    digits = foreign[prefix].partition("_")[2]
    return [
        "", prefix, f"{prefix}_", f"zzz_{digits}", f"{prefix}_{digits[:-1]}", f"{prefix}_{digits}0", digits,
        f"{prefix}_{digits.upper()}", f"{prefix.upper()}_{digits}", f"{prefix}_{'g' * 32}", f"{prefix}_{'٣' * 32}",
        f"{prefix}_{digits}\x00", f"{prefix}_{digits}\n", f" {prefix}_{digits}", f"{prefix}_\ud800", foreign[prefix],
        f"{prefix}_{'0' * 32}", f"{prefix}_{'f' * 32}",
    ]  # fmt: skip
