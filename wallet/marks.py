"""Icons, logos and emblems of programmes, from their logo or, where they have none, from their initial and colours."""

import functools
import io
from typing import Final

from PIL import Image, ImageDraw

from wallet import glyphs, lettering, palette, strips
from wallet.card_face import Colours
from wallet.strips import SCALES, STRIP_POINTS

ICON_POINTS: Final = 38
LOGO_POINTS: Final = (160, 50)
EMBLEM_PIXELS: Final = 660
"""Google's logo of a programme, which it shows as a circle."""

_DISC: Final = 0.72
"""Of a logo's height, how high the drawn disc is."""
_SQUARE: Final = 1.3
"""A logo whose sides differ by no more serves as an icon too."""
_DRAWN_COLOURS: Final = 4096
"""A picture of more colours is a photograph, which a palette would spoil."""


def initial(name: str) -> str:
    """Return the sign that stands for a programme without a logo: its first letter or digit, or nothing."""
    return next((letter.upper()[:1] for letter in lettering.drawable(name) if letter.isalnum()), "")


def icons(name: str, colours: Colours, logo: Image.Image | None) -> dict[str, bytes]:
    """Return the icon at three resolutions: a square logo, or the initial."""
    is_square = logo is not None and max(logo.size) <= min(logo.size) * _SQUARE
    return {
        named("icon", scale): as_png(
            _on_ground(logo, ICON_POINTS * scale, colours.background)
            if logo is not None and is_square
            else _mark(name, colours, ICON_POINTS * scale)
        )
        for scale in SCALES
    }


def logos(name: str, colours: Colours, logo: Image.Image | None, *, alone: bool = False) -> dict[str, bytes]:
    """Return the logo at three resolutions, as large as its place is; the initial on a disc where there is none.

    `alone` says that no title stands beside it: then the drawn one has the name in it.
    """
    if logo is not None:
        fitted = (_contained(logo, LOGO_POINTS[0] * scale, LOGO_POINTS[1] * scale) for scale in SCALES)
    else:
        draw = _wordmark if alone else _badge
        fitted = (draw(name, colours, LOGO_POINTS[1] * scale) for scale in SCALES)
    return {named("logo", scale): as_png(picture) for scale, picture in zip(SCALES, fitted, strict=True)}


@functools.lru_cache(maxsize=64)
def _drawn_emblem(name: str, colours: Colours) -> bytes:
    return as_png(_mark(name, colours, EMBLEM_PIXELS))


def emblem(name: str, colours: Colours, logo: Image.Image | None) -> bytes:
    """Return a square for a circle to be cut from: the logo in its middle, or the initial."""
    if logo is None:
        return _drawn_emblem(name, colours)
    return as_png(_on_ground(logo, EMBLEM_PIXELS, colours.background, room=0.7))


def as_png(image: Image.Image) -> bytes:
    """Return a picture as a PNG, with a palette where that loses nothing that is seen."""
    flat = image.mode == "RGB" or image.getextrema()[-1] == (255, 255)
    if flat and image.convert("RGB").getcolors(_DRAWN_COLOURS) is not None:
        return strips.as_png(image.convert("RGB"))
    buffer = io.BytesIO()
    (image.convert("RGB") if flat else image).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def named(name: str, scale: int) -> str:
    """Return a picture's name in Apple's package: `icon.png`, `icon@2x.png`, `icon@3x.png`."""
    return f"{name}.png" if scale == 1 else f"{name}@{scale}x.png"


def covered(picture: Image.Image) -> dict[str, bytes]:
    """Return a picture as the strip at three resolutions."""
    return {
        named("strip", scale): as_png(cover(picture, (STRIP_POINTS[0] * scale, STRIP_POINTS[1] * scale)))
        for scale in SCALES
    }


def cover(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Fill a size with the middle of a picture."""
    factor = max(size[0] / picture.width, size[1] / picture.height)
    wide, high = size[0] / factor, size[1] / factor
    left, top = (picture.width - wide) / 2, (picture.height - high) / 2
    return picture.resize(size, Image.Resampling.LANCZOS, box=(left, top, left + wide, top + high))


def _contained(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Fit a whole picture into a size; the result is as wide as it needs to be."""
    factor = min(width / picture.width, height / picture.height)
    size = (max(round(picture.width * factor), 1), max(round(picture.height * factor), 1))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _on_ground(picture: Image.Image, side: int, ground: str, *, room: float = 1.0) -> Image.Image:
    """Put a picture into the middle of an opaque square."""
    inner = round(side * room)
    fitted = _contained(picture, inner, inner)
    square = Image.new("RGBA", (side, side), ground)
    square.alpha_composite(fitted, ((side - fitted.width) // 2, (side - fitted.height) // 2))
    return square.convert("RGB")


def _mark(name: str, colours: Colours, side: int) -> Image.Image:
    """Draw the initial on the card's ground; phones round the corners."""
    image = Image.new("RGB", (side * 2, side * 2), colours.background)
    _sign(image, name, palette.legible(colours.label, colours.background, at_least=palette.VISIBLE), 0.58)
    return image.reduce(2)


def _disc(name: str, colours: Colours, side: int) -> Image.Image:
    """Draw the initial on a disc of the label's colour, with nothing around it."""
    over = 4
    ink = palette.legible(colours.label, colours.background, at_least=palette.VISIBLE)
    image = Image.new("RGB", (side * over, side * over), ink)
    _sign(image, name, palette.legible(colours.background, ink, at_least=palette.VISIBLE), 0.54)
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).ellipse((0, 0, image.width - 1, image.height - 1), fill=255)
    image.putalpha(mask)
    return image.reduce(over)


def _badge(name: str, colours: Colours, height: int) -> Image.Image:
    """Draw the disc with air above and below: phones show logos as high as their place."""
    disc = _disc(name, colours, round(height * _DISC))
    image = Image.new("RGBA", (disc.width, height), (*palette.rgb(colours.background), 0))
    image.alpha_composite(disc, (0, (height - disc.height) // 2))
    return image


def _wordmark(name: str, colours: Colours, height: int) -> Image.Image:
    """Draw the disc and the name beside it, as wide as a logo may be."""
    badge = _badge(name, colours, height)
    image = Image.new(
        "RGBA", (height * LOGO_POINTS[0] // LOGO_POINTS[1], height), (*palette.rgb(colours.background), 0)
    )
    image.alpha_composite(badge)
    left = badge.width * 1.22
    room = image.width - left
    size = lettering.shrunk(name, height * 0.36, room, 600, smallest=0.6)
    baseline = (height + lettering.cap_height(size)) / 2
    lettering.draw(
        image, lettering.fitted(name, size, room, 600), at=(left, baseline), size=size, weight=600,
        colour=colours.foreground,
    )  # fmt: skip
    return image


def _sign(image: Image.Image, name: str, colour: str, share: float) -> None:
    letter = initial(name)
    if not letter:
        glyphs.draw(image, colour, name="star")
        return
    size = image.width * share
    left, top, right, bottom = lettering.bounds(letter, size, 600)
    at = ((image.width - left - right) / 2, (image.height - top - bottom) / 2)
    lettering.draw(image, letter, at=at, size=size, weight=600, colour=colour)
