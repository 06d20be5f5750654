"""One operation of the API: who may call it, what it takes and gives, and one transaction around it.

A view does three things: parse, call one service, return. `Blueprint.operation` does the rest the same way for all:
authenticate, check scopes, read and validate path, query and body, open the session of the caller's program, replay or
keep the answer of an `Idempotency-Key`, commit before the answer leaves, and document it all in OpenAPI.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from flask import Flask, Response, current_app, request
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import Schema

from api import etag, limits, reading
from api.documenting import API_PREFIX, Operation, camel, document
from api.guessing import Guesses
from api.locations import Locations
from api.metering import Meters
from api.principal import Authenticator, Principal
from api.problems import (
    UnauthenticatedError,
)
from app.db import Database, Session
from app.errors import ForbiddenError
from app.services import audits, idempotency
from app.services.config import ConfigCache, ProgramConfig
from app.services.hot_scans import RuleSets
from app.services.my_cards import CardReader
from notifications.campaigns.asking import Asker

BODY_MAX_BYTES = 1_000_000
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(slots=True, kw_only=True)
class Call:
    """What a view is given: the caller, the parsed request, the session of one transaction.

    `found` is what the operation's `before` found.
    """

    principal: Principal
    session: Session
    database: Database
    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    found: Any = None

    def config(self) -> ProgramConfig:
        """Return the set-up of the caller's programme as this transaction sees it."""
        return edge().configs.current(self.session)

    def check_match(self, schema: Schema, current: Any) -> None:
        """Raise PreconditionFailedError when the request's `If-Match` names another version than `current`."""
        etag.check(request.headers.get("If-Match"), schema.dump(current))


@dataclass(frozen=True, slots=True)
class Edge:
    """What the edge keeps for a running application."""

    database: Database
    authenticate: Authenticator
    configs: ConfigCache
    card_reader: CardReader
    rule_sets: RuleSets
    meters: Meters
    guesses: Guesses
    asker: Asker


_NO_SESSION = cast("Session", None)
"""In the place of a session where the view opens its own: touching it fails at once."""


_LOCATIONS = Locations()


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
        takes: str | None = None,
        also: int | None = None,
        before: Callable[..., Any] | None = None,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Enter a view as an operation; its function's name in camel case is the operation's id.

        `scopes` is who may call. `key` says whether an `Idempotency-Key` is `required`, `optional` or `ignored` (only
        of unsafe methods), or `own` where it is required and the view keeps it itself. `moves_value` keeps the key for
        ever. `program` is `caller` where the session is opened for the caller's program, `none` where it is opened for
        none, `own` where the view opens all it needs and is given no session. `takes` is the media type of a body that
        is no JSON and that the view reads itself (with `key="ignored"`). `also` is another status of success, with
        the same answer. `before` is called as the view is, before the transaction begins: for what takes its time in
        the world.
        """
        # Keys are kept by programme, and a customer's session has none: what customers may repeat, may be repeated.
        keyless = key == "optional" and scopes == frozenset({"customer"})
        declared = Operation(
            method=method, path=path, scopes=scopes, status=status, body=body, query=query, answer=answer,
            key=key if method in UNSAFE and not keyless else "ignored", moves_value=moves_value, etag=with_etag,
            program=program, before=before,
        )  # fmt: skip

        _LOCATIONS.declare(method, path)

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            def run(**path_values: Any) -> Response:
                return _run(declared, view, path_values)

            run.__name__ = view.__name__
            run.__doc__ = view.__doc__
            run._apidoc = document(  # type: ignore[attr-defined]  # noqa: SLF001 - flask-smorest's place
                self, declared, view, summary=summary, problems=problems, example=example,
                answer_example=answer_example, content_type=content_type, takes=takes, also=also,
            )  # fmt: skip
            self.route(path, methods=[method], endpoint=view.__name__)(run)
            run.declared = declared  # type: ignore[attr-defined]
            return run

        return decorate


def _run(declared: Operation, view: Callable[..., Any], path_values: dict[str, Any]) -> Response:
    here = edge()
    principal = _admit(here, declared)
    query = reading.load_query(declared.query)
    body, raw = reading.load_body(declared.body)
    unbound = Call(principal=principal, session=_NO_SESSION, database=here.database, body=body, query=query)
    if declared.program == "own":
        return _answer(declared, view(unbound, **path_values))
    program_id = principal.program_id if declared.program == "caller" else None
    customer_id = principal.id if principal.kind == "customer" else None
    scope, key = _key_of(declared, principal)
    found = declared.before(unbound, **path_values) if declared.before is not None else None
    with here.database.transaction(program_id, customer_id=customer_id) as session:
        call = replace(unbound, session=session, found=found)
        if key is None or session.program_id is None or declared.key == "own":
            return _LOCATIONS.tell(declared.path, _perform(declared, view, call, path_values))
        print_ = idempotency.fingerprint(request.method, request.path, raw)
        kept = idempotency.find(session, scope=scope, key=key, fingerprint=print_)
        if kept is not None:
            return _LOCATIONS.tell(declared.path, _again(declared, kept.body, kept.status))
        response = _LOCATIONS.tell(declared.path, _perform(declared, view, call, path_values))
        idempotency.keep(
            session, scope=scope, key=key, fingerprint=print_, status=response.status_code,
            answer=response.get_data(as_text=True), permanent=declared.moves_value,
        )  # fmt: skip
        return response


def _again(declared: Operation, body: str, status: int) -> Response:
    """Return the kept answer, with the tag of what it shows: who asked again may change that next."""
    again = Response(body, status, {"Idempotent-Replayed": "true"}, mimetype="application/json")
    if declared.etag and body:
        again.headers["ETag"] = etag.of(json.loads(body))
    return again


def _perform(declared: Operation, view: Callable[..., Any], call: Call, path_values: dict[str, Any]) -> Response:
    response = _answer(declared, view(call, **path_values))
    if declared.changes_set_up:
        body = response.get_json(silent=True) or {}
        subject = body.get("id") or request.path.rsplit("/", 1)[-1]
        audits.record(
            call.session, action=camel(view.__name__), subject=subject, staff_id=call.principal.staff_id,
            api_key_id=call.principal.api_key_id, data={"fields": sorted(call.body)} if call.body else {},
        )  # fmt: skip
    return response


def _admit(here: Edge, declared: Operation) -> Principal:
    if declared.scopes == frozenset({"public"}):
        # What load balancers, Prometheus and wallets ask is not counted: many come from one address.
        if request.path.startswith(API_PREFIX):
            limits.meter_client(here.database, here.meters.clients)
        return here.authenticate(None)
    principal = _authenticate(here)
    if principal.scopes & declared.scopes:
        return principal
    raise ForbiddenError(f"This needs one of: {', '.join(sorted(declared.scopes))}.", needed=sorted(declared.scopes))


def _authenticate(here: Edge) -> Principal:
    try:
        # Without a header it is refused as one that names nobody.
        principal = here.authenticate(request.headers.get("Authorization", ""))
    except UnauthenticatedError:
        limits.meter_client(here.database, here.meters.clients)
        raise
    limits.meter(here.meters.callers, principal.id)
    return principal


def _key_of(declared: Operation, principal: Principal) -> tuple[str, str | None]:
    if declared.key in {"ignored", "own"}:
        return "", None
    key = reading.read_key(required=declared.key == "required")
    return f"{declared.method} {declared.path} {principal.id.hex if principal.id else ''}", key


def _answer(declared: Operation, result: Any) -> Response:
    if isinstance(result, Response):
        return result
    if declared.answer is None:
        empty = Response(status=declared.status)
        del empty.headers["Content-Type"]
        return empty
    document = declared.answer.dump(result)
    response = Response(
        json.dumps(document, ensure_ascii=False, separators=(",", ":")),
        declared.status,
        mimetype="application/json",
    )
    if declared.etag:
        # What is said of this answer only is no part of the version.
        beside: frozenset[str] = getattr(declared.answer, "beside", frozenset())
        response.headers["ETag"] = etag.of({name: value for name, value in document.items() if name not in beside})
    return response


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
