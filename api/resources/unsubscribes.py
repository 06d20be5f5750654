"""`/u/{token}`: the page that a mail's unsubscribe link opens, and the one click that withdraws the consent (RFC 8058).

Opening it changes nothing: mail scanners open every link. The click is a POST, from the page's button or from the mail
program itself, which needs no page and no sign-in; the token is all the proof there is.
"""

import base64
import hashlib
from functools import cache
from html import escape
from http import HTTPStatus
from string import Template

import flask
from flask import Response, request

from api import web_files
from api.operation import edge
from app.errors import NotFoundError
from app.services import unsubscribes
from app.services.unsubscribes import Links, Standing, Subscription
from notifications.channels.email_frame import BACKGROUND, colour, readable

blp = flask.Blueprint("unsubscribes", __name__)

FOLDER = web_files.ROOT / "unsubscribe"
LANGUAGES = ("fr", "en")

_CHANNELS = {
    "fr": {"email": "par e-mail", "push": "par notification", "sms": "par SMS", "wallet": "sur votre carte"},
    "en": {"email": "by e-mail", "push": "by notification", "sms": "by text message", "wallet": "on your card"},
}
_TEXTS = {
    "fr": {
        "ask": ("Se désabonner ?", "{program} ne vous enverra plus d'offres {channel}. Votre carte reste la même."),
        "done": ("C'est fait", "{program} ne vous envoie plus d'offres {channel}. Votre carte reste la même."),
        "wrong": ("Ce lien est incomplet", "Ouvrez-le depuis l'e-mail, ou changez vos choix dans l'application."),
        "button": ("Me désabonner", ""),
    },
    "en": {
        "ask": ("Unsubscribe?", "{program} will send you no more offers {channel}. Your card stays as it is."),
        "done": ("Done", "{program} sends you no more offers {channel}. Your card stays as it is."),
        "wrong": ("This link is incomplete", "Open it from the e-mail, or change your choices in the app."),
        "button": ("Unsubscribe me", ""),
    },
}


@blp.get("/u/<token>")
def show_unsubscribe(token: str) -> Response:
    """Ask whether to withdraw the consent, or say that it is withdrawn; nothing changes."""
    subscription = _read(token)
    if subscription is None:
        return _page("wrong", None, HTTPStatus.NOT_FOUND)
    standing = unsubscribes.look(edge().database, subscription)
    return _page("ask" if standing is not None and standing.granted else "done", standing)


@blp.post("/u/<token>")
def unsubscribe(token: str) -> Response:
    """Withdraw the consent; asked again, it stays withdrawn. The body, `List-Unsubscribe=One-Click`, is not needed."""
    subscription = _read(token)
    if subscription is None:
        return _page("wrong", None, HTTPStatus.NOT_FOUND)
    return _page("done", unsubscribes.withdraw(edge().database, subscription))


@blp.get("/u/files/<name>")
def show_unsubscribe_file(name: str) -> Response:
    """Give a file of the page."""
    return web_files.serve(FOLDER, name, web_files.CHECKED_CACHE)


def _read(token: str) -> Subscription | None:
    try:
        return Links(edge().database.keyring).read(token)
    except NotFoundError:
        return None


def _page(kind: str, standing: Standing | None, status: HTTPStatus = HTTPStatus.OK) -> Response:
    language = _language(standing)
    title, text = _TEXTS[language][kind]
    program = standing.program if standing else ""
    channel = _CHANNELS[language][standing.channel if standing else "email"]
    colours = _colours(standing)
    button = f'<form method="post"><button>{_TEXTS[language]["button"][0]}</button></form>\n' if kind == "ask" else ""
    html = _template().substitute(
        language=language,
        title=escape(title),
        text=escape(text.format(program=program or "Assidu", channel=channel)),
        program=escape(program or "Assidu"),
        colours=colours,
        form=button,
    )
    style = base64.b64encode(hashlib.sha256(colours.encode()).digest()).decode()
    return Response(
        html,
        status,
        {
            "Content-Security-Policy": f"default-src 'none'; style-src 'self' 'sha256-{style}'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'",
            # The token stands in the address: it goes to nobody else, and into no store.
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Robots-Tag": "noindex",
        },
        mimetype="text/html",
    )


def _language(standing: Standing | None) -> str:
    spoken = (standing.locale if standing else "").split("-")[0].lower()
    return spoken if spoken in LANGUAGES else request.accept_languages.best_match(LANGUAGES) or LANGUAGES[1]


def _colours(standing: Standing | None) -> str:
    brand = standing.brand if standing else {}
    background, wanted = (colour(brand.get(name)) for name in ("background", "foreground"))
    background = background or BACKGROUND
    return f":root{{--brand:{background};--on-brand:{readable(background, wanted)}}}"


@cache
def _template() -> Template:
    return Template((FOLDER / "page.html").read_text("utf-8"))
