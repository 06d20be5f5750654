"""JSON Schemas of everything a campaign may say, for OpenAPI: built from what reads it."""

from typing import Any

from app import ids, parameter_schemas
from app.offers import definitions, messages, parts, triggers
from app.offers.definitions import CHANNELS
from app.offers.parts import Head, StepHead, VariantHead

WORDS_EXAMPLE = {
    "title": "Un café offert", "body": "Bonjour {{ first_name | \"l'ami\" }}, un café vous attend cette semaine.",
    "link": "https://www.example.com/offre",
}  # fmt: skip
VARIANTS_EXAMPLE = [{"name": "A", "weight": 1, "content": {"fr": WORDS_EXAMPLE}}]
_TREE = {
    "type": "object", "description": "Conditions on members: `all`, `any` or `none` of some, as in `POST /segments`.",
}  # fmt: skip


def components() -> dict[str, dict[str, Any]]:
    """Return what `properties` refers to: `CampaignTrigger` and one schema for each event, by name."""
    return triggers.json_schemas(_TREE)


def properties() -> dict[str, dict[str, Any]]:
    """Return the schema of each part of a campaign's definition, by its name."""
    found = dict(parameter_schemas.json_schema(Head)["properties"])
    found |= {name: parameter_schemas.json_schema(part) for name, part in parts.PARTS.items()}
    found["trigger"] = {"allOf": [{"$ref": "#/components/schemas/CampaignTrigger"}]}
    found["where"] = _TREE
    found["channels"] = {
        "type": "array", "items": {"type": "string", "enum": list(CHANNELS)}, "minItems": 1,
        "maxItems": len(CHANNELS), "description": "By which channels, the preferred first.",
        "examples": [["push", "email"]],
    }  # fmt: skip
    found["variants"] = _variants()
    step = parameter_schemas.json_schema(StepHead)
    step["properties"] |= {"exit_if": _TREE, "variants": _variants()}
    step["required"] = [*step["required"], "variants"]
    found["steps"] = {
        "type": "array", "items": step, "maxItems": definitions.STEPS_MAX,
        "description": "Later messages of a triggered campaign; a member leaves when `exit_if` holds.",
    }  # fmt: skip
    return found


def _variants() -> dict[str, Any]:
    variant = parameter_schemas.json_schema(VariantHead)
    url = {"type": "string", "format": "uri", "pattern": "^https://", "maxLength": messages.URL_MAX}
    words = {
        "type": "object", "required": ["title", "body"], "additionalProperties": False,
        "properties": {
            "title": {"type": "string", "minLength": 1, "maxLength": messages.TITLE_MAX},
            "body": {"type": "string", "minLength": 1, "maxLength": messages.BODY_MAX},
            "image_url": url, "link": url,
        },
    }  # fmt: skip
    variant["properties"]["content"] = {
        "type": "object", "additionalProperties": words, "minProperties": 1, "maxProperties": messages.LOCALES_MAX,
        "propertyNames": {"pattern": f"^{messages.LOCALE.pattern}$"},
        "description": 'Texts by language; `{{ first_name | "friend" }}` stands for a member\'s own.',
    }  # fmt: skip
    variant["required"] = [*variant["required"], "content"]
    variant["examples"] = VARIANTS_EXAMPLE
    return {
        "type": "array", "items": variant, "minItems": 1, "maxItems": definitions.VARIANTS_MAX,
        "description": "One or several texts under test.",
    }  # fmt: skip


SEGMENT_EXAMPLE = f"{ids.PREFIXES['segment']}_0190163d8694739b8aaa1b7a5f0c1d2e"
EXAMPLE = {
    "name": "Café de l'Avent",
    "segment_id": SEGMENT_EXAMPLE,
    "channels": ["push", "email"],
    "fallback": True,
    "schedule": {"local_at": "2027-12-01T18:00:00"},
    "variants": VARIANTS_EXAMPLE,
    "holdout_percent": 10,
}
