"""Fields of request and answer bodies that marshmallow does not know: ids, instants, money, JSON pointers of errors."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from app import ids
from app.errors import NotFoundError
from app.money import AMOUNT_MAX

TEXT_MAX = 200

CONTROLS = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"
"""What no text holds, for a class of a pattern."""
TEXT_PATTERN = f"^[^{CONTROLS}]*[^\\s{CONTROLS}][^{CONTROLS}]*$"
"""A text with something to read in it and no control character but tab and line feed."""

_CONTROL = re.compile(f"[{CONTROLS}]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Body(Schema):
    """A JSON object whose unknown fields are errors and whose absent values are left out, never null."""

    class Meta:
        """What marshmallow does with the fields nobody declared."""

        unknown = RAISE

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Return the object as JSON data without fields that are None."""
        dumped = super().dump(obj, many=many)
        if isinstance(dumped, list):
            return [_without_none(one) for one in dumped]
        return _without_none(dumped)


class OptionalBody(Body):
    """A JSON object of which nothing is needed, so that a request may leave it out; each field has what stands then."""


def _without_none(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value is not None}


class Id(fields.Field[UUID]):
    """A public id such as `sto_…`: a UUID inside, prefixed text outside."""

    def __init__(self, kind: str, **kwargs: Any) -> None:
        self.kind = kind
        prefix = ids.PREFIXES[kind]
        metadata = {"description": f"Id of the {kind.replace('_', ' ')}", **kwargs.pop("metadata", {})}
        super().__init__(metadata={"pattern": f"^{prefix}_[0-9a-f]{{32}}$", "type": "string", **metadata}, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        return None if value is None else ids.show(self.kind, value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> UUID:  # noqa: ARG002
        if not isinstance(value, str):
            raise ValidationError(f"An id is a text that begins with `{ids.PREFIXES[self.kind]}_`.")
        try:
            return ids.parse(self.kind, value)
        except NotFoundError as error:
            raise ValidationError(error.detail) from None


class Instant(fields.Field[datetime]):
    """An RFC 3339 instant with its offset; UTC with `Z` when shown."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"type": "string", "format": "date-time", **kwargs.pop("metadata", {})}
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        return None if value is None else show_instant(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:  # noqa: ARG002
        problem = "Not an RFC 3339 instant with an offset, such as 2026-11-22T09:30:00Z."
        if not isinstance(value, str) or len(value) < 20 or value[10] not in "Tt ":  # noqa: PLR2004 - shortest form
            raise ValidationError(problem)
        try:
            instant = datetime.fromisoformat(value)
            if instant.tzinfo is None:
                raise ValidationError(problem)
            return instant.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError(problem) from None


def show_instant(instant: datetime) -> str:
    """Return an instant as RFC 3339 text in UTC."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Whole(fields.Integer):
    """A whole number, never a text, a fraction or a boolean; `1.0` is one (JSON Schema 2020-12, 6.1.1)."""

    def __init__(self, *, low: int = 0, high: int = AMOUNT_MAX, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(min=low, max=high), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        number = whole(value)
        if number is None:
            raise ValidationError("Not a whole number.")
        return int(super()._deserialize(number, attr, data, **kwargs) or 0)


def whole(value: Any) -> int | None:
    """Return a JSON number that is whole as an integer, or None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


class QueryWhole(fields.Integer):
    """A whole number in a query, in decimal digits."""

    def __init__(self, *, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(min=low, max=high), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not re.fullmatch("-?[0-9]{1,18}", value):
            raise ValidationError("Not a whole number.")
        return int(super()._deserialize(value, attr, data, **kwargs) or 0)


class Flag(fields.Boolean):
    """True or false, never a word or a number that might mean one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:  # noqa: ARG002
        if not isinstance(value, bool):
            raise ValidationError("Not true or false.")
        return value


class Text(fields.String):
    """A text without control characters, of bounded length; surrounding space is counted and taken away."""

    def __init__(self, *, low: int = 1, high: int = TEXT_MAX, **kwargs: Any) -> None:
        checks = kwargs.pop("validate", [])
        checks = list(checks) if isinstance(checks, list | tuple) else [checks]
        metadata = kwargs.pop("metadata", {})
        if not any(isinstance(check, validate.Regexp) for check in checks):
            metadata = {"pattern": TEXT_PATTERN if low else f"^[^{CONTROLS}]*$", **metadata}
        self._high = high
        super().__init__(validate=[validate.Length(min=low, max=high), *checks], metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        assert isinstance(text, str)
        if len(text) > self._high:
            raise ValidationError(f"Longer than maximum length {self._high}.")
        if not text.isprintable():
            if _CONTROL.search(text):
                raise ValidationError("Control characters are not allowed, except tab and line feed.")
            if _SURROGATE.search(text):
                raise ValidationError("Not valid Unicode.")
        return text.strip()


class Unread(fields.Nested):
    """An object that is documented by its schema and handed on as it came: who reads it refuses it on its own."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, partial: Any = None, **kwargs: Any) -> Any:  # noqa: ARG002
        if not isinstance(value, Mapping):
            raise ValidationError("Not an object.")
        return value


class Secret(fields.String):
    """A password, a code or a token: taken as it is typed, bounded, never shown."""

    def __init__(self, *, low: int = 1, high: int = TEXT_MAX, **kwargs: Any) -> None:
        metadata = {"format": "password", "pattern": r"^[^\u0000]*$", **kwargs.pop("metadata", {})}
        super().__init__(load_only=True, validate=validate.Length(min=low, max=high), metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        assert isinstance(text, str)
        if any(letter == "\0" or 0xD800 <= ord(letter) <= 0xDFFF for letter in text):  # noqa: PLR2004 - surrogates
            raise ValidationError("Not valid Unicode.")
        return text


class Money(fields.Field[int]):
    """Money: `{"amount": 1250, "currency": "EUR"}`, or in requests just the whole number of minor units.

    The service compares the currency with the program's; inside, a request's money is `(amount, currency or None)`.
    """

    def __init__(self, **kwargs: Any) -> None:
        metadata = {
            "description": "Money in minor units; a whole number alone means the programme's currency",
            "oneOf": [
                {"type": "integer", "minimum": 0, "maximum": AMOUNT_MAX},
                {
                    "type": "object",
                    "required": ["amount", "currency"],
                    "additionalProperties": False,
                    "properties": {
                        "amount": {"type": "integer", "minimum": 0, "maximum": AMOUNT_MAX},
                        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
                    },
                },
            ],
            **kwargs.pop("metadata", {}),
        }
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        return value

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        currency = None
        if isinstance(value, dict):
            if set(value) != {"amount", "currency"} or not isinstance(value["currency"], str):
                raise ValidationError('Money is {"amount": 1250, "currency": "EUR"}.')
            value, currency = value["amount"], value["currency"]
        amount = whole(value)
        if amount is None or not 0 <= amount <= AMOUNT_MAX:
            raise ValidationError(f"Not a whole number of minor units from 0 to {AMOUNT_MAX}.")
        return amount, currency


def names_of_properties(_converter: Any, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
    """Return what OpenAPI says of a field's property names, which apispec leaves out of a field's metadata."""
    names = field.metadata.get("propertyNames")
    return {} if names is None else {"propertyNames": names}


def error_list(messages: Any, pointer: str = "#") -> list[dict[str, str]]:
    """Return marshmallow's nested messages as `[{"pointer": "#/a/0/b", "detail": "…"}]`."""
    if isinstance(messages, Mapping):
        found: list[dict[str, str]] = []
        for key, inner in messages.items():
            step = "" if key == "_schema" else "/" + str(key).replace("~", "~0").replace("/", "~1")
            found += error_list(inner, pointer + step)
        return found
    if isinstance(messages, list | tuple):
        return [error for one in messages for error in error_list(one, pointer)]
    return [{"pointer": pointer, "detail": str(messages)}]
