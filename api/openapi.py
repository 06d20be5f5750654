"""What the OpenAPI document says differently from what apispec reads off the fields."""

from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import fields


def teach(plugin: MarshmallowPlugin) -> None:
    """Add our rules about fields to the plugin that documents schemas."""
    assert plugin.converter is not None
    plugin.converter.add_attribute_function(ecma_pattern)  # type: ignore[no-untyped-call]


def ecma_pattern(_converter: Any, _field: fields.Field[Any], ret: dict[str, Any], **_: Any) -> dict[str, Any]:
    r"""Return the pattern as JSON Schema has it: of ECMA-262, where a text ends at `$` and `\Z` is unknown."""
    pattern = ret.get("pattern")
    if isinstance(pattern, str) and pattern.endswith(r"\Z"):
        return {"pattern": pattern.removesuffix(r"\Z") + "$"}
    return {}
