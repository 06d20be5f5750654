"""Text on drawn cards: typefaces of our own, in the scripts of Europe, in Arabic and in Hebrew, cut where room ends.

FreeType draws and HarfBuzz shapes, both inside Pillow. A text is cut into runs by script, since no one typeface has
all; a right-to-left text has its runs in reverse. What none of them has (emoji, Chinese) is left out here: phones draw
passes with typefaces of their own, and the preview in HTML with the reader's.
"""

import functools
import unicodedata
from collections.abc import Iterator
from importlib import resources
from io import BytesIO
from typing import Any, Final, Literal

from PIL import Image, ImageDraw, ImageFont

Weight = Literal[400, 600]
Alignment = Literal["left", "right", "middle"]

_RANGES: Final[tuple[tuple[str, tuple[tuple[int, int], ...]], ...]] = (
    ("inter-latin", ((0x20, 0xFF), (0x131, 0x131), (0x152, 0x153), (0x2000, 0x206F), (0x20AC, 0x20AC))),
    ("inter-vietnamese", ((0x1EA0, 0x1EF9), (0x1A0, 0x1A1), (0x1AF, 0x1B0), (0x20AB, 0x20AB))),
    ("inter-latin-ext", ((0x100, 0x2BA), (0x1E00, 0x1E9F), (0x20A0, 0x20C0))),
    ("inter-cyrillic", ((0x400, 0x45F), (0x490, 0x491), (0x4B0, 0x4B1), (0x2116, 0x2116))),
    ("inter-cyrillic-ext", ((0x460, 0x52F),)),
    ("inter-greek", ((0x370, 0x3FF),)),
    ("noto-sans-hebrew", ((0x590, 0x5FF), (0xFB1D, 0xFB4F))),
    ("noto-sans-arabic", ((0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC))),
)  # fmt: skip
"""Which file has which code points, as the files' makers say."""
_PLAIN: Final = "inter-latin"
_LEFTWARDS: Final = frozenset({"noto-sans-hebrew", "noto-sans-arabic"})
_ELLIPSIS: Final = "…"
_CAP_HEIGHT: Final = 0.727
"""Of Inter, in sizes: how high a capital is."""


def is_leftward(text: str) -> bool:
    """Say whether a text is read from right to left: by its first letter that has a direction (UAX 9, P2)."""
    for letter in text:
        direction = unicodedata.bidirectional(letter)
        if direction in {"R", "AL"}:
            return True
        if direction == "L":
            return False
    return False


def drawable(text: str) -> str:
    """Return what of a text our typefaces have, without controls, its spaces as single ones."""
    kept = (" " if letter.isspace() else letter for letter in text if letter.isspace() or _is_drawn(letter))
    return " ".join("".join(kept).split())


def width(text: str, size: float, weight: Weight = 400) -> float:
    """Return how many pixels a text takes."""
    return sum(_advance(run, file, size, weight) for run, file in _runs(text))


def fitted(text: str, size: float, room: float, weight: Weight = 400) -> str:
    """Return a text, cut with an ellipsis where it takes more than `room` pixels."""
    text = drawable(text)
    if width(text, size, weight) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width(text[:middle].rstrip() + _ELLIPSIS, size, weight) <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + _ELLIPSIS


def shrunk(text: str, size: float, room: float, weight: Weight = 400, *, smallest: float = 0.6) -> float:
    """Return the size at which a text fits, from `size` down to the `smallest` share of it."""
    wanted = width(text, size, weight)
    return size if wanted <= room else max(size * room / wanted, size * smallest)


def draw(
    image: Image.Image,
    text: str,
    *,
    at: tuple[float, float],
    size: float,
    colour: str,
    weight: Weight = 400,
    align: Alignment = "left",
) -> None:
    """Draw one line whose baseline and left edge (right edge, middle) are `at`, in pixels."""
    x, y = at
    if align != "left":
        x -= width(text, size, weight) / (2 if align == "middle" else 1)
    pen = ImageDraw.Draw(image)
    runs = list(_runs(text))
    for run, file in reversed(runs) if is_leftward(text) else runs:
        direction = "rtl" if file in _LEFTWARDS else "ltr"
        pen.text((x, y), run, font=_font(file, size, weight), fill=colour, anchor="ls", direction=direction)
        x += _advance(run, file, size, weight)


def bounds(letter: str, size: float, weight: Weight = 400) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom of a letter's ink, seen from where it is drawn at."""
    return _font(_file_of(letter) or _PLAIN, size, weight).getbbox(letter, anchor="ls")


def cap_height(size: float) -> float:
    """Return how high capitals of a size are, in pixels."""
    return size * _CAP_HEIGHT


def _runs(text: str) -> Iterator[tuple[str, str]]:
    """Cut a text into runs of one file each; spaces and signs stay with what is before them."""
    run, current = "", ""
    for letter in drawable(text):
        file = _file_of(letter) or _PLAIN
        if letter == " " and current:
            file = current
        if run and file != current:
            yield run, current
            run = ""
        run, current = run + letter, file
    if run:
        yield run, current


def _is_drawn(letter: str) -> bool:
    return _file_of(letter) is not None and not unicodedata.category(letter).startswith("C")


@functools.lru_cache(maxsize=4096)
def _file_of(letter: str) -> str | None:
    point = ord(letter)
    for file, ranges in _RANGES:
        if any(low <= point <= high for low, high in ranges):
            return file
    return None


def _advance(run: str, file: str, size: float, weight: Weight) -> float:
    direction = "rtl" if file in _LEFTWARDS else "ltr"
    return float(_font(file, size, weight).getlength(run, direction=direction))


@functools.lru_cache(maxsize=256)
def _font(file: str, size: float, weight: Weight) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(BytesIO(_bytes_of(file, weight)), size, layout_engine=ImageFont.Layout.RAQM)


@functools.cache
def _bytes_of(file: str, weight: Weight) -> bytes:
    found: Any = resources.files("wallet.fonts") / f"{file}-{weight}.woff2"
    return bytes(found.read_bytes())
