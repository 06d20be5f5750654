"""Errors as problem documents (RFC 9457): the one table from families to statuses, flask-smorest taught to use it."""

import http
import json
from typing import Any

import psycopg
from flask import Flask, Response, current_app, g, request
from flask_smorest import Api as SmorestApi
from marshmallow import INCLUDE, Schema, fields
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from structlog import get_logger
from werkzeug.exceptions import HTTPException

from app.errors import AssiduError, ConflictError, ForbiddenError, InvalidError, NotFoundError

log = get_logger()

STATUSES: dict[type[AssiduError], int] = {
    NotFoundError: 404,
    ForbiddenError: 403,
    ConflictError: 409,
    InvalidError: 422,
}


class UnauthenticatedError(AssiduError):
    """Nobody we know is calling."""

    slug = "unauthenticated"
    title = "Sign in first"


class TooManyRequestsError(AssiduError):
    """Something guessable was tried too often; `retry_after` seconds until it may be tried again."""

    slug = "too-many-requests"
    title = "Too many tries"


class PreconditionFailedError(AssiduError):
    """`If-Match` names another version: somebody else changed it meanwhile."""

    slug = "changed-meanwhile"
    title = "It was changed meanwhile"


class IdempotencyKeyRequiredError(AssiduError):
    """An operation that moves value was asked without `Idempotency-Key`."""

    slug = "idempotency-key-required"
    title = "An Idempotency-Key is needed"


class MalformedError(AssiduError):
    """The request cannot be read at all: not JSON, not UTF-8."""

    slug = "malformed"
    title = "The request cannot be read"


class UnsupportedMediaTypeError(AssiduError):
    """The body is not said to be JSON."""

    slug = "unsupported-media-type"
    title = "The media type is not understood"


class TooLargeError(AssiduError):
    """A list of the body has more items than any request may have."""

    slug = "too-large"
    title = "Too large"


class UnavailableError(AssiduError):
    """The database cannot be reached; try again."""

    slug = "unavailable"
    title = "Try again in a moment"


STATUSES |= {
    UnauthenticatedError: 401,
    TooManyRequestsError: 429,
    PreconditionFailedError: 412,
    IdempotencyKeyRequiredError: 400,
    MalformedError: 400,
    TooLargeError: 413,
    UnsupportedMediaTypeError: 415,
    UnavailableError: 503,
}

_HTTP_SLUGS = {
    404: "no-such-path", 405: "method-not-allowed", 413: "too-large", 415: "unsupported-media-type",
    500: "internal", 400: "malformed", 408: "malformed", 431: "too-large", 414: "too-large",
}  # fmt: skip

_HTTP_DETAILS = {
    404: "Nothing has this address; `/docs` lists every address of the API.",
    405: "This address is not asked by this method; the answer's `Allow` says by which.",
    413: "The request is larger than this address takes (1 MB as a rule): send it in parts.",
}


class ProblemError(Schema):
    """One wrong field."""

    pointer = fields.String(required=True, metadata={"description": "JSON pointer to the field", "example": "#/amount"})
    detail = fields.String(required=True, metadata={"description": "What is wrong and what to do"})


class Problem(Schema):
    """A problem document (RFC 9457). `code` never changes for a kind of problem; `type` is its page."""

    class Meta:
        """A problem carries its facts beside (RFC 9457 §3.2)."""

        unknown = INCLUDE

    type = fields.String(
        required=True, metadata={"format": "uri-reference", "example": "/docs/problems/insufficient-balance"}
    )
    title = fields.String(required=True, metadata={"example": "Not enough on the account"})
    status = fields.Integer(required=True, metadata={"example": 409})
    detail = fields.String(required=True, metadata={"example": "This costs 30 points; 12 are there."})
    code = fields.String(required=True, metadata={"example": "insufficient-balance"})
    request_id = fields.String(metadata={"example": "0192f0c4a1b27c3d8e4f5a6b7c8d9e0f"})
    errors = fields.List(fields.Nested(ProblemError))


def status_of(error: AssiduError) -> int:
    """Return the HTTP status of an error by its family."""
    for family in type(error).__mro__:
        if family in STATUSES:
            return STATUSES[family]
    return 500


def answer(
    status: int,
    slug: str,
    title: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    **data: Any,
) -> Response:
    """Return a problem document as a response."""
    document: dict[str, Any] = {
        "type": f"/docs/problems/{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": slug,
        "request_id": g.get("request_id", ""),
    }
    if errors:
        document["errors"] = errors
    for key, value in data.items():
        if value is not None:
            document.setdefault(key, value)
    response = Response(json.dumps(document, default=str), status, mimetype="application/problem+json")
    if status == http.HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="assidu"'
    if "retry_after" in data:
        response.headers["Retry-After"] = str(data["retry_after"])
    return response


def from_error(error: AssiduError) -> Response:
    """Return the problem document of one of our errors."""
    return answer(status_of(error), error.slug, error.title, error.detail, errors=error.errors, **error.data)


def from_http(error: HTTPException) -> Response:
    """Return the problem document of an error that Flask or Werkzeug raised, keeping headers such as Allow."""
    if isinstance(error.__cause__, AssiduError):
        return from_error(error.__cause__)
    status = error.code or 500
    slug = _HTTP_SLUGS.get(status, "malformed" if status < 500 else "internal")  # noqa: PLR2004
    response = answer(status, slug, error.name, _HTTP_DETAILS.get(status) or error.description or error.name)
    for name, value in error.get_headers(request.environ):
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def from_database(error: DBAPIError | PoolTimeoutError | psycopg.Error) -> Response:
    """Return 503 when the database is away or too busy, 500 when we asked it something wrong."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    unreachable = isinstance(cause, psycopg.OperationalError | PoolTimeoutError)
    log.error("database", kind=type(error).__name__, cause=type(cause).__name__)
    if unreachable:
        return answer(503, "unavailable", UnavailableError.title, "The database is busy.", retry_after=1)
    return answer(500, "internal", "Internal error", "We made a mistake; it is logged under the request's id.")


def from_unexpected(error: Exception) -> Response:
    """Return 500 for a mistake of ours; the log has the stack, the answer has the request's id."""
    log.error("unexpected", kind=type(error).__name__, exc_info=error)
    if current_app.config.get("PROPAGATE_EXCEPTIONS"):
        raise error
    return answer(500, "internal", "Internal error", "We made a mistake; it is logged under the request's id.")


class Api(SmorestApi):
    """flask-smorest with problem documents, in answers and in OpenAPI."""

    ERROR_SCHEMA = Problem

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Answer with a problem document instead of flask-smorest's own shape."""
        return from_http(error)

    def _register_error_handlers(self) -> None:
        app: Flask = self._app
        app.register_error_handler(HTTPException, self.handle_http_exception)
        app.register_error_handler(AssiduError, from_error)
        app.register_error_handler(DBAPIError, from_database)
        app.register_error_handler(psycopg.Error, from_database)
        app.register_error_handler(PoolTimeoutError, from_database)
        app.register_error_handler(Exception, from_unexpected)

    def _register_responses(self) -> None:
        for status in http.HTTPStatus:
            response: dict[str, Any] = {"description": status.phrase}
            if status >= http.HTTPStatus.BAD_REQUEST:
                response["content"] = {"application/problem+json": {"schema": Problem}}
            self.spec.components.response(status.name, response, lazy=True)
        self.spec.components.response(
            "DEFAULT_ERROR",
            {"description": "A problem", "content": {"application/problem+json": {"schema": Problem}}},
            lazy=True,
        )
