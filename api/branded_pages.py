"""Pages for customers in a programme's name and colours: one frame, one style sheet, nothing from other servers.

Used by the page behind a poster (`join_pages`) and by that of a pass's link (`pass_pages`), in French and English.
"""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from html import escape
from http import HTTPStatus
from string import Template

from flask import Response, request

from api import web_files
from app.models import Program
from notifications.channels.email_frame import BACKGROUND, colour, readable

FOLDER = web_files.ROOT / "join"
LANGUAGES = ("fr", "en")
NAMES = {"fr": "Français", "en": "English"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a page may do, as its Content-Security-Policy says it: where forms lead to, and its script, if it has one.

    `refresh` is after how many seconds the page is asked for again by itself.
    """

    forms: str = "'none'"
    script: str | None = None
    refresh: int | None = None


PLAIN = Policy()


def page(
    language: str, title: str, body: str, *, program: Program | None = None, status: HTTPStatus = HTTPStatus.OK,
    policy: Policy = PLAIN,
) -> Response:  # fmt: skip
    """Return a page; `body` is HTML, `title` is not. Without a programme it is our own."""
    brand = program.brand if program else {}
    background = colour(brand.get("background")) or BACKGROUND
    colours = f":root{{--brand:{background};--on-brand:{readable(background, colour(brand.get('foreground')))}}}"
    other = next(one for one in LANGUAGES if one != language)
    head = f'<script type="module" src="{policy.script}"></script>' if policy.script else ""
    if policy.refresh is not None:
        head += f'<meta http-equiv="refresh" content="{policy.refresh}">'
    html = template("page.html").substitute(
        language=language, title=escape(title), background=background, colours=colours, other=other,
        other_name=NAMES[other], program=escape(program.name if program else "Assidu"), body=body, head=head,
    )  # fmt: skip
    style = base64.b64encode(hashlib.sha256(colours.encode()).digest()).decode()
    return Response(
        html,
        status,
        {
            "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; "
            f"style-src 'self' 'sha256-{style}'; base-uri 'none'; form-action {policy.forms}; frame-ancestors 'none'",
            "Referrer-Policy": "same-origin",
            "Content-Language": language,
            "Vary": "Accept-Language",
            "Cache-Control": "no-cache",
            "X-Robots-Tag": "noindex",
        },
        mimetype="text/html",
    )


def language_of(fallback: str) -> str:
    """Return what the visitor asked for (`?lang=`), speaks, or else the fallback's, English at last."""
    asked = request.args.get("lang", "")
    if asked in LANGUAGES:
        return asked
    spoken = request.accept_languages.best_match(LANGUAGES) or fallback.partition("-")[0]
    return spoken if spoken in LANGUAGES else LANGUAGES[1]


@cache
def template(name: str) -> Template:
    """Return a template of the pages' folder."""
    return Template((FOLDER / name).read_text("utf-8"))
