"""Barcodes of cards in any of the formats that tills read, as pictures for previews.

QR codes are drawn by `wallet.qr`; the others by zxing-cpp, which phones' own decoders descend from.
"""

from typing import Any, Final

import zxingcpp
from PIL import Image

from wallet import qr
from wallet.card_face import BarcodeFormat

_FORMATS: Final = {
    "pdf417": zxingcpp.BarcodeFormat.PDF417,
    "aztec": zxingcpp.BarcodeFormat.Aztec,
    "code128": zxingcpp.BarcodeFormat.Code128,
}
_QUIET: Final = {"pdf417": 2, "aztec": 2, "code128": 10}
"""Modules of nothing beside each, as its standard asks for."""


def picture(text: str, kind: BarcodeFormat, width: int, height: int) -> Image.Image:
    """Return a barcode in black on white, of whole pixels a module, that fits into a size, its quiet zone included.

    Raises UndrawableTextError for a QR code of a text that is none; ValueError where the size is too small.
    """
    dark = _modules(text, kind)
    across = min(width // dark.width, height // dark.height if kind != "code128" else width // dark.width)
    if across < 1:
        raise ValueError("a barcode needs a pixel for each module")
    high = height if kind == "code128" else dark.height * across
    return dark.resize((dark.width * across, high), Image.Resampling.NEAREST)


def _modules(text: str, kind: BarcodeFormat) -> Image.Image:
    """Return a picture of one pixel a module, with its quiet zone."""
    if kind == "qr":
        rows = qr.modules(text)
        return Image.frombytes("L", (len(rows), len(rows)), bytes(0 if dark else 255 for dark in b"".join(rows)))
    drawn: Any = zxingcpp.create_barcode(text, _FORMATS[kind]).to_image(scale=1, add_quiet_zones=False)
    cells: Any = memoryview(drawn)
    height, width = cells.shape
    bare = Image.frombytes("L", (width, height), cells.tobytes())
    if kind == "code128":
        # One row says it all: it is drawn as high as there is room.
        bare = bare.crop((0, 0, width, 1))
    quiet = _QUIET[kind]
    margins = (quiet, 0 if kind == "code128" else quiet)
    around = Image.new("L", (bare.width + 2 * margins[0], bare.height + 2 * margins[1]), 255)
    around.paste(bare, margins)
    return around
