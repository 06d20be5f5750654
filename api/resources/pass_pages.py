"""`/passes/{token}`: the page of a one-time link to a pass, and the press that uses it up.

Opening the page uses nothing up: mail programs, their scanners and previews of messages open every link. The press is
a POST. It answers with the address of the pass itself, under a ticket (`app.services.pass_links`).
"""

from collections.abc import Mapping
from html import escape
from http import HTTPStatus

import flask
from flask import redirect, request
from werkzeug.wrappers import Response as BaseResponse

from api import branded_pages, limits
from api.branded_pages import Policy
from api.operation import edge
from api.pass_words import PASS_TEXTS, WALLET_BUTTONS
from api.problems import TooManyRequestsError
from api.resources.passes import PKPASS, RETRY_SECONDS, file_of
from app.errors import AssiduError, NotFoundError
from app.models import Program
from app.services import pass_links, programs
from app.services.attempts import Policy as Attempts
from app.services.pass_links import FoundLink, LinkUsedError
from wallet import handing

blp = flask.Blueprint("pass-pages", __name__)

OPENINGS_CLIENT = Attempts("pass-links-client", 120, 600)
"""Links opened from one client address, used up and unknown ones too: a shop's customers share its network."""
_ANSWERS: Mapping[type[AssiduError], tuple[str, HTTPStatus]] = {
    NotFoundError: ("none", HTTPStatus.NOT_FOUND),
    LinkUsedError: ("gone", HTTPStatus.GONE),
    TooManyRequestsError: ("busy", HTTPStatus.TOO_MANY_REQUESTS),
}
_PRESSED = Policy(forms="'self' https:")
"""The press leads to the pass, and for Google from there to Google."""


@blp.get("/passes/<token>")
def show_pass_link(token: str) -> BaseResponse:
    """Show the button that hands the pass out, or say why there is none; nothing is used up.

    A program that asks by `Accept` for a pass and nothing else is taken to have pressed.
    """
    if request.method == "GET" and request.headers.get("Accept", "").strip() == PKPASS:
        return use_pass_link(token)
    try:
        link = _found(token)
    except AssiduError as error:
        return _trouble(error)
    program = _program(link)
    return _button(link, program) if link.is_open() else _trouble(LinkUsedError(), program)


@blp.post("/passes/<token>")
def use_pass_link(token: str) -> BaseResponse:
    """Use the link up and lead to the pass. A link whose pass cannot be made stays unused."""
    database = edge().database
    program = None
    try:
        link = _found(token)
        program = _program(link)
        if not link.is_open():
            raise LinkUsedError
        # First, so that nothing that fails uses it up.
        handing.hand_out(database, link.program_id, link.card_id, link.platform)
        with database.transaction(link.program_id) as session:
            ticket = pass_links.use(session, database.keyring, token)
    except AssiduError as error:
        return _trouble(error, program)
    return _private(redirect(f"/passes/{token}/{ticket}", HTTPStatus.SEE_OTHER))


@blp.get("/passes/<token>/<ticket>")
def get_linked_pass(token: str, ticket: str) -> BaseResponse:
    """Hand the pass out to whoever pressed: a file, or the way to Google as soon as Google knows of the card."""
    database = edge().database
    try:
        limits.check_client(database, OPENINGS_CLIENT)
        link = pass_links.follow(database, token, ticket)
        handout = handing.hand_out(database, link.program_id, link.card_id, link.platform)
    except AssiduError as error:
        return _trouble(error)
    if not handout.ready:
        return _wait(_program(link))
    return _private(redirect(handout.link, HTTPStatus.SEE_OTHER) if handout.link is not None else file_of(handout))


def _found(token: str) -> FoundLink:
    limits.check_client(edge().database, OPENINGS_CLIENT)
    return pass_links.find(edge().database, token)


def _program(link: FoundLink) -> Program:
    with edge().database.transaction(link.program_id) as session:
        return programs.get(session)


def _button(link: FoundLink, program: Program) -> BaseResponse:
    language = branded_pages.language_of(program.locale)
    said = PASS_TEXTS[language]
    title, lead = (text.replace("{program}", program.name) for text in said["open"])
    body = (
        f'<main><h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p><form method="post">'
        f'<button class="wallet">{escape(WALLET_BUTTONS[language][link.platform])}</button></form>'
        f'<p class="hint">{escape(said[link.platform][1])}</p></main>'
    )
    return _private(branded_pages.page(language, title, body, program=program, policy=_PRESSED))


def _trouble(error: AssiduError, program: Program | None = None) -> BaseResponse:
    kind, status = _ANSWERS.get(type(error), ("stop", HTTPStatus.CONFLICT))
    return _says(kind, status, program)


def _wait(program: Program) -> BaseResponse:
    response = _says("wait", HTTPStatus.SERVICE_UNAVAILABLE, program, Policy(refresh=RETRY_SECONDS))
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _says(kind: str, status: HTTPStatus, program: Program | None, policy: Policy = branded_pages.PLAIN) -> BaseResponse:
    language = branded_pages.language_of(program.locale if program else "")
    title, text = PASS_TEXTS[language][kind]
    body = f"<main><h1>{escape(title)}</h1><p>{escape(text)}</p></main>"
    return _private(branded_pages.page(language, title, body, program=program, status=status, policy=policy))


def _private(response: BaseResponse) -> BaseResponse:
    # The token stands in the address: it goes to nobody else, and into no store.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
