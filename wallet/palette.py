"""Colours of cards: read, mixed, and legible on each other by WCAG's contrast."""

from typing import Final

Rgb = tuple[int, int, int]

LEGIBLE: Final = 4.5
"""WCAG 2.2, 1.4.3: the contrast that text of any size is read at."""
VISIBLE: Final = 3.0
"""WCAG 2.2, 1.4.11: the contrast that shapes are seen at."""
BACKGROUND: Final = "#20304a"
"""Of a programme that has not chosen one."""
WHITE: Final = "#ffffff"
BLACK: Final = "#111111"

_LINEAR_BELOW: Final = 0.04045


def rgb(colour: str) -> Rgb:
    """Return the parts of `#rrggbb`."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def hexadecimal(parts: Rgb) -> str:
    """Return `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*parts)


def luminance(colour: str) -> float:
    """Return the relative luminance, 0 for black and 1 for white (WCAG 2.2)."""
    red, green, blue = (_linear(part / 255) for part in rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def mixed(one: str, other: str, share: float) -> str:
    """Return `one` with a share of `other`, from 0 to 1, in it."""
    parts = [round(a + (b - a) * share) for a, b in zip(rgb(one), rgb(other), strict=True)]
    return hexadecimal((parts[0], parts[1], parts[2]))


def legible(wanted: str | None, background: str, *, at_least: float = LEGIBLE) -> str:
    """Return the wanted colour if it is read on `background`, else the nearest mix with white or black that is.

    A card whose text cannot be read is no card: a brand's colours give way by as little as needed.
    """
    end = max((WHITE, "#000000"), key=lambda one: contrast(one, background))
    plain = WHITE if contrast(WHITE, background) >= at_least else BLACK
    start = wanted or plain
    steps = 20
    mixes = (mixed(start, end, step / steps) for step in range(steps + 1))
    return next((one for one in mixes if contrast(one, background) >= at_least), end)


def _linear(part: float) -> float:
    return part / 12.92 if part <= _LINEAR_BELOW else float(((part + 0.055) / 1.055) ** 2.4)
