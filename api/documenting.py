"""What an operation declares, and how it stands in OpenAPI."""

import http
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema

from api import scopes
from api.fields import OptionalBody
from api.reading import KEY_PATTERN
from app.services import idempotency

API_PREFIX = "/v1"
"""Where requests are metered."""

_SECURITY = {
    "staff": frozenset({"owner", "marketer", "cashier"}),
    "api_key": frozenset({"till", "members", "setup"}),
    "customer": frozenset({"customer"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The declaration of one operation."""

    method: str
    path: str
    scopes: frozenset[str]
    status: int
    body: Schema | None
    query: Schema | None
    answer: Schema | None
    key: str
    moves_value: bool
    etag: bool
    program: str
    before: Callable[..., Any] | None = None

    @property
    def changes_set_up(self) -> bool:
        """Whether it changes the programme's set-up, and so is audited here; others audit what they know of."""
        return (
            self.key == "optional"
            and not self.moves_value
            and self.program == "caller"
            and self.scopes in {scopes.OWNER, scopes.MARKETING}
        )


def document(
    blueprint: Blueprint,
    declared: Operation,
    view: Callable[..., Any],
    *,
    summary: str,
    problems: Iterable[int],
    example: Any,
    answer_example: Any,
    content_type: str | None,
    takes: str | None,
    also: int | None,
) -> Any:
    """Return what flask-smorest documents the operation by."""

    # flask-smorest's decorators write the documentation; a function that is never called carries it.
    def documented() -> None: ...

    documented.__doc__ = view.__doc__
    documented = blueprint.response(
        declared.status, declared.answer, example=answer_example, content_type=content_type
    )(documented)
    if also is not None:
        documented = blueprint.alt_response(also, schema=declared.answer, success=True)(documented)
    if declared.query is not None:
        documented = blueprint.arguments(declared.query, location="query")(documented)
    if declared.body is not None:
        needed = not isinstance(declared.body, OptionalBody)
        documented = blueprint.arguments(declared.body, example=example, required=needed)(documented)
    if takes is not None:
        body = {"required": True, "content": {takes: {"schema": {"type": "string"}, "example": example}}}
        documented = blueprint.doc(requestBody=body)(documented)
        problems = {*problems, 413, 415}
    metered = {429} if blueprint.url_prefix == API_PREFIX else set()
    for status in sorted(_problems(declared) | metered | set(problems)):
        documented = blueprint.alt_response(status, http.HTTPStatus(status).name)(documented)
    documented = blueprint.doc(
        summary=summary,
        description=inspect.cleandoc(view.__doc__ or ""),
        operationId=camel(view.__name__),
        security=[{name: []} for name, admitted in _SECURITY.items() if admitted & declared.scopes],
        **{"x-scopes": sorted(declared.scopes)},
    )(documented)
    headers = [_key_parameter(required=declared.key in {"required", "own"})] if declared.key != "ignored" else []
    headers += [_IF_MATCH] if declared.etag and declared.method not in {"GET", "POST"} else []
    if headers:
        documented = blueprint.doc(parameters=headers)(documented)
    return documented._apidoc  # type: ignore[attr-defined]  # noqa: SLF001 - flask-smorest's place


def camel(name: str) -> str:
    """Return `create_store` as `createStore`: an operation's id, and an SDK's method."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _problems(declared: Operation) -> set[int]:
    # Anything may carry a secret in its address (400), or a query that nobody knows (422).
    found = {400, 422, 500, 503}
    if declared.scopes != frozenset({"public"}):
        found |= {401, 403}
    if "<" in declared.path:
        found.add(404)
    if declared.body is not None:
        found |= {413, 415}
    if declared.key in {"required", "own"}:
        found.add(409)
    if declared.etag and declared.method not in {"GET", "POST"}:
        found.add(412)
    return found


def _key_parameter(*, required: bool) -> dict[str, Any]:
    return {
        "in": "header", "name": "Idempotency-Key", "required": required,
        "description": "A text of your own, new for each request, the same for its repeats: the first answer is given"
        " again, with `Idempotent-Replayed: true`.",
        "schema": {"type": "string", "minLength": 1, "maxLength": idempotency.KEY_MAX, "pattern": KEY_PATTERN},
        "example": "6f1d2c9a-till-1-000042",
    }  # fmt: skip


_IF_MATCH = {
    "in": "header", "name": "If-Match", "required": False, "schema": {"type": "string"},
    "description": "The `ETag` that you read; 412 when somebody changed it since.",
}  # fmt: skip
