"""`/docs`: the API for people to read and try; `/docs/problems/…`: a page for each kind of problem."""

import re
from functools import cache
from html import escape
from pathlib import Path
from string import Template

import flask
from flask import Response, redirect
from markdown_it import MarkdownIt
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from api import web_files

blp = flask.Blueprint("docs_pages", __name__)

FOLDER = web_files.ROOT / "docs"
PROBLEMS = next(
    path for path in (FOLDER / "problems", web_files.ROOT.parent / "docs" / "problems") if path.is_dir()
)  # fmt: skip
"""The Markdown of the problems: in an installed wheel beside the pages, in the tree among the documentation."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No other host, no inline script or style, no frame (Content Security Policy Level 3)."""

_VENDOR = "vendor/"


@blp.get("/docs")
def show_docs() -> Response:
    """Show every operation, to read and to try."""
    return _page(web_files.serve(FOLDER, "index.html", web_files.CHECKED_CACHE))


@blp.get("/docs/")
@blp.get("/docs/index.html")
def show_docs_elsewhere() -> AnyResponse:
    """Lead to the one address of the page."""
    return redirect("/docs", 308)


@blp.get("/docs/files/<path:name>")
def show_docs_file(name: str) -> Response:
    """Give a file of the page; a library's address carries its version, so it is kept for a year."""
    kept = web_files.LONG_CACHE if name.startswith(_VENDOR) else web_files.CHECKED_CACHE
    return web_files.serve(FOLDER, name, kept)


@blp.get("/docs/problems")
def show_problems() -> Response:
    """List the kinds of problems."""
    lines = "".join(
        f'<li><a href="/docs/problems/{slug}"><strong>{escape(_title(slug))}</strong> <code>{slug}</code></a></li>'
        for slug in slugs()
    )
    body = (
        "<h1>Problems</h1><p>An error is a problem document (RFC 9457): <code>type</code> is the address of a page "
        f'here, <code>code</code> never changes.</p><ul class="problems">{lines}</ul>'
    )
    return _problem_page("Problems", body, current=' aria-current="page"')


@blp.get("/docs/problems/")
def show_problems_elsewhere() -> AnyResponse:
    """Lead to the one address of the list."""
    return redirect("/docs/problems", 308)


@blp.get("/docs/problems/<slug>")
def show_problem(slug: str) -> Response:
    """Say what a kind of problem means and what to do."""
    if slug not in slugs():
        raise NotFound("No problem of ours has this name; /docs/problems lists them.")
    return _problem_page(_title(slug), MarkdownIt("commonmark", {"html": False}).enable("table").render(_text(slug)))


@cache
def slugs() -> tuple[str, ...]:
    """Return the slugs of the problems that have a page, in order."""
    return tuple(sorted(path.stem for path in Path(PROBLEMS).glob("*.md")))


@cache
def _text(slug: str) -> str:
    return (PROBLEMS / f"{slug}.md").read_text("utf-8")


def _title(slug: str) -> str:
    heading = re.match(r"# (.+)", _text(slug))
    return heading[1].strip() if heading else slug


def _problem_page(title: str, body: str, current: str = "") -> Response:
    template = Template((FOLDER / "problem.html").read_text("utf-8"))
    page = template.substitute(title=escape(title), body=body, current=current)
    response = _page(web_files.respond(web_files.make_file(page.encode(), "text/html")))
    response.headers["Cache-Control"] = web_files.CHECKED_CACHE
    return response


def _page(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    return response
