"""QR images of our texts: SVG for screens and mail, PNG for print and passes, half blocks for a terminal.

The only user of the `qrcode` library, which draws no pixel for us: it computes the modules, and three short
functions draw them. Texts of letters, digits and base 45 use QR's alphanumeric mode (ISO/IEC 18004), so
that a static card is version 1 (21 modules), a rotating code version 3 and an offline code version 5. Error
correction is M, and L for the long offline codes. Every image has the 4 modules of quiet zone that the
standard asks for.
"""

import functools
import io
import itertools
import threading
from typing import Final

import qrcode
from PIL import Image
from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M
from qrcode.exceptions import DataOverflowError

from app.codes import offline
from app.errors import InvalidError

QUIET_MODULES: Final = 4
TEXT_MAX: Final = 512
SCALE_MAX: Final = 40

_SVG_PIXELS_PER_MODULE: Final = 8
_ANSI_BLACK_ON_WHITE: Final = "\x1b[38;5;16;48;5;231m"
_ANSI_RESET: Final = "\x1b[0m"
# The upper and the lower module of a character cell, dark being drawn.
_HALF_BLOCKS: Final = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}

# The library keeps module-level tables that it fills and searches without a lock (its issue 421); the work
# holds the interpreter's lock anyway, so ours costs nothing.
_library = threading.Lock()


class UndrawableTextError(InvalidError):
    """The text is empty, too long or not printable ASCII."""

    slug = "undrawable-text"
    title = "This text has no QR image"


@functools.lru_cache(maxsize=1024)
def svg(text: str) -> str:
    """Return the QR image as an SVG document with one path for the dark modules.

    Raises UndrawableTextError unless the text is 1 to 512 printable ASCII characters.
    """
    rows = modules(text)
    width = len(rows)
    strokes = []
    for y, row in enumerate(rows):
        x = 0
        for dark, run in itertools.groupby(row):
            length = len(list(run))
            if dark:
                strokes.append(f"M{x} {y}.5h{length}")
            x += length
    pixels = width * _SVG_PIXELS_PER_MODULE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{pixels}" height="{pixels}" '
        f'viewBox="0 0 {width} {width}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{width}v{width}H0z"/><path stroke="#000" d="{"".join(strokes)}"/></svg>'
    )


@functools.lru_cache(maxsize=1024)
def png(text: str, *, scale: int = 8) -> bytes:
    """Return the QR image as a PNG of one bit per pixel, `scale` pixels per module.

    Raises UndrawableTextError unless the text is 1 to 512 printable ASCII characters, and ValueError unless
    the scale is 1 to 40.
    """
    if not 1 <= scale <= SCALE_MAX:
        raise ValueError(f"a module is 1 to {SCALE_MAX} pixels wide")
    rows = modules(text)
    width = len(rows)
    light = bytes(0 if dark else 255 for dark in b"".join(rows))
    image = Image.frombytes("L", (width, width), light)
    image = image.resize((width * scale, width * scale), Image.Resampling.NEAREST).convert("1")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def terminal(text: str, *, colour: bool = True) -> str:
    """Return the QR image as lines of half blocks, two modules high and one wide per character.

    With `colour` it is black on white by ANSI codes, whatever the terminal's theme; without, it is right on
    a dark background only, where the blocks are the light modules. Raises UndrawableTextError as `svg`
    does.
    """
    rows = modules(text)
    drawn = rows if colour else [bytes(1 - module for module in row) for row in rows]
    below = [*drawn[1:], bytes(len(rows))]
    lines = []
    for upper, lower in itertools.islice(zip(drawn, below, strict=True), 0, None, 2):
        line = "".join(_HALF_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
        lines.append(f"{_ANSI_BLACK_ON_WHITE}{line}{_ANSI_RESET}" if colour else line)
    return "\n".join(lines)


@functools.lru_cache(maxsize=1024)
def modules(text: str) -> tuple[bytes, ...]:
    """Return the image's rows, quiet zone included: a byte per module, 1 for dark, 0 for light.

    Raises UndrawableTextError unless the text is 1 to 512 printable ASCII characters.
    """
    if not 1 <= len(text) <= TEXT_MAX or not (text.isascii() and text.isprintable()):
        raise UndrawableTextError(f"A QR image is drawn of 1 to {TEXT_MAX} printable ASCII characters.")
    is_offline_code = len(text) == offline.TEXT_LENGTH and text.startswith(offline.PREFIX)
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_L if is_offline_code else ERROR_CORRECT_M, border=QUIET_MODULES)
    # One mode for the whole text: the shortest for ours, which are wholly alphanumeric, and for links.
    code.add_data(text, optimize=0)
    try:
        with _library:
            code.make(fit=True)
            rows = code.get_matrix()
    except (DataOverflowError, ValueError):
        # Release 8.2 cannot compute the correction of a block that is all zeros (its issue 423): "000…",
        # 100 times.
        raise UndrawableTextError("The QR image of this text cannot be drawn: make it shorter.") from None
    return tuple(bytes(map(bool, row)) for row in rows)
