"""`/`: a page for whoever opens the server's address in a browser, in French or English. It asks no database."""

from html import escape

import flask
from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

blp = flask.Blueprint("start", __name__)

LANGUAGES = ("fr", "en")

_WORDS = {
    "fr": ("Assidu", "Ce serveur fait tourner des programmes de fidélité."),
    "en": ("Assidu", "This server runs loyalty programmes."),
}
_PLACES = (
    ("/app/", "Votre carte, vos tampons, vos cadeaux", "Your card, your stamps, your rewards"),
    ("/till/", "La caisse : scanner une carte", "The till: scan a card"),
    ("/console/", "La console du programme", "The programme's console"),
    ("/docs", "API : à lire et à essayer", "API: to read and to try"),
    ("/openapi.json", "API : le document OpenAPI 3.1", "API: the OpenAPI 3.1 document"),
    ("/healthz", "État du serveur", "State of the server"),
)
_STYLE = """
:root{color-scheme:light dark}
body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.25rem}
h1{font-size:2.5rem;margin:0}ul{list-style:none;padding:0}li{margin:.5rem 0}
a{display:block;padding:.75rem 1rem;border:1px solid;border-radius:.6rem;color:inherit;text-decoration:none}
a:hover,a:focus-visible{outline:2px solid;outline-offset:2px}
"""


@blp.get("/")
def show_start() -> Response:
    """Greet, and lead to what this server has."""
    language = request.accept_languages.best_match(LANGUAGES) or LANGUAGES[1]
    title, text = _WORDS[language]
    links = "".join(
        f'<li><a href="{path}">{escape(french if language == "fr" else english)}</a></li>'
        for path, french, english in _PLACES
        if _is_there(path)
    )
    page = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{title}</h1><p>{escape(text)}</p><ul>{links}</ul></main></body></html>"
    )
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "Content-Language": language,
        "Vary": "Accept-Language",
        "Cache-Control": "public, max-age=300",
    }
    return Response(page, 200, headers, mimetype="text/html")


def _is_there(path: str) -> bool:
    try:
        current_app.url_map.bind("").match(path, method="GET")
    except RequestRedirect:
        return True
    except HTTPException:
        return False
    return True
