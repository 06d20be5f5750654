"""Work that is done once under a key that the view keeps itself."""

from collections.abc import Callable

from flask import Response, request

from api.reading import read_key
from app.db import Session
from app.services import idempotency


def once(session: Session, *, scope: str, key: str, print_: bytes, work: Callable[[], str]) -> Response:
    """Return the kept answer of the key, or do the work (which returns its answer's JSON) and keep it for ever."""
    kept = idempotency.find(session, scope=scope, key=key, fingerprint=print_)
    if kept is not None:
        return respond(kept.body, replayed=True)
    text = work()
    idempotency.keep(session, scope=scope, key=key, fingerprint=print_, status=201, answer=text, permanent=True)
    return respond(text)


def once_by_header(session: Session, *, scope: str, work: Callable[[], str]) -> Response:
    """Do the work once under the request's `Idempotency-Key`; raise IdempotencyKeyRequiredError without one."""
    key = read_key(required=True)
    assert key is not None
    print_ = idempotency.fingerprint(request.method, request.path, request.get_data())
    return once(session, scope=scope, key=key, print_=print_, work=work)


def respond(text: str, *, status: int = 201, replayed: bool = False) -> Response:
    """Return an answer's JSON text over HTTP, saying when it was given before."""
    response = Response(text, status, mimetype="application/json")
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
