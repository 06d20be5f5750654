"""The preview of a face: a picture of the card as a phone's wallet lays it out.

Measured in points of Apple's store card (375 wide), drawn at one to three pixels a point. What a phone decides
for itself (its typeface, how much it shrinks a text before it cuts it) is nearly, not exactly, like this.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from wallet import barcodes, lettering, palette
from wallet.card_face import CardFace, FaceField
from wallet.shown import shown
from wallet.strips import STRIP_POINTS

MARGIN: Final = 28
WIDTH: Final = STRIP_POINTS[0]
_SIDE: Final = 16
_HEADER: Final = 66
_LOGO: Final = 50
_NO_STRIP: Final = 96
_ROW: Final = 62
_RADIUS: Final = 13
_CODE: Final = {"qr": (186, 186), "aztec": (150, 150), "pdf417": (280, 84), "code128": (280, 76)}
_PADDING: Final = {"qr": 2, "aztec": 12, "pdf417": 12, "code128": 12}
"""Around the code in its panel, beyond its own quiet zone."""
_CAPTION: Final = 18
_FOOT: Final = 22
_DESK: Final = ("#f3f2f0", "#e4e2de")
"""What the card lies on, from above to below."""
_LABEL_SIZE: Final = 10.5
_VALUE_SIZE: Final = 18.0


def png(face: CardFace, images: Mapping[str, bytes], *, scale: int = 2) -> bytes:
    """Return the picture of a face's front; `images` are those of its package. Raises ValueError beyond 1x to 3x."""
    if not 1 <= scale <= 3:  # noqa: PLR2004 - as pictures of passes are
        raise ValueError("a preview has one to three pixels a point")
    card = _Card(face, images, scale).draw()
    whole = _desk(card.width + 2 * MARGIN * scale, card.height + 2 * MARGIN * scale)
    _put(whole, card, MARGIN * scale, scale)
    buffer = io.BytesIO()
    whole.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def size_of(content: bytes) -> tuple[int, int]:
    """Return how wide and high a picture is, in pixels."""
    return Image.open(io.BytesIO(content)).size


class _Card:
    """One card being drawn; lengths are points until they are drawn."""

    def __init__(self, face: CardFace, images: Mapping[str, bytes], scale: int) -> None:
        self.face = face
        self.images = images
        self.scale = scale
        self.colours = face.colours
        self.image = Image.new("RGB", (WIDTH * scale, self._height() * scale), self.colours.background)

    def draw(self) -> Image.Image:
        """Draw it from above to below."""
        self._header()
        top = _HEADER
        strip = self._named("strip")
        if strip is not None:
            self.image.paste(strip.resize(self._pixels(STRIP_POINTS)).convert("RGB"), (0, top * self.scale))
        self._primary(top, STRIP_POINTS[1] if strip is not None else _NO_STRIP)
        top += self._middle()
        if self._row():
            self._fields(self._row(), top + 12)
            top += _ROW
        if self.face.barcode_text is not None:
            self._barcode(self.face.barcode_text)
        return self.image

    def _height(self) -> int:
        kind = self.face.barcode_format
        caption = _CAPTION if self.face.barcode_caption else 0
        code = _CODE[kind][1] + 2 * _PADDING[kind] + caption + 2 * _FOOT
        return _HEADER + self._middle() + (_ROW if self._row() else 0) + (code if self.face.barcode_text else _FOOT)

    def _middle(self) -> int:
        if "strip.png" in self.images:
            return STRIP_POINTS[1]
        return _NO_STRIP if self.face.in_area("primary") else 0

    def _row(self) -> Sequence[FaceField]:
        return (*self.face.in_area("secondary"), *self.face.in_area("auxiliary"))[:4]

    def _header(self) -> None:
        right = WIDTH - _SIDE
        for one in reversed(self.face.in_area("header")):
            taken = self._column(one, right, 13, room=130, align="right")
            right -= round(taken) + 16
        left = float(_SIDE)
        logo = self._named("logo")
        if logo is not None:
            factor = min(_LOGO / logo.height, 160 / logo.width)
            size = self._pixels((logo.width * factor, logo.height * factor))
            at = (round(left * self.scale), round((_HEADER - logo.height * factor) / 2 * self.scale))
            self._paste(logo.resize(size, Image.Resampling.LANCZOS), at)
            left += logo.width * factor + 10
        if self.face.title:
            room = right - left - 4
            size_ = lettering.shrunk(self.face.title, 17, room, 600, smallest=0.8)
            self._text(self.face.title, left, _HEADER / 2 + lettering.cap_height(size_) / 2, size_, room, weight=600)

    def _primary(self, top: float, height: float) -> None:
        for one in self.face.in_area("primary")[:1]:
            value = shown(one, self.face.locale)
            room = WIDTH - 2 * _SIDE
            size = lettering.shrunk(value, 46, room, 400, smallest=0.5)
            middle = top + height / 2 - 8
            self._text(value, _SIDE, middle + lettering.cap_height(size) / 2, size, room)
            self._text(
                one.label, _SIDE, middle + lettering.cap_height(46) / 2 + 22, 13, room, colour=self.colours.label
            )

    def _fields(self, fields: Sequence[FaceField], top: float) -> None:
        """Lay fields side by side: as wide as they are if all fit, else each its share; the last one to the right."""
        gap, room = 14.0, WIDTH - 2.0 * _SIDE
        wanted = [self._natural(one) for one in fields]
        free = room - gap * (len(fields) - 1)
        widths = _shares(wanted, free)
        left = float(_SIDE)
        for place, (one, wide) in enumerate(zip(fields, widths, strict=True)):
            if place == len(fields) - 1 and place > 0:
                self._column(one, WIDTH - _SIDE, top, room=WIDTH - _SIDE - left, align="right")
            else:
                self._column(one, left, top, room=wide)
            spare = (free - sum(widths)) / max(len(fields) - 1, 1)
            left += wide + gap + max(spare, 0)

    def _natural(self, one: FaceField) -> float:
        label = lettering.width(one.label.upper(), _LABEL_SIZE, 600)
        return max(label, lettering.width(shown(one, self.face.locale), _VALUE_SIZE)) + 1

    def _column(
        self, one: FaceField, x: float, top: float, *, room: float, align: lettering.Alignment = "left"
    ) -> float:
        """Draw a label and its value below it; return how wide they are."""
        value = shown(one, self.face.locale)
        label = lettering.fitted(one.label.upper(), _LABEL_SIZE, room, 600)
        size = lettering.shrunk(value, _VALUE_SIZE, room, smallest=0.72)
        value = lettering.fitted(value, size, room)
        self._text(label, x, top + 9, _LABEL_SIZE, room, weight=600, colour=self.colours.label, align=align)
        self._text(value, x, top + 31, size, room, align=align)
        return max(lettering.width(label, _LABEL_SIZE, 600), lettering.width(value, size))

    def _barcode(self, text: str) -> None:
        scale = self.scale
        wide, high = _CODE[self.face.barcode_format]
        picture = barcodes.picture(text, self.face.barcode_format, wide * scale, high * scale)
        caption, padding = self.face.barcode_caption, _PADDING[self.face.barcode_format] * scale
        panel = (
            max(picture.width + 2 * padding, 170 * scale),
            picture.height + 2 * padding + (_CAPTION * scale if caption else 0),
        )
        top = self.image.height - (_FOOT * scale) - panel[1]
        left = (self.image.width - panel[0]) // 2
        _rounded(self.image, (left, top, left + panel[0], top + panel[1]), 8 * scale, "#ffffff")
        self.image.paste(picture.convert("RGB"), ((self.image.width - picture.width) // 2, top + padding))
        if caption:
            baseline = (top + panel[1]) / scale - 12
            self._text(caption, WIDTH / 2, baseline, 12, panel[0] / scale - 12, colour="#1c1c1e", align="middle")

    def _text(
        self,
        text: str,
        x: float,
        y: float,
        size: float,
        room: float,
        *,
        weight: lettering.Weight = 400,
        colour: str | None = None,
        align: lettering.Alignment = "left",
    ) -> None:
        scale = self.scale
        text = lettering.fitted(text, size * scale, room * scale, weight)
        at = (x * scale, y * scale)
        lettering.draw(
            self.image, text, at=at, size=size * scale, weight=weight, colour=colour or self.colours.foreground,
            align=align,
        )  # fmt: skip

    def _named(self, name: str) -> Image.Image | None:
        """Return the largest resolution of one of the face's pictures."""
        content = self.images.get(f"{name}@3x.png") or self.images.get(f"{name}.png")
        return Image.open(io.BytesIO(content)).convert("RGBA") if content is not None else None

    def _paste(self, picture: Image.Image, at: tuple[int, int]) -> None:
        self.image.paste(picture, at, picture)

    def _pixels(self, size: tuple[float, float]) -> tuple[int, int]:
        return max(round(size[0] * self.scale), 1), max(round(size[1] * self.scale), 1)


def _shares(wanted: Sequence[float], free: float) -> list[float]:
    """Return how wide each column is: what it wants if all fit, else the narrow ones first, the rest in equal parts."""
    found = dict.fromkeys(range(len(wanted)), 0.0)
    left, open_ = free, sorted(found, key=lambda place: wanted[place])
    while open_:
        share = left / len(open_)
        place = open_.pop(0)
        found[place] = min(wanted[place], share)
        left -= found[place]
    return [found[place] for place in range(len(wanted))]


def _desk(width: int, height: int) -> Image.Image:
    """Return what the card lies on: a quiet shade that tells a white card from its page."""
    upper, lower = palette.rgb(_DESK[0]), palette.rgb(_DESK[1])
    column = Image.new("RGB", (1, height))
    for y in range(height):
        share = y / height
        column.putpixel((0, y), tuple(round(a + (b - a) * share) for a, b in zip(upper, lower, strict=True)))
    return column.resize((width, height))


def _put(whole: Image.Image, card: Image.Image, margin: int, scale: int) -> None:
    """Lay the card down, its corners round, with its shadow."""
    over = 4
    mask = Image.new("L", (card.width * over, card.height * over), 0)
    edges = (0, 0, mask.width - 1, mask.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(edges, _RADIUS * scale * over, fill=255)
    mask = mask.reduce(over)
    shade = Image.new("L", whole.size, 0)
    shade.paste(mask.point([level * 70 // 255 for level in range(256)]), (margin, margin + 6 * scale))
    shade = shade.filter(ImageFilter.GaussianBlur(9 * scale))
    whole.paste("#1a1714", (0, 0), shade)
    whole.paste(card, (margin, margin), mask)
    rim = ImageChops.subtract(mask, mask.filter(ImageFilter.MinFilter(3)))
    whole.paste("#000000", (margin, margin), rim.point([level * 22 // 255 for level in range(256)]))


def _rounded(image: Image.Image, box: tuple[int, int, int, int], radius: int, colour: str) -> None:
    over = 4
    size = (box[2] - box[0], box[3] - box[1])
    mask = Image.new("L", (size[0] * over, size[1] * over), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), radius * over, fill=255)
    image.paste(Image.new("RGB", size, colour), box[:2], mask.reduce(over))
