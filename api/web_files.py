"""Files of `web/` as answers: known before they are asked for, compressed once, validated by ETag."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Response, request
from werkzeug.exceptions import NotFound

ROOT = Path(__file__).resolve().parent.parent / "web"
"""Where the pages lie: beside this package, in the tree as in an installed wheel."""

LONG_CACHE = "public, max-age=31536000, immutable"
"""For files whose address changes when they do."""
CHECKED_CACHE = "no-cache"
"""For files that change under the same address: kept, and asked about by ETag."""

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".webmanifest": "application/json"}
_PACKED_TYPES = ("text/", "image/svg+xml", "application/json")
_PACKED_MIN_BYTES = 1000


@dataclass(frozen=True, slots=True)
class WebFile:
    """A file's bytes, plain and packed (None where packing saves nothing), and its media type."""

    plain: bytes
    packed: bytes | None
    media_type: str


def serve(folder: Path, name: str, cache_control: str) -> Response:
    """Return the file `name` of `folder`; raise NotFound for what is not in it, whatever the path says."""
    paths = {path.relative_to(folder).as_posix(): path for path in _paths(folder)}
    path = paths.get(name)
    if path is None:
        raise NotFound("There is no such file.")
    response = respond(_read(path, path.stat().st_mtime_ns))
    response.headers["Cache-Control"] = cache_control
    return response


def respond(file: WebFile) -> Response:
    """Return a file as the request's `Accept-Encoding` and `If-None-Match` want it."""
    packs = file.packed is not None and request.accept_encodings["gzip"] > 0
    body = file.packed if packs and file.packed is not None else file.plain
    response = Response(body, mimetype=file.media_type)
    if packs:
        response.headers["Content-Encoding"] = "gzip"
    if file.packed is not None:
        response.headers["Vary"] = "Accept-Encoding"
    # Weak: the same words, in either encoding.
    response.set_etag(hashlib.sha256(file.plain).hexdigest()[:32], weak=True)
    response.make_conditional(request)
    return response


def make_file(plain: bytes, media_type: str) -> WebFile:
    """Return bytes as a file, packed where that saves something."""
    packs = media_type.startswith(_PACKED_TYPES) and len(plain) >= _PACKED_MIN_BYTES
    return WebFile(plain, gzip.compress(plain, 9, mtime=0) if packs else None, media_type)


@cache
def _paths(folder: Path) -> tuple[Path, ...]:
    return tuple(path for path in folder.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"})


@cache
def _read(path: Path, _changed_ns: int) -> WebFile:
    guessed = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
    return make_file(path.read_bytes(), guessed)
