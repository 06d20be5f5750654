"""Pictures of how full a card is: stamps in rows, or a bar on the way to the next reward, in the brand's colours.

Drawn for each resolution on its own pixel grid, four times larger, and averaged down, so that edges are crisp at 1x and
at 3x; no more colours than a palette holds, so that the three files together are smaller than one photograph. The same
picture is drawn once: a programme has as many as its cards have stamps.
"""

import functools
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

from wallet import glyphs, lettering, palette
from wallet.card_face import CardFace, StampIcon

STRIP_POINTS: Final = (375, 144)
"""Apple's strip of store cards and coupons."""
HERO_PIXELS: Final = (1032, 336)
"""Google's hero image, three to one."""
SCALES: Final = (1, 2, 3)
STAMPS_MAX: Final = 24

_OVER: Final = 4
"""Each pixel is the mean of this many squared."""
_COLOURS: Final = 128
_ROOM: Final = 0.86
_GAP: Final = 0.2
_ROW_MAX: Final = 5
_TWO_ROWS_MAX: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a strip shows: `count` of `goal` stamps, or a bar filled to `count` of 100 (`goal` 0)."""

    count: int
    goal: int
    icon: StampIcon
    background: str
    foreground: str
    label: str


def look_of(face: CardFace) -> Look | None:
    """Return what a face's strip shows, or None where nothing is drawn."""
    colours = face.colours
    ours = {"background": colours.background, "foreground": colours.foreground, "label": colours.label}
    if face.strip_style == "stamps" and face.stamps is not None and face.stamps.goal <= STAMPS_MAX:
        return Look(count=face.stamps.count, goal=face.stamps.goal, icon=face.stamp_icon, **ours)
    if face.strip_style == "progress" and face.progress is not None:
        return Look(count=round(face.progress * 100), goal=0, icon=face.stamp_icon, **ours)
    return None


@functools.lru_cache(maxsize=1024)
def strip(look: Look, scale: int) -> bytes:
    """Return the PNG of Apple's strip at 1x, 2x or 3x."""
    return drawn(look, STRIP_POINTS[0] * scale, STRIP_POINTS[1] * scale)


@functools.lru_cache(maxsize=512)
def hero(look: Look) -> bytes:
    """Return the PNG of Google's hero image."""
    return drawn(look, *HERO_PIXELS)


def drawn(look: Look, width: int, height: int) -> bytes:
    """Return the PNG of a strip of this many pixels."""
    band = band_colour(look.background, look.foreground)
    image = Image.new("RGB", (width, height), band)
    if look.goal:
        _draw_stamps(image, look, band)
    else:
        _draw_bar(image, look, band)
    return as_png(image)


def band_colour(background: str, foreground: str) -> str:
    """Return the strip's own ground: the card's, a shade nearer to its text."""
    return palette.mixed(background, foreground, 0.07)


def as_png(image: Image.Image) -> bytes:
    """Return an opaque picture as a PNG with a palette."""
    buffer = io.BytesIO()
    image.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        buffer, "PNG", optimize=True
    )
    return buffer.getvalue()


def rows_of(goal: int) -> list[int]:
    """Return how many stamps stand in each row, as equal as can be, the fuller rows above."""
    rows = 1 if goal <= _ROW_MAX else 2 if goal <= _TWO_ROWS_MAX else 3
    return [goal // rows + (row < goal % rows) for row in range(rows)]


def _draw_stamps(image: Image.Image, look: Look, band: str) -> None:
    rows = rows_of(look.goal)
    pitch = min(image.width * 0.94 / max(rows), image.height * _ROOM / len(rows))
    pitch = min(pitch, image.height * 0.58)
    side = int(pitch * (1 - _GAP / 2))
    ink = palette.legible(look.label, band, at_least=palette.VISIBLE)
    top = (image.height - pitch * len(rows)) / 2
    # Filled stamps are all alike.
    stamp = functools.cache(functools.partial(_stamp, side, look.icon, ink=ink, band=band))
    place = 0
    for row, columns in enumerate(rows):
        left = (image.width - pitch * columns) / 2
        for column in range(columns):
            is_filled, is_last = place < look.count, place == look.goal - 1
            tile = stamp(None if is_filled else place + 1, is_last=is_last)
            x = round(left + pitch * column + (pitch - side) / 2)
            y = round(top + pitch * row + (pitch - side) / 2)
            image.paste(tile, (x, y))
            place += 1


def _stamp(side: int, icon: StampIcon, number: int | None, *, is_last: bool, ink: str, band: str) -> Image.Image:
    """Return one stamp's square: a disc with a sign, or a ring with its `number`; the last one is the present."""
    big = side * _OVER
    tile = Image.new("RGB", (big, big), band)
    pen = ImageDraw.Draw(tile)
    line = max(big * 0.035, _OVER)
    edge = line / 2
    box = (edge, edge, big - edge - 1, big - edge - 1)
    draw: Callable[[Image.Image, str], None] = functools.partial(glyphs.draw, name="gift" if is_last else icon)
    if number is None:
        pen.ellipse(box, fill=ink)
        draw(tile, palette.legible(band, ink, at_least=palette.VISIBLE))
    else:
        faint = palette.mixed(band, ink, 0.12)
        pen.ellipse(box, fill=faint, outline=palette.mixed(band, ink, 0.6), width=round(line))
        if is_last:
            draw(tile, palette.mixed(band, ink, 0.75))
        else:
            size = big * 0.36
            lettering.draw(
                tile, str(number), at=(big / 2, big / 2 + lettering.cap_height(size) / 2), size=size, weight=600,
                colour=palette.mixed(band, ink, 0.62), align="middle",
            )  # fmt: skip
    return tile.reduce(_OVER)


def _draw_bar(image: Image.Image, look: Look, band: str) -> None:
    """Draw the bar along the bottom: wallets write the balance above it."""
    ink = palette.legible(look.label, band, at_least=palette.VISIBLE)
    margin = round(image.width * 0.045)
    thick = max(round(image.height * 0.085), 3)
    wide = image.width - 2 * margin
    big = Image.new("RGB", (wide * _OVER, thick * _OVER), band)
    pen = ImageDraw.Draw(big)
    radius = thick * _OVER / 2
    pen.rounded_rectangle((0, 0, big.width - 1, big.height - 1), radius, fill=palette.mixed(band, ink, 0.22))
    share = min(max(look.count, 0), 100) / 100
    if share > 0:
        end = max(math.ceil(big.width * share), big.height)
        pen.rounded_rectangle((0, 0, end - 1, big.height - 1), radius, fill=ink)
    image.paste(big.reduce(_OVER), (margin, image.height - margin - thick))
