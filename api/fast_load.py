"""Validation compiled for hot bodies: what a schema accepts, loaded without its machinery.

`compiled(schema)` returns a loader made from the schema's own fields. It knows how to accept the plain forms; for
anything else it asks the schema, which accepts or refuses with its messages. So there is one law, written once.
"""

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, ValidationError, fields, missing

from api.fields import Flag, Id, Instant, Money, Text, Whole

Load = Callable[[Any], Any]


class _Slow(Exception):  # noqa: N818 - not an error: the schema decides
    """Not a form that is plain."""


def compiled(schema: Schema) -> Load:
    """Return a loader that accepts and refuses exactly as `schema.load` does."""
    if _has_hooks(schema):
        return schema.load
    fast = _object(schema)

    def load(data: Any) -> Any:
        try:
            return fast(data)
        except _Slow:
            return schema.load(data)

    return load


def _has_hooks(schema: Schema) -> bool:
    """Return whether the schema does more than its fields say (`validates_schema`, `pre_load` and the like)."""
    return any(schema._hooks.values())  # noqa: SLF001 - where marshmallow keeps what decorators declare


def _object(schema: Schema) -> Load:
    loads = {name: _field(field) for name, field in schema.load_fields.items()}
    required = frozenset(name for name, field in schema.load_fields.items() if field.required)
    defaults = {
        name: field.load_default for name, field in schema.load_fields.items() if field.load_default is not missing
    }

    def load(data: Any) -> Any:
        if type(data) is not dict or not required <= data.keys():
            raise _Slow
        found: dict[str, Any] = dict(defaults)
        for name, value in data.items():
            inner = loads.get(name)
            if inner is None:
                raise _Slow
            found[name] = inner(value)
        return found

    return load


def _field(field: fields.Field[Any]) -> Load:
    """Return the fast form of a field: the field's own loader where its form is not known here."""
    for kinds, make in _FORMS:
        if type(field) in kinds:
            return make(field)
    return _slow


def _text(field: fields.Field[Any]) -> Load:
    strips = type(field) is Text

    def load(value: Any) -> Any:
        if type(value) is not str or not value.isascii() or not value.isprintable():
            raise _Slow
        _validate(field, value)
        bare = value.strip() if strips else value
        if bare != value:
            _validate(field, bare)
        return bare

    return load


def _typed(field: fields.Field[Any], kind: type) -> Load:
    def load(value: Any) -> Any:
        if type(value) is not kind:
            raise _Slow
        _validate(field, value)
        return value

    return load


def _list(field: fields.List[Any]) -> Load:
    inner = _field(field.inner)

    def load(value: Any) -> Any:
        if type(value) is not list:
            raise _Slow
        found = [inner(one) for one in value]
        _validate(field, found)
        return found

    return load


def _slowed(field: fields.Field[Any]) -> Load:
    """Return a field's own reading, which is quick for our own kinds; its refusals are the schema's to word."""
    read = field._deserialize  # noqa: SLF001 - the hook that marshmallow documents for fields of one's own

    def load(value: Any) -> Any:
        if value is None:
            raise _Slow
        try:
            found = read(value, None, None)
        except (ValidationError, ValueError):
            raise _Slow from None
        _validate(field, found)
        return found

    return load


def _slow(_value: Any) -> Any:
    raise _Slow


def _validate(field: fields.Field[Any], value: Any) -> None:
    for check in field.validators:
        try:
            check(value)
        except (ValidationError, ValueError):
            raise _Slow from None


_FORMS: tuple[tuple[tuple[type, ...], Callable[[Any], Load]], ...] = (
    ((fields.Nested,), lambda field: _slow if _has_hooks(field.schema) else _object(field.schema)),
    ((fields.List,), _list),
    ((Text, fields.String), _text),
    ((Whole,), lambda field: _typed(field, int)),
    ((Flag,), lambda field: _typed(field, bool)),
    ((Id, Money, Instant), _slowed),
)
"""The fields whose plain form is known here, and how each is made fast; of every other, the schema decides."""
