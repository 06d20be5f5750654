"""One operation of the API: who may call it, what it takes and gives, and one transaction around it.

A view does three things: parse, call one service, return. `Blueprint.operation` does the rest the same way for all:
authenticate, check scopes, read and validate path, query and body, open the session of the caller's program, replay or
keep the answer of an `Idempotency-Key`, commit before the answer leaves, and document it all in OpenAPI.
"""

import http
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from flask import Flask, Response, current_app, request
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema, ValidationError

from api import etag, scopes
from api.fast_load import compiled
from api.fields import Body, error_list
from api.principal import Authenticator, Principal
from api.problems import (
    IdempotencyKeyRequiredError,
    MalformedError,
    UnauthenticatedError,
    UnsupportedMediaTypeError,
)
from app.db import Database, Session
from app.errors import ForbiddenError, InvalidError
from app.services import audits, idempotency
from app.services.config import ConfigCache, ProgramConfig
from app.services.hot_scans import RuleSets

BODY_MAX_BYTES = 1_000_000
KEY_PATTERN = "^[!-~]+$"
BODY_REFUSED = "Some fields are not valid; `errors` names each."
QUERY_REFUSED = "The query is not valid."
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SECURITY = {
    "staff": frozenset({"owner", "marketer", "cashier"}),
    "api_key": frozenset({"till", "members", "setup"}),
    "customer": frozenset({"customer"}),
}


@dataclass(slots=True, kw_only=True)
class Call:
    """What a view is given: the caller, the parsed request, the session of one transaction."""

    principal: Principal
    session: Session
    database: Database
    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)

    def config(self) -> ProgramConfig:
        """Return the set-up of the caller's programme as this transaction sees it."""
        return edge().configs.current(self.session)

    def check_match(self, schema: Schema, current: Any) -> None:
        """Raise PreconditionFailedError when the request's `If-Match` names another version than `current`."""
        etag.check(request.headers.get("If-Match"), schema.dump(current))


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

    @property
    def changes_set_up(self) -> bool:
        """Whether it changes the programme's set-up, and so is audited here; others audit what they know of."""
        return (
            self.key == "optional"
            and not self.moves_value
            and self.program == "caller"
            and self.scopes in {scopes.OWNER, scopes.MARKETING}
        )


@dataclass(frozen=True, slots=True)
class Edge:
    """What the edge keeps for a running application."""

    database: Database
    authenticate: Authenticator
    configs: ConfigCache
    rule_sets: RuleSets


_NO_SESSION = cast("Session", None)
"""In the place of a session where the view opens its own: touching it fails at once."""


_LOADERS: dict[Schema, Callable[[Any], Any]] = {}


def edge() -> Edge:
    """Return the running application's edge."""
    return cast("Edge", current_app.extensions["assidu"])


class Blueprint(SmorestBlueprint):
    """A noun's operations."""

    def operation(
        self,
        method: str,
        path: str,
        *,
        scopes: frozenset[str],
        summary: str,
        status: int = 200,
        body: Schema | None = None,
        query: Schema | None = None,
        answer: Schema | None = None,
        problems: Iterable[int] = (),
        example: Any = None,
        answer_example: Any = None,
        key: str = "optional",
        moves_value: bool = False,
        with_etag: bool = False,
        program: str = "caller",
        content_type: str | None = None,
        also: int | None = None,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Enter a view as an operation; its function's name in camel case is the operation's id.

        `scopes` is who may call. `key` says whether an `Idempotency-Key` is `required`, `optional` or `ignored` (only
        of unsafe methods), or `own` where it is required and the view keeps it itself. `moves_value` keeps the key for
        ever. `program` is `caller` where the session is opened for the caller's program, `none` where it is opened for
        none, `own` where the view opens all it needs and is given no session. `also` is another status of success, with
        the same answer.
        """
        declared = Operation(
            method=method, path=path, scopes=scopes, status=status, body=body, query=query, answer=answer,
            key=key if method in UNSAFE else "ignored", moves_value=moves_value, etag=with_etag, program=program,
        )  # fmt: skip

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            def run(**path_values: Any) -> Response:
                return _run(declared, view, path_values)

            run.__name__ = view.__name__
            run.__doc__ = view.__doc__
            run._apidoc = self._documentation(  # type: ignore[attr-defined]  # noqa: SLF001 - flask-smorest's place
                declared, view, summary=summary, problems=problems, example=example,
                answer_example=answer_example, content_type=content_type, also=also,
            )  # fmt: skip
            self.route(path, methods=[method], endpoint=view.__name__)(run)
            run.declared = declared  # type: ignore[attr-defined]
            return run

        return decorate

    def _documentation(
        self,
        declared: Operation,
        view: Callable[..., Any],
        *,
        summary: str,
        problems: Iterable[int],
        example: Any,
        answer_example: Any,
        content_type: str | None,
        also: int | None,
    ) -> Any:
        # flask-smorest's decorators write the documentation; a function that is never called carries it.
        def documented() -> None: ...

        documented.__doc__ = view.__doc__
        documented = self.response(declared.status, declared.answer, example=answer_example, content_type=content_type)(
            documented
        )
        if also is not None:
            documented = self.alt_response(also, schema=declared.answer, success=True)(documented)
        if declared.query is not None:
            documented = self.arguments(declared.query, location="query")(documented)
        if declared.body is not None:
            documented = self.arguments(declared.body, example=example)(documented)
        for status in sorted(_problems(declared) | set(problems)):
            documented = self.alt_response(status, _response_name(status))(documented)
        documented = self.doc(
            summary=summary,
            description=inspect.cleandoc(view.__doc__ or ""),
            operationId=_camel(view.__name__),
            security=[{name: []} for name, admitted in _SECURITY.items() if admitted & declared.scopes],
            **{"x-scopes": sorted(declared.scopes)},
        )(documented)
        headers = [_key_parameter(required=declared.key in {"required", "own"})] if declared.key != "ignored" else []
        headers += [_IF_MATCH] if declared.etag and declared.method not in {"GET", "POST"} else []
        if headers:
            documented = self.doc(parameters=headers)(documented)
        return documented._apidoc  # type: ignore[attr-defined]  # noqa: SLF001 - flask-smorest's place


def _run(declared: Operation, view: Callable[..., Any], path_values: dict[str, Any]) -> Response:
    here = edge()
    principal = _admit(here, declared)
    query = _load_query(declared.query)
    body, raw = _load_body(declared.body)
    if declared.program == "own":
        unbound = Call(principal=principal, session=_NO_SESSION, database=here.database, body=body, query=query)
        return _answer(declared, view(unbound, **path_values))
    program_id = principal.program_id if declared.program == "caller" else None
    customer_id = principal.id if principal.kind == "customer" else None
    with here.database.transaction(program_id, customer_id=customer_id) as session:
        call = Call(principal=principal, session=session, database=here.database, body=body, query=query)
        scope, key = _key_of(declared, principal)
        if key is None or session.program_id is None or declared.key == "own":
            return _perform(declared, view, call, path_values)
        print_ = idempotency.fingerprint(request.method, request.path, raw)
        kept = idempotency.find(session, scope=scope, key=key, fingerprint=print_)
        if kept is not None:
            return Response(kept.body, kept.status, {"Idempotent-Replayed": "true"}, mimetype="application/json")
        response = _perform(declared, view, call, path_values)
        idempotency.keep(
            session, scope=scope, key=key, fingerprint=print_, status=response.status_code,
            answer=response.get_data(as_text=True), permanent=declared.moves_value,
        )  # fmt: skip
        return response


def _perform(declared: Operation, view: Callable[..., Any], call: Call, path_values: dict[str, Any]) -> Response:
    response = _answer(declared, view(call, **path_values))
    if declared.changes_set_up:
        body = response.get_json(silent=True) or {}
        subject = body.get("id") or request.path.rsplit("/", 1)[-1]
        audits.record(
            call.session, action=_camel(view.__name__), subject=subject, staff_id=call.principal.staff_id,
            api_key_id=call.principal.api_key_id, data={"fields": sorted(call.body)} if call.body else {},
        )  # fmt: skip
    return response


def _admit(here: Edge, declared: Operation) -> Principal:
    if declared.scopes == frozenset({"public"}):
        return here.authenticate(None)
    principal = here.authenticate(request.headers.get("Authorization"))
    if principal.scopes & declared.scopes:
        return principal
    if principal.kind == "nobody":
        raise UnauthenticatedError("Send `Authorization: Bearer …` with an access token or an API key.")
    raise ForbiddenError(f"This needs one of: {', '.join(sorted(declared.scopes))}.", needed=sorted(declared.scopes))


def _load_query(schema: Schema | None) -> dict[str, Any]:
    if schema is None and not request.query_string:
        return {}
    given = request.args.to_dict()
    try:
        return cast("dict[str, Any]", (schema or Body()).load(given))
    except ValidationError as error:
        raise InvalidError(QUERY_REFUSED, errors=error_list(error.messages, "?")) from None


def _load_body(schema: Schema | None) -> tuple[Any, bytes]:
    if schema is None:
        return None, b""
    raw = request.get_data()
    return load_json(schema, raw), raw


def load_json(schema: Schema, raw: bytes) -> Any:
    """Return the body validated by `schema`; raise MalformedError for what is not JSON, InvalidError for its fields."""
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
        raise InvalidError(BODY_REFUSED, errors=error_list(error.messages)) from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two values under one name, readers on the way may have believed the other (RFC 8259 §4).
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("A name stands twice in an object.")
    return found


def _key_of(declared: Operation, principal: Principal) -> tuple[str, str | None]:
    if declared.key in {"ignored", "own"}:
        return "", None
    key = read_key(required=declared.key == "required")
    return f"{declared.method} {declared.path} {principal.id.hex if principal.id else ''}", key


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


def _answer(declared: Operation, result: Any) -> Response:
    if isinstance(result, Response):
        return result
    if declared.answer is None:
        return Response(status=declared.status)
    document = declared.answer.dump(result)
    response = Response(
        json.dumps(document, ensure_ascii=False, separators=(",", ":")),
        declared.status,
        mimetype="application/json",
    )
    if declared.etag:
        response.headers["ETag"] = etag.of(document)
    return response


def _problems(declared: Operation) -> set[int]:
    # 400: anything may carry a secret in its address, which is refused wherever it is sent.
    found = {400, 500, 503}
    if declared.scopes != frozenset({"public"}):
        found |= {401, 403}
    if "<" in declared.path:
        found.add(404)
    if declared.body is not None:
        found |= {413, 415, 422}
    if declared.query is not None or declared.key != "ignored":
        found.add(422)
    if declared.key in {"required", "own"}:
        found.add(409)
    if declared.etag and declared.method not in {"GET", "POST"}:
        found.add(412)
    return found


def _response_name(status: int) -> str:
    return http.HTTPStatus(status).name


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


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


def declared_operations(app: Flask) -> dict[str, Operation]:
    """Return every operation of the application by endpoint; raise RuntimeError for a `/v1` route without one."""
    found: dict[str, Operation] = {}
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        declared = getattr(view, "declared", None)
        if declared is not None:
            found[rule.endpoint] = declared
        elif rule.rule.startswith("/v1/"):
            raise RuntimeError(f"{rule.rule} declares no scopes")
    return found


def page_of(rows: list[Any], limit: int, cursor: Callable[[Any], str]) -> dict[str, Any]:
    """Return `{"data", "next"}` for rows of which one more than `limit` was asked."""
    more = len(rows) > limit
    shown = rows[:limit]
    return {"data": shown, "next": cursor(shown[-1]) if more else None}
