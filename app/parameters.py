"""Parameters of a kind: a frozen dataclass that is read from JSON strictly, written back, and described as JSON Schema.

A kind (a condition, an effect, a reward's value) declares plain fields; `about` adds what a reader and a
schema need. The types understood are `int`, `str`, `bool`, `Literal[...]`, `tuple[...]` of these, and any of
them `| None` when optional. Nothing is guessed: an unknown field, `true` where a number belongs or a value
out of range is an error that names its place.
"""

import dataclasses
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Literal, TypeVar
from uuid import UUID

from app import ids
from app.errors import InvalidError, NotFoundError
from app.registry import Registry

Errors = list[dict[str, str]]
"""One `{"pointer": "#/…", "detail": "…"}` for each fault."""

Format = Literal["decimal", "time", "date-time", "currency"]

PATTERNS: dict[Format, str] = {
    "decimal": r"^(0|[1-9][0-9]{0,5})(\.[0-9]{1,6})?$",
    "time": r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
    "currency": r"^[A-Z]{3}$",
}
_FORMAT_WORDS: dict[Format, str] = {
    "decimal": 'must be a decimal number in quotes, such as "1.5"',
    "time": 'must be a time of day such as "18:30"',
    "currency": "must be a currency's three capital letters, such as EUR",
    "date-time": "must be an instant with its offset, such as 2026-11-22T09:00:00Z",
}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What no text of the database can hold."""

_TYPE_WORDS = {int: "must be a whole number", str: "must be a text", bool: "must be true or false"}
TEXT_LENGTH_MAX = 200
LIST_LENGTH_MAX = 1000


class Parameters:
    """What every kind's dataclass inherits: nothing but the right to object to itself."""

    __slots__ = ()

    def problems(self) -> Iterable[tuple[str, str]]:
        """Yield `(field, detail)` for faults that no field shows alone."""
        return ()


P = TypeVar("P", bound=Parameters)


def about(
    description: str,
    *,
    example: Any = None,
    name: str | None = None,
    minimum: int | str | None = None,
    maximum: int | str | None = None,
    text_format: Format | None = None,
    ref: str | None = None,
) -> dict[str, Any]:
    """Return a field's metadata: what it means and which values it takes.

    `name` is the JSON name where Python keeps the word for itself; `ref` is the kind of public id that the
    text (or each text of the list) must be, as in `app.ids.PREFIXES`; `minimum` and `maximum` of a decimal
    are texts themselves.
    """
    return {
        "description": description, "example": example, "name": name, "minimum": minimum, "maximum": maximum,
        "format": text_format, "ref": ref,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One field, its annotation taken apart."""

    attribute: str
    name: str
    type: type[Any]
    choices: tuple[str, ...]
    many: bool
    required: bool
    default: Any
    about: Mapping[str, Any]


_FIELDS: dict[type[Parameters], tuple[Field, ...]] = {}


def fields_of(cls: type[Parameters]) -> tuple[Field, ...]:
    """Return the fields of a kind's dataclass, in the order they are written; taken apart once."""
    if (known := _FIELDS.get(cls)) is not None:
        return known
    hints = typing.get_type_hints(cls)
    found = tuple(_field(field, hints[field.name]) for field in dataclasses.fields(cls))  # type: ignore[arg-type]
    return _FIELDS.setdefault(cls, found)


def _field(found: "dataclasses.Field[Any]", hint: Any) -> Field:
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        (hint,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
    many = typing.get_origin(hint) is tuple
    if many:
        hint = typing.get_args(hint)[0]
    choices: tuple[str, ...] = ()
    if typing.get_origin(hint) is Literal:
        choices, hint = typing.get_args(hint), str
    if hint not in _TYPE_WORDS:
        raise TypeError(f"{found.name}: {hint!r} is not a type that parameters understand")
    required = found.default is dataclasses.MISSING
    return Field(
        attribute=found.name, name=found.metadata.get("name") or found.name, type=hint, choices=choices, many=many,
        required=required, default=None if required else found.default, about=found.metadata,
    )  # fmt: skip


def escape(name: str) -> str:
    """Return `name` as one step of a JSON pointer (RFC 6901 §3)."""
    return name.replace("~", "~0").replace("/", "~1")


def read(cls: type[P], raw: object, pointer: str, errors: Errors, *, but: Iterable[str] = ()) -> P | None:
    """Return `raw` as a `cls`, or None after adding each fault to `errors`; names in `but` are the caller's to read."""
    if not isinstance(raw, dict):
        errors.append({"pointer": pointer, "detail": "must be an object"})
        return None
    before = len(errors)
    known = {field.name for field in fields_of(cls)} | set(but)
    errors.extend(
        {"pointer": f"{pointer}/{escape(str(name))}", "detail": "is not a known field"}
        for name in raw
        if name not in known
    )
    values = {field.attribute: _value(field, raw, pointer, errors) for field in fields_of(cls)}
    if len(errors) > before:
        return None
    made = cls(**values)
    errors.extend({"pointer": f"{pointer}/{escape(name)}", "detail": why} for name, why in made.problems())
    return None if len(errors) > before else made


def _value(field: Field, raw: Mapping[str, Any], pointer: str, errors: Errors) -> Any:
    place = f"{pointer}/{field.name}"
    value = raw.get(field.name)
    if value is None:  # absent, or null where a client says "none" aloud
        if field.required:
            errors.append({"pointer": place, "detail": "is required"})
        return field.default
    if not field.many:
        if field.about.get("format") == "decimal" and type(value) is int:
            value = str(value)  # exact as it is: only a fraction needs quotes, which a JSON number may round
        errors.extend({"pointer": place, "detail": fault} for fault in _faults(field, value))
        return value
    if not isinstance(value, list) or not 1 <= len(value) <= LIST_LENGTH_MAX:
        errors.append({"pointer": place, "detail": f"must be a list of 1 to {LIST_LENGTH_MAX:,} values"})
        return ()
    for index, item in enumerate(value):
        errors.extend({"pointer": f"{place}/{index}", "detail": fault} for fault in _faults(field, item))
    return tuple(value)


def _faults(field: Field, value: object) -> Iterator[str]:
    if type(value) is not field.type:  # `True` is an int to isinstance, and no number to us
        yield _FORMAT_WORDS["decimal"] if field.about.get("format") == "decimal" else _TYPE_WORDS[field.type]
    elif isinstance(value, int):
        yield from _bounds(value, field.about)
    elif field.choices:
        if value not in field.choices:
            yield f"must be one of {', '.join(field.choices)}"
    elif isinstance(value, str):
        yield from _text_faults(value, field.about)


def _text_faults(value: str, meta: Mapping[str, Any]) -> Iterator[str]:
    text_format: Format | None = meta.get("format")
    if not 1 <= len(value) <= TEXT_LENGTH_MAX:
        yield f"must have 1 to {TEXT_LENGTH_MAX} characters"
    elif _UNSTORABLE.search(value):
        yield "must not hold the character U+0000 or half of a surrogate pair"
    elif meta.get("ref"):
        try:
            ids.parse(meta["ref"], value)
        except NotFoundError as error:
            yield error.detail
    elif text_format == "date-time":
        if instant(value) is None:
            yield _FORMAT_WORDS[text_format]
    elif text_format and not re.fullmatch(PATTERNS[text_format], value):
        yield _FORMAT_WORDS[text_format]
    elif text_format == "decimal":
        yield from _bounds(Fraction(value), meta)


def _bounds(value: int | Fraction, meta: Mapping[str, Any]) -> Iterator[str]:
    minimum, maximum = meta.get("minimum"), meta.get("maximum")
    if minimum is not None and value < Fraction(minimum):
        yield f"must be at least {minimum}"
    if maximum is not None and value > Fraction(maximum):
        yield f"must be at most {maximum}"


def instant(text: str) -> datetime | None:
    """Return an RFC 3339 instant, or None for any other text: an instant without its offset is none."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return value if value.tzinfo is not None else None


def read_kind(
    registry: Registry[type[P]], raw: object, pointer: str, errors: Errors
) -> tuple[str, P] | tuple[None, None]:
    """Return `{kind, …}` as the kind's name and parameters, or two Nones after adding each fault to `errors`."""
    if not isinstance(raw, dict) or not isinstance(raw.get("kind"), str):
        errors.append({"pointer": f"{pointer}/kind", "detail": "is required"})
        return None, None
    kind = raw["kind"]
    cls = registry.get(kind)
    if cls is None:
        errors.append({"pointer": f"{pointer}/kind", "detail": f"must be one of {', '.join(registry)}"})
        return None, None
    made = read(cls, raw, pointer, errors, but=("kind",))
    return (kind, made) if made is not None else (None, None)


def refuse(errors: Errors) -> None:
    """Raise InvalidError when there are errors."""
    if errors:
        first = errors[0]
        raise InvalidError(f"{first['pointer']} {first['detail']}", errors=errors)


def dump(value: Parameters) -> dict[str, Any]:
    """Return the JSON form of parameters; a field that was left out stays out."""
    found: dict[str, Any] = {}
    for field in fields_of(type(value)):
        content = getattr(value, field.attribute)
        if content is None or (field.many and not content):
            continue
        found[field.name] = list(content) if field.many else content
    return found


def references(value: Parameters) -> set[tuple[str, UUID]]:
    """Return `(kind, id)` of everything that the parameters point at."""
    found: set[tuple[str, UUID]] = set()
    for field in fields_of(type(value)):
        ref, content = field.about.get("ref"), getattr(value, field.attribute)
        if ref and content:
            found.update((ref, ids.parse(ref, text)) for text in (content if field.many else (content,)))
    return found


def example(cls: type[Parameters]) -> dict[str, Any]:
    """Return a document that loads, made of the fields' examples."""
    return {field.name: field.about["example"] for field in fields_of(cls) if field.about.get("example") is not None}
