"""What a reward's value is, the registry that finds the kinds, and how a value is read, written and described."""

from typing import Any, Literal
from uuid import UUID

from app import parameter_schemas, parameters
from app.errors import invalid_field
from app.parameters import Errors, Parameters
from app.registry import Registry

Locale = Literal["fr", "en"]


def language(tag: str) -> Locale:
    """Return the language in which rewards and amounts are described to who reads `tag` (`fr`, `fr-CA`, `de`)."""
    return "fr" if tag.lower().startswith("fr") else "en"


class RewardValue(Parameters):
    """What one kind of reward gives."""

    __slots__ = ()

    def describe(self, locale: Locale, currency: str | None = None) -> str:
        """Return it as members read it; `currency` is the programme's, for amounts that do not name their own."""
        raise NotImplementedError


REWARDS: Registry[type[RewardValue]] = Registry("rewards")


def load_value(kind: str, raw: object, pointer: str = "#/value") -> RewardValue:
    """Return a reward's value; raise InvalidError that points at every fault. A kind without parameters takes `{}`."""
    cls = REWARDS.get(kind)
    if cls is None:
        raise invalid_field("#/kind", f"must be one of {', '.join(REWARDS)}")
    errors: Errors = []
    value = parameters.read(cls, {} if raw is None else raw, pointer, errors)
    parameters.refuse(errors)
    assert value is not None
    return value


def dump_value(value: RewardValue) -> dict[str, Any]:
    """Return the value as JSON, as `load_value` takes it."""
    return parameters.dump(value)


def references(value: RewardValue) -> set[tuple[str, UUID]]:
    """Return `(kind, id)` of what the value names, for a service to look up."""
    return parameters.references(value)


def describe(value: RewardValue, locale: str, currency: str | None = None) -> str:
    """Return a sentence for members in French, or in English for any other language."""
    return value.describe(language(locale), currency)


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of each kind's value by component name, `RewardValueAmountOff` for `amount_off`."""
    return {
        f"RewardValue{kind.title().replace('_', '')}": parameter_schemas.json_schema(REWARDS[kind]) for kind in REWARDS
    }
