"""Reading a request: its query, its JSON body, its `Idempotency-Key`; what cannot be read says what to change."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from flask import request
from marshmallow import Schema, ValidationError

from api.fast_load import compiled
from api.fields import Body, OptionalBody, error_list
from api.problems import IdempotencyKeyRequiredError, MalformedError, TooLargeError, UnsupportedMediaTypeError
from app.errors import InvalidError
from app.services import idempotency

KEY_PATTERN = "^[!-~]+$"
LIST_ITEMS_MAX = 1000
BODY_REFUSED = "Some fields are not valid; `errors` names each."
QUERY_REFUSED = "The query is not valid."

_LOADERS: dict[Schema, Callable[[Any], Any]] = {}


def load_query(schema: Schema | None) -> dict[str, Any]:
    """Return the query validated by `schema`; without one, any field is an error."""
    if schema is None and not request.query_string:
        return {}
    given = request.args.to_dict()
    try:
        return cast("dict[str, Any]", (schema or Body()).load(given))
    except ValidationError as error:
        raise InvalidError(QUERY_REFUSED, errors=error_list(error.messages, "?")) from None


def load_body(schema: Schema | None) -> tuple[Any, bytes]:
    """Return the body validated by `schema`, and its bytes."""
    if schema is None:
        return None, b""
    raw = request.get_data()
    if not raw and isinstance(schema, OptionalBody):
        return schema.load({}), raw
    return load_json(schema, raw), raw


def load_json(schema: Schema, raw: bytes) -> Any:
    """Return the body validated by `schema`.

    Raises MalformedError for what is not JSON, InvalidError for its fields, TooLargeError for an endless list.
    """
    if request.mimetype not in {"application/json", ""}:
        raise UnsupportedMediaTypeError("Send JSON, with `Content-Type: application/json`.")
    try:
        data = json.loads(raw or b"null", parse_constant=_refuse_constant, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        raise MalformedError("The body is not JSON (RFC 8259) in UTF-8.") from None
    if not isinstance(data, Mapping):
        raise InvalidError("The body is not a JSON object.", errors=[{"pointer": "#", "detail": "Not an object."}])
    load = _LOADERS.get(schema)
    if load is None:
        load = _LOADERS[schema] = compiled(schema)
    try:
        return load(data)
    except ValidationError as error:
        # No field takes that many: only what was refused is looked through.
        _refuse_long_lists(data)
        raise InvalidError(BODY_REFUSED, errors=error_list(error.messages)) from None


def _refuse_long_lists(body: Mapping[str, Any]) -> None:
    # Without recursion: a body may be nested deeper than Python calls.
    parts: list[tuple[str, Any]] = [("#", body)]
    while parts:
        pointer, part = parts.pop()
        for name, value in part.items() if isinstance(part, Mapping) else enumerate(part):
            place = f"{pointer}/{name}"
            if isinstance(value, list) and len(value) > LIST_ITEMS_MAX:
                detail = f"A list of {len(value):,} items: send {LIST_ITEMS_MAX:,} at most, the rest apart."
                raise TooLargeError(detail, errors=[{"pointer": place, "detail": detail}])
            if isinstance(value, Mapping | list):
                parts.append((place, value))


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two values under one name, readers on the way may have believed the other (RFC 8259 §4).
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("A name stands twice in an object.")
    return found


def read_key(*, required: bool) -> str | None:
    """Return the request's `Idempotency-Key`, bare or quoted; raise when it is needed and absent, or unusable."""
    given = request.headers.get("Idempotency-Key")
    key = (given or "").strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key:
        if required:
            raise IdempotencyKeyRequiredError(
                "Send `Idempotency-Key`: a text of your own, new for each new request and the same for its repeats."
            )
        if given is None:
            return None
    if not re.fullmatch(KEY_PATTERN, key) or len(key) > idempotency.KEY_MAX:
        raise InvalidError(f"An Idempotency-Key has 1 to {idempotency.KEY_MAX} visible ASCII characters, no space.")
    return key
