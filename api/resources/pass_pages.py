"""`/passes/{token}`: what a one-time link opens: the pass itself, the wallet's page, or a sentence why not."""

from collections.abc import Mapping
from html import escape
from http import HTTPStatus

import flask
from flask import Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from api import limits
from api.operation import edge
from api.problems import TooManyRequestsError
from api.resources.passes import RETRY_SECONDS, file_of
from app.errors import AssiduError, NotFoundError
from app.services import pass_links
from app.services.attempts import Policy
from app.services.pass_links import LinkUsedError
from wallet import handing

blp = flask.Blueprint("pass-pages", __name__)

OPENINGS_CLIENT = Policy("pass-links-client", 120, 600)
"""Links opened from one client address, used up and unknown ones too: a shop's customers share its network."""
LANGUAGES = ("fr", "en")
_TEXTS = {
    "fr": {
        "gone": ("Ce lien a déjà servi", "Il ne marche qu'une fois, pendant dix minutes. Demandez-en un autre."),
        "none": ("Ce lien n'existe pas", "Vérifiez l'adresse, ou demandez un autre lien."),
        "wait": ("Votre carte arrive", "Encore un instant…"),
        "busy": ("Trop d'essais", "Attendez quelques minutes, puis ouvrez le lien à nouveau."),
        "stop": ("Cette carte ne peut pas être ajoutée", "Demandez à la boutique qui vous l'a donnée."),
    },
    "en": {
        "gone": ("This link was used already", "It works once, for ten minutes. Ask for another."),
        "none": ("There is no such link", "Check the address, or ask for another link."),
        "wait": ("Your card is coming", "One moment…"),
        "busy": ("Too many tries", "Wait a few minutes, then open the link again."),
        "stop": ("This card cannot be added", "Ask the shop that gave it to you."),
    },
}
_STYLE = (
    ":root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:20vh auto;"
    "padding:0 1.25rem;text-align:center}h1{font-size:1.6rem}"
)


_ANSWERS: Mapping[type[AssiduError], tuple[str, HTTPStatus]] = {
    NotFoundError: ("none", HTTPStatus.NOT_FOUND),
    LinkUsedError: ("gone", HTTPStatus.GONE),
    TooManyRequestsError: ("busy", HTTPStatus.TOO_MANY_REQUESTS),
}


@blp.route("/passes/<token>", methods=["GET"])
def open_pass_link(token: str) -> BaseResponse:
    """Hand the pass out and use the link up. HEAD, by which mail programs look at links, uses nothing up."""
    try:
        limits.check_client(edge().database, OPENINGS_CLIENT)
        return _private(_opened(token))
    except AssiduError as error:
        kind, status = _ANSWERS.get(type(error), ("stop", HTTPStatus.CONFLICT))
        return _page(kind, status)


def _opened(token: str) -> BaseResponse:
    database = edge().database
    link = pass_links.look(database, token)
    if request.method == "HEAD":
        return Response(status=HTTPStatus.OK)
    handout = handing.hand_out(database, link.program_id, link.card_id, link.platform)
    if not handout.ready:
        return _page("wait", HTTPStatus.SERVICE_UNAVAILABLE)
    # Last, so that nothing that fails uses it up; who comes at the same moment is told that it is gone.
    with database.transaction(link.program_id) as session:
        pass_links.use(session, token)
    return file_of(handout) if handout.link is None else redirect(handout.link, HTTPStatus.SEE_OTHER)


def _page(kind: str, status: HTTPStatus) -> BaseResponse:
    language = request.accept_languages.best_match(LANGUAGES) or LANGUAGES[1]
    title, text = _TEXTS[language][kind]
    again = f'<meta http-equiv="refresh" content="{RETRY_SECONDS}">' if kind == "wait" else ""
    page = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{escape(title)}</title>{again}'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1><p>{escape(text)}</p></main></body></html>"
    )
    response = Response(page, status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    )
    response.headers["Content-Language"] = language
    if kind == "wait":
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return _private(response)


def _private(response: BaseResponse) -> BaseResponse:
    # The token stands in the address: it goes to nobody else, and into no store.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
