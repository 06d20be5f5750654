"""JSON Schemas of everything that a segment may ask, for OpenAPI, built from the registry of conditions."""

from typing import Any

from app.parameter_schemas import allow_null, json_schema
from app.segments.kinds import CONDITIONS
from app.segments.trees import CONDITIONS_MAX, DEPTH_MAX

_WORDS = {
    "all": "Every part holds.",
    "any": "At least one part holds.",
    "none": "No part holds.",
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return schemas by component name: `SegmentWhere`, its joints, `SegmentCondition` and one for each kind."""
    kinds = {
        "SegmentCondition" + kind.title().replace("_", ""): allow_null(json_schema(CONDITIONS[kind], kind))
        for kind in CONDITIONS
    }
    places = {schema["properties"]["kind"]["const"]: _place(name) for name, schema in kinds.items()}
    joints = {f"Segment{joint.title()}": _joint(joint, words) for joint, words in _WORDS.items()}
    where = {
        "description": f"A question about a member: a condition, or `all`, `any` or `none` of such questions, nested to"
        f" {DEPTH_MAX} levels and {CONDITIONS_MAX} conditions.",
        "oneOf": [{"$ref": _place(name)} for name in (*joints, "SegmentCondition")],
    }
    union = {
        "oneOf": [{"$ref": place} for place in places.values()],
        "discriminator": {"propertyName": "kind", "mapping": places},
    }
    return {"SegmentWhere": where, **joints, "SegmentCondition": union, **kinds}


def _place(name: str) -> str:
    return f"#/components/schemas/{name}"


def _joint(joint: str, words: str) -> dict[str, Any]:
    parts = {"type": "array", "items": {"$ref": _place("SegmentWhere")}, "minItems": 1, "maxItems": CONDITIONS_MAX}
    return {
        "type": "object", "description": words, "properties": {joint: parts}, "required": [joint],
        "additionalProperties": False,
    }  # fmt: skip
