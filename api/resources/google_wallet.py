"""`/wallet/google/…`: what Google Wallet's servers ask of us: callbacks, and the pictures that cards show.

No part of the API's document: Google's protocol is the one that binds. Callbacks are believed by their signature alone;
pictures are the programme's look, which everybody sees who has a card, and nobody's own.
"""

import re
import time
from http import HTTPStatus
from uuid import UUID

import flask
from flask import Response, request

from api import limits
from api.operation import edge
from app import clock
from app.errors import NotFoundError
from app.models import Program
from app.services import pass_callbacks, programs
from wallet import images
from wallet.platforms.google import callbacks, pictures, root_keys
from wallet.platforms.google.callbacks import Callback, CallbackRefusedError
from wallet.platforms.google.pictures import PictureAddresses
from wallet.platforms.google.root_keys import RootKeysUnavailableError

blp = flask.Blueprint("google-wallet", __name__, url_prefix=pictures.PATH)

KEPT_SECONDS = 86_400
RETRY_SECONDS = 60
EMBLEM_SECONDS = 300.0
EMBLEMS_MAX = 100
_EMBLEMS: dict[str, tuple[float, bytes]] = {}
"""Logos that were drawn, until when they are believed: whoever fetches a picture again and again costs nothing."""
_HEX = re.compile(r"[0-9a-f]{32}")


@blp.before_request
def _meter() -> None:
    here = edge()
    limits.meter_client(here.database, here.meters.clients)


@blp.post("/callbacks")
def hear_google_callback() -> Response:
    """Hear that a card was saved or deleted: 200 when noted now or before, or none of ours; 400 when not Google's."""
    body = request.get_data(cache=False)
    try:
        heard = _verified(body)
    except CallbackRefusedError:
        return _said("This is not signed by Google for one of its issuers.", HTTPStatus.BAD_REQUEST)
    except RootKeysUnavailableError:
        answer = _said("Google's keys cannot be had now.", HTTPStatus.SERVICE_UNAVAILABLE)
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer
    issuer_id, _, serial = heard.object_id.partition(".")
    pass_callbacks.hear(edge().database, pass_type_id=issuer_id, serial=serial, event=heard.event, nonce=heard.nonce)
    return _said("", HTTPStatus.OK)


@blp.get("/<program>/logo.png")
def get_google_logo(program: str) -> Response:
    """Draw the programme's logo as Google shows it; drawn once in five minutes."""
    face = pictures.plain_face(_program(program))
    name, now = pictures.version(face), time.monotonic()
    kept = _EMBLEMS.get(name)
    if kept is None or kept[0] <= now:
        if len(_EMBLEMS) >= EMBLEMS_MAX:
            _EMBLEMS.clear()
        kept = _EMBLEMS[name] = (now + EMBLEM_SECONDS, _images().emblem(face))
    return _picture(kept[1])


@blp.get("/<program>/hero/<int:count>-<int:goal>-<seal>.png")
def get_google_hero(program: str, count: int, goal: int, seal: str) -> Response:
    """Draw how full a card of the programme is: `count` of `goal` stamps, or of 100 where the goal is 0."""
    here = edge().database
    found = _program(program)
    if not PictureAddresses(here.settings, here.keyring).is_ours(found.id, count, goal, seal):
        raise NotFoundError("There is no such picture.")
    face = pictures.face_so_full(found, count=count, goal=goal)
    return _picture(_images().hero(face) if face is not None else None)


def _verified(body: bytes) -> Callback:
    """Return what a callback says; with Google's newest keys, should it be signed with one that is new."""
    keys = root_keys.shared(edge().database.settings)
    issuer_id, now = callbacks.issuer_of(body), clock.now()
    try:
        return callbacks.verify(body, keys.current(), issuer_id=issuer_id, at=now)
    except CallbackRefusedError:
        return callbacks.verify(body, keys.current(newer=True), issuer_id=issuer_id, at=now)


def _program(program: str) -> Program:
    if not _HEX.fullmatch(program):
        raise NotFoundError("There is no such programme.")
    with edge().database.transaction(UUID(hex=program)) as session:
        return programs.get(session)


def _images() -> images.Images:
    return images.shared(loopback=edge().database.settings.webhook_loopback == "allowed")


def _picture(content: bytes | None) -> Response:
    if content is None:
        raise NotFoundError("There is no such picture.")
    # Its address changes with the design.
    return Response(content, HTTPStatus.OK, {"Cache-Control": f"public, max-age={KEPT_SECONDS}"}, mimetype="image/png")


def _said(text: str, status: HTTPStatus) -> Response:
    return Response(text, status, {"Cache-Control": "no-store"}, mimetype="text/plain")
