"""Checks documents by Google's own description of its API, a discovery document, as Google's servers do.

What is checked: names of fields, kinds of values, enumerated words (those called deprecated are refused too: we have no
business with them), 64-bit numbers as texts, and what a description calls required.
https://developers.google.com/discovery/v1/type-format
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

_REQUIRED = "Required. "
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_RANGES = {
    "int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1), "int64": (-(2**63), 2**63 - 1), "uint64": (0, 2**64 - 1),
}  # fmt: skip


class Discovery:
    """One API's schemas."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._schemas: Mapping[str, Any] = document["schemas"]

    def problems(self, schema: str, value: Any, *, whole: bool) -> list[str]:
        """Say what is wrong with a value of a schema, by the path of each field; `whole`: what is required is there."""
        found = list(self._of_object(self._schemas[schema], value, ""))
        if whole and isinstance(value, Mapping):
            found += [f"{name}: is required" for name in self.required(schema) if not value.get(name)]
        return found

    def required(self, schema: str) -> list[str]:
        """Return the fields that a description calls required."""
        properties: Mapping[str, Any] = self._schemas[schema]["properties"]
        return [name for name, one in properties.items() if one.get("description", "").startswith(_REQUIRED)]

    def _of_object(self, schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, Mapping):
            yield f"{path or 'it'}: is no object"
            return
        properties = schema.get("properties", {})
        for name, one in value.items():
            inner = f"{path}.{name}" if path else name
            if name not in properties:
                yield f"{inner}: Cannot find field."
            else:
                yield from self._of(properties[name], one, inner)

    def _of(self, kind: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
        if "$ref" in kind:
            yield from self._of_object(self._schemas[kind["$ref"]], value, path)
        elif kind["type"] == "array":
            if not isinstance(value, list):
                yield f"{path}: is no list"
                return
            for place, one in enumerate(value):
                yield from self._of(kind["items"], one, f"{path}[{place}]")
        elif not _is_scalar(kind, value):
            yield f"{path}: is no {kind.get('format', kind['type'])}"
        elif "enum" in kind and value not in _words(kind):
            yield f"{path}: is none of its words"


def _words(kind: Mapping[str, Any]) -> set[str]:
    old = kind.get("enumDeprecated", [False] * len(kind["enum"]))
    return {word for word, is_old in zip(kind["enum"], old, strict=True) if not is_old}


def _is_scalar(kind: Mapping[str, Any], value: Any) -> bool:
    match kind["type"]:
        case "boolean":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "integer":
            low, high = _RANGES[kind.get("format", "int32")]
            return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    return isinstance(value, str) and _is_text(kind.get("format"), value)


def _is_text(form: str | None, value: str) -> bool:
    if form in _RANGES:
        low, high = _RANGES[form]
        return _WHOLE.fullmatch(value) is not None and low <= int(value) <= high
    if form == "byte":
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            return False
    return True
