"""Pictures of a face at the sizes that wallets ask for: icon, logo, strip, hero; fetched, checked, resized, remembered.

    images = images.shared(loopback=...)
    images.of(face) -> {"icon.png": ..., "icon@2x.png": ..., "logo.png": ..., "strip.png": ...}
    images.hero(face), images.emblem(face)

Whatever is wrong with a logo (absent, gone, too large, no picture), there is an icon, since a pass without one does not
open: the programme's initial, in its colours. The same bytes objects are given again, so that who hashes them does it
once.
"""

import functools
import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from PIL import Image

from wallet import marks, strips
from wallet.card_face import CardFace
from wallet.fetching import PictureClient, PictureError, opened
from wallet.strips import SCALES

KEPT_SECONDS: Final = 3600.0
FAILURE_SECONDS: Final = 60.0

_PICTURES_MAX: Final = 64
_SETS_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class _Kept:
    """A picture that was fetched, and its hash, or why there is none, and until when that is believed."""

    picture: Image.Image | None
    digest: bytes
    problem: str | None
    until: float


_NONE: Final = _Kept(None, b"", None, 0.0)


class Images:
    """Makes and remembers pictures; safe from several threads."""

    def __init__(self, client: PictureClient) -> None:
        self._client = client
        self._kept: dict[str, _Kept] = {}
        self._sets: dict[tuple[object, ...], Mapping[str, bytes]] = {}
        self._lock = threading.Lock()

    def of(self, face: CardFace) -> Mapping[str, bytes]:
        """Return Apple's pictures of a face, by their names in its package."""
        logo, strip = self._kept_of(face.logo_url), self._kept_of(_strip_url(face))
        look = strips.look_of(face) if strip.picture is None else None
        found = self._still(face, logo, strip)
        if look is None:
            return found
        return {**found, **{marks.named("strip", scale): strips.strip(look, scale) for scale in SCALES}}

    def emblem(self, face: CardFace) -> bytes:
        """Return the square logo that Google shows as a circle, 660 pixels wide."""
        return marks.emblem(face.program_name, face.colours, self._kept_of(face.logo_url).picture)

    def hero(self, face: CardFace) -> bytes | None:
        """Return Google's wide picture of a face, or None where nothing is drawn."""
        strip = self._kept_of(_strip_url(face)).picture
        if strip is not None:
            return marks.as_png(marks.cover(strip, strips.HERO_PIXELS))
        look = strips.look_of(face)
        return strips.hero(look) if look is not None else None

    def problems(self, face: CardFace) -> list[str]:
        """Say, in sentences, what is wrong with the pictures that a design names."""
        named = (("logo", face.logo_url), ("strip", _strip_url(face)))
        return [
            f"The {what} at {url} is not shown: {self._kept_of(url).problem}"
            for what, url in named
            if self._kept_of(url).problem
        ]

    def _still(self, face: CardFace, logo: _Kept, strip: _Kept) -> Mapping[str, bytes]:
        """Return what is the same on all of a programme's cards."""
        alone = not face.title
        key = (face.colours, face.program_name, alone, logo.digest, strip.digest)
        found = self._sets.get(key)
        if found is None:
            found = {
                **marks.icons(face.program_name, face.colours, logo.picture),
                **marks.logos(face.program_name, face.colours, logo.picture, alone=alone),
                **(marks.covered(strip.picture) if strip.picture is not None else {}),
            }
            with self._lock:
                if len(self._sets) >= _SETS_MAX:
                    self._sets.pop(next(iter(self._sets)))
                found = self._sets.setdefault(key, found)
        return found

    def _kept_of(self, url: str | None) -> _Kept:
        if url is None:
            return _NONE
        kept = self._kept.get(url)
        if kept is None or kept.until < time.monotonic():
            kept = self._fetch(url, kept or _NONE)
            with self._lock:
                if len(self._kept) >= _PICTURES_MAX and url not in self._kept:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[url] = kept
        return kept

    def _fetch(self, url: str, before: _Kept) -> _Kept:
        """Get a picture; while its server is down, what it gave before is shown on."""
        try:
            content = self._client.get(url)
            picture = opened(content)
        except PictureError as error:
            return _Kept(before.picture, before.digest, str(error), time.monotonic() + FAILURE_SECONDS)
        return _Kept(picture, hashlib.sha256(content).digest(), None, time.monotonic() + KEPT_SECONDS)


@functools.cache
def shared(*, loopback: bool = False) -> Images:
    """Return this process's own; `loopback` is for development."""
    return Images(PictureClient(loopback=loopback))


def _strip_url(face: CardFace) -> str | None:
    return face.strip_url if face.strip_style == "image" else None
