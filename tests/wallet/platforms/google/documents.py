"""What our documents are held against: Google's own description of the API, as JSON Schema."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from tests import tools

VENDOR = Path(__file__).parent / "vendor"
_PATTERNS = {"int64": r"^-?[0-9]{1,19}$", "uint64": r"^[0-9]{1,20}$", "byte": r"^[A-Za-z0-9+/_=-]*$"}
_BOUNDS = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1)}


@cache
def discovery() -> dict[str, Any]:
    """Return Google's description, as it came."""
    document: dict[str, Any] = json.loads((VENDOR / "walletobjects.v1.json").read_text("utf-8"))
    return document


@cache
def validator(schema: str) -> Any:
    """Return a validator of one of its schemas, required fields included, by a library that is none of ours."""
    definitions = {name: _object(one) for name, one in discovery()["schemas"].items()}
    return jsonschema_rs.Draft202012Validator({"$ref": f"#/$defs/{schema}", "$defs": definitions})


def faults(schema: str, document: Any) -> list[str]:
    """Say what is wrong with a document, by where it is."""
    found = validator(schema).iter_errors(document)
    return [f"{'.'.join(map(str, error.instance_path))}: {error.message}" for error in found]


def second_opinion(model: str, document: Any) -> list[str]:
    """Say what edutap's model of that name has against a document; skip where edutap is missing."""
    module = "generic" if model.startswith("Generic") else "retail"
    tools.package("edutap.wallet_google")
    models = tools.package(f"edutap.wallet_google.models.passes.{module}")
    try:
        getattr(models, model).model_validate(document)
    except tools.package("pydantic").ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return []


def _object(schema: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    required = [name for name, one in properties.items() if one.get("description", "").startswith("Required. ")]
    return {
        "type": "object",
        "properties": {name: _value(one) for name, one in properties.items()},
        "additionalProperties": False,
        "required": required,
    }


def _value(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    if schema["type"] == "array":
        return {"type": "array", "items": _value(schema["items"])}
    made: dict[str, Any] = {"type": schema["type"]}
    form = schema.get("format", "")
    if form in _PATTERNS:
        made["pattern"] = _PATTERNS[form]
    if form in _BOUNDS:
        made["minimum"], made["maximum"] = _BOUNDS[form]
    if "enum" in schema:
        old = schema.get("enumDeprecated", [False] * len(schema["enum"]))
        made["enum"] = [word for word, is_old in zip(schema["enum"], old, strict=True) if not is_old]
    return made
