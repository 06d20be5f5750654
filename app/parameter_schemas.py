"""What kinds' parameters look like in OpenAPI: JSON Schema (draft 2020-12) of what `app.parameters` reads."""

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from app import ids
from app.parameters import LIST_LENGTH_MAX, PATTERNS, TEXT_LENGTH_MAX, Field, Parameters, example, fields_of

_TYPE_NAMES = {int: "integer", str: "string", bool: "boolean"}


def json_schema(cls: type[Parameters], kind: str | None = None) -> dict[str, Any]:
    """Return the JSON Schema of a kind's parameters, its docstring as the description."""
    head: dict[str, Any] = {"kind": {"const": kind, "type": "string"}} if kind else {}
    properties = head | {field.name: _field_schema(field) for field in fields_of(cls)}
    required = [*head, *(field.name for field in fields_of(cls) if field.required)]
    sample = ({"kind": kind} if kind else {}) | example(cls)
    return {
        "type": "object", "description": re.sub(r"\s*\n\s*", " ", (cls.__doc__ or "").strip()),
        "properties": properties, "required": required, "additionalProperties": False, "examples": [sample],
    }  # fmt: skip


def allow_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Say in a kind's schema that null stands for a parameter that is left out; return the schema."""
    for name in schema["properties"].keys() - set(schema["required"]):
        one = schema["properties"][name]
        one["type"] = [*([one["type"]] if isinstance(one["type"], str) else one["type"]), "null"]
        if "enum" in one:
            one["enum"] = [*one["enum"], None]
    return schema


def _field_schema(field: Field) -> dict[str, Any]:
    meta = field.about
    one: dict[str, Any] = {"type": _TYPE_NAMES[field.type]}
    text_format = meta.get("format")
    if field.choices:
        one["enum"] = list(field.choices)
    elif meta.get("ref"):
        one["pattern"] = f"^{ids.PREFIXES[meta['ref']]}_[0-9a-f]{{32}}$"
    elif text_format == "date-time":
        one["format"] = text_format
    elif text_format == "decimal":
        one |= {"type": ["string", "integer"], "pattern": PATTERNS[text_format]} | _whole_bounds(meta)
    elif text_format:
        one["pattern"] = PATTERNS[text_format]
    elif field.type is str:
        one |= {"minLength": 1, "maxLength": TEXT_LENGTH_MAX, "pattern": r"^[^\u0000]*$"}
    elif field.type is int:
        one |= {key: meta[key] for key in ("minimum", "maximum") if meta.get(key) is not None}
    schema = {"type": "array", "items": one, "minItems": 1, "maxItems": LIST_LENGTH_MAX} if field.many else one
    schema["description"] = meta.get("description", "")
    if meta.get("example") is not None:
        schema["examples"] = [meta["example"]]
    if field.default not in {None, ()}:
        schema["default"] = field.default
    return schema


def _whole_bounds(meta: Mapping[str, Any]) -> dict[str, int]:
    """Return the least and the greatest whole number that a decimal's bounds let through."""
    found = {}
    if meta.get("minimum") is not None:
        found["minimum"] = math.ceil(Fraction(meta["minimum"]))
    if meta.get("maximum") is not None:
        found["maximum"] = math.floor(Fraction(meta["maximum"]))
    return found
