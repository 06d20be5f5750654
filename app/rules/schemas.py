"""JSON Schemas of everything a rule may say, for OpenAPI.

They are built from the registries, so that a new kind documents itself.
"""

from typing import Any, TypeVar

from app.parameter_schemas import json_schema
from app.parameters import Parameters
from app.registry import Registry
from app.rules import drafts
from app.rules.kinds import CONDITIONS, EFFECTS

K = TypeVar("K", bound=Parameters)


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return schemas by component name: `Rule`, `Condition`, `Effect` and one for each kind of these two."""
    components = _union("Condition", CONDITIONS) | _union("Effect", EFFECTS)
    rule = json_schema(drafts.Head)
    caps = json_schema(drafts.Caps)
    rule["description"] = "When this activity happens under these conditions, then these effects."
    when = json_schema(drafts.When)
    when["properties"]["activity"] |= {"maxLength": 40, "pattern": drafts.ACTIVITY_PATTERN}
    rule["properties"] |= {
        "id": {"type": "string", "pattern": "^rul_[0-9a-f]{32}$", "description": "The rule's id."},
        "when": when,
        "conditions": _list("Condition", 0, drafts.CONDITIONS_MAX, "All must hold."),
        "effects": _list("Effect", 1, drafts.EFFECTS_MAX, "What it gives."),
        "caps": caps,
    }
    rule["required"] = [*rule["required"], "when", "effects"]
    rule["examples"] = [
        {
            **rule["examples"][0],
            "when": {"activity": "purchase"},
            "conditions": components["ConditionMinimumAmount"]["examples"],
            "effects": components["EffectPointsPerAmount"]["examples"],
            "status": "live",
        }
    ]
    return components | {"Rule": rule}


def _list(component: str, least: int, most: int, description: str) -> dict[str, Any]:
    items = {"$ref": f"#/components/schemas/{component}"}
    return {
        "type": "array",
        "items": items,
        "minItems": least,
        "maxItems": most,
        "description": description,
    }


def _union(component: str, registry: Registry[type[K]]) -> dict[str, dict[str, Any]]:
    found = {component + kind.title().replace("_", ""): json_schema(registry[kind], kind) for kind in registry}
    places = {schema["properties"]["kind"]["const"]: f"#/components/schemas/{name}" for name, schema in found.items()}
    union = {
        "oneOf": [{"$ref": place} for place in places.values()],
        "discriminator": {"propertyName": "kind", "mapping": places},
    }
    return {component: union} | found
