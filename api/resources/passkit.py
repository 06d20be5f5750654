"""`/passkit/v1/…`: Apple's web service for passes, to the letter of Apple's protocol and not of our API.

Wallet is given `{base}/passkit` as a pass's `webServiceURL` and appends the rest. It proves itself with the pass's own
token, `Authorization: ApplePass …`; what is no such header, no such pass or not its token is 401, and nothing tells
which. These routes are no part of the API's document: Apple's is the one that binds.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC
from functools import wraps
from http import HTTPStatus
from typing import Any

import flask
from flask import Response, current_app, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import http_date, parse_date

from api import limits
from api.operation import edge
from api.problems import TooManyRequestsError
from api.waiting_room import WaitingRoom
from app.services import attempts, pass_changes, pass_lines, pass_registrations
from app.services.attempts import Policy
from app.services.pass_registrations import Proved
from wallet import passkit
from wallet.passkit import Latest

blp = flask.Blueprint("passkit", __name__, url_prefix="/passkit/v1")

PKPASS = "application/vnd.apple.pkpass"
BODY_MAX_BYTES = 65_536
COMPLAINTS = Policy("pass-complaints", 30, 600)
"""Complaints kept of one client network; the others are heard and forgotten."""
_TYPE = re.compile(r"[A-Za-z0-9.-]{1,200}")
_SERIAL = re.compile(r"[A-Za-z0-9._-]{1,100}")
_TOKEN = re.compile(r"ApplePass ([A-Za-z0-9_-]{16,128})")
_PUSH_TOKEN = re.compile(r"[0-9a-fA-F]{16,400}")
_DEVICE_MAX = 200

_REGISTRATION = "/devices/<device>/registrations/<pass_type_id>/<serial>"
_PASS = "/passes/<pass_type_id>/<serial>"  # noqa: S105 - a path

View = Callable[..., Response]


@blp.record
def _open_waiting_room(state: BlueprintSetupState) -> None:
    """Let a quarter of the threads make passes, and another quarter wait for that; the others are for tills."""
    threads = state.app.extensions["assidu"].database.settings.web_threads
    state.app.extensions["pass_making"] = WaitingRoom("passes", seats=max(1, threads // 4))


def _proved(view: View) -> View:
    """Admit whoever shows the token of the pass that the path names; the view is given the pass."""

    @wraps(view)
    def run(pass_type_id: str, serial: str, **others: str) -> Response:
        shown = _TOKEN.fullmatch(request.headers.get("Authorization", ""))
        if shown is None or not _TYPE.fullmatch(pass_type_id) or not _SERIAL.fullmatch(serial):
            return _refused()
        proved = pass_registrations.prove(edge().database, pass_type_id=pass_type_id, serial=serial, token=shown[1])
        if proved is None:
            return _refused()
        return view(proved, pass_type_id=pass_type_id, **others)

    return run


@blp.post(_REGISTRATION)
@_proved
def register_pass(proved: Proved, *, device: str, pass_type_id: str) -> Response:
    """Register a phone for a pass's changes: 201 when it is new, 200 when it was known; its push token is renewed."""
    push_token = _field("pushToken")
    if not isinstance(push_token, str) or not _PUSH_TOKEN.fullmatch(push_token) or len(device) > _DEVICE_MAX:
        return Response("pushToken is missing or none of APNs'", HTTPStatus.BAD_REQUEST, mimetype="text/plain")
    here = edge().database
    with here.transaction(proved.program_id) as session:
        registered = pass_registrations.register(
            session,
            here.keyring,
            pass_id=proved.pass_id,
            pass_type_id=pass_type_id,
            library_id=device,
            push_token=push_token,
        )
    if registered.wait_seconds is not None:
        raise TooManyRequestsError("Too many devices came for this pass.", retry_after=registered.wait_seconds)
    return _empty(HTTPStatus.CREATED if registered.new else HTTPStatus.OK)


@blp.delete(_REGISTRATION)
@_proved
def unregister_pass(proved: Proved, *, device: str, pass_type_id: str) -> Response:
    """Tell a phone no more of a pass; one that was not registered neither."""
    with edge().database.transaction(proved.program_id) as session:
        pass_registrations.unregister(session, pass_id=proved.pass_id, pass_type_id=pass_type_id, library_id=device)
    return _empty(HTTPStatus.OK)


@blp.get("/devices/<device>/registrations/<pass_type_id>")
def list_changed_passes(device: str, pass_type_id: str) -> Response:
    """List the serial numbers of a phone's passes that changed since its tag; 204 when none did, or nobody knows it."""
    if not _TYPE.fullmatch(pass_type_id) or len(device) > _DEVICE_MAX:
        return _empty(HTTPStatus.NO_CONTENT)
    changes = pass_changes.changes(
        edge().database,
        pass_type_id=pass_type_id,
        library_id=device,
        since=request.args.get("passesUpdatedSince"),
    )
    if changes is None:
        return _empty(HTTPStatus.NO_CONTENT)
    body = json.dumps({"serialNumbers": changes.serials, "lastUpdated": changes.tag})
    return Response(body, HTTPStatus.OK, {"Cache-Control": "no-store"}, mimetype="application/json")


@blp.get(_PASS)
@_proved
def get_latest_pass(proved: Proved, *, pass_type_id: str) -> Response:
    """Give the latest version of a pass; 304 when the phone has it. Some phones ask for its head alone first."""
    del pass_type_id  # it named the pass
    if request.method == "HEAD":
        latest = passkit.look(edge().database, proved)
        return _refused() if latest is None else Response(headers=_times(latest), content_type=PKPASS)
    since = parse_date(request.headers.get("If-Modified-Since"))
    with current_app.extensions["pass_making"].turn():
        latest = passkit.fetch(edge().database, proved, since=since)
    if latest is None:
        return _refused()
    if latest.chunks is None:
        return Response(status=HTTPStatus.NOT_MODIFIED, headers=_times(latest))
    return Response(latest.chunks, HTTPStatus.OK, _times(latest), content_type=PKPASS)


@blp.post("/log")
def log_complaints() -> Response:
    """Take what a phone complains of; always 200, since there is nothing that a phone could do about it."""
    try:
        lines = _field("logs", bare=list)
    except RequestEntityTooLarge:
        lines = None  # nobody reads so much of it
    if isinstance(lines, list):
        here = edge().database
        standing = attempts.count_alone(here, policy=COMPLAINTS, subject=limits.client_network(here))
        if standing.allowed:
            pass_lines.note(here, [line for line in lines if isinstance(line, str)])
    return _empty(HTTPStatus.OK)


def _field(name: str, *, bare: type[Any] | None = None) -> Any:
    """Return one field of the body's object, None without it; or the body itself, where it is `bare`."""
    request.max_content_length = BODY_MAX_BYTES
    try:
        # A phone's own media type is not looked at: it is a phone of Apple's that speaks, and says JSON.
        document = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError):
        return None
    if bare is not None and isinstance(document, bare):
        return document
    return document.get(name) if isinstance(document, dict) else None


def _times(latest: Latest) -> dict[str, str]:
    # The phone may keep it, and nobody may show it again without asking here.
    return {"Last-Modified": http_date(latest.changed_at.astimezone(UTC)), "Cache-Control": "private, no-cache"}


def _empty(status: HTTPStatus) -> Response:
    return Response(status=status, headers={"Cache-Control": "no-store"})


def _refused() -> Response:
    return Response(
        status=HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "ApplePass", "Cache-Control": "no-store"}
    )
