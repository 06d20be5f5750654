"""Signs in stamps, drawn as shapes: a check, a star, a heart, a cup, a present."""

import math
from collections.abc import Callable, Mapping
from typing import Final

from PIL import Image, ImageDraw

Pen = ImageDraw.ImageDraw
Shape = Callable[[Pen, float, str, str], None]
"""Draws into a square of this many pixels, in a colour, on a ground of another."""


def draw(image: Image.Image, colour: str, *, name: str) -> None:
    """Draw a sign into the middle of a square picture."""
    ground = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(ground, tuple)
    SHAPES[name](ImageDraw.Draw(image), float(image.width), colour, "#{:02x}{:02x}{:02x}".format(*ground[:3]))


def _check(pen: Pen, side: float, colour: str, _ground: str) -> None:
    points = [(0.30 * side, 0.52 * side), (0.445 * side, 0.66 * side), (0.71 * side, 0.365 * side)]
    _line(pen, points, side * 0.095, colour)


def _star(pen: Pen, side: float, colour: str, _ground: str) -> None:
    middle, outer = side / 2, side * 0.30
    points = []
    for step in range(10):
        radius = outer if step % 2 == 0 else outer * 0.44
        angle = math.pi * step / 5 - math.pi / 2
        points.append((middle + radius * math.cos(angle), middle * 1.03 + radius * math.sin(angle)))
    pen.polygon(points, fill=colour)
    _line(pen, [*points, points[0]], side * 0.03, colour)


def _heart(pen: Pen, side: float, colour: str, _ground: str) -> None:
    points = []
    for step in range(200):
        turn = 2 * math.pi * step / 200
        x = 16 * math.sin(turn) ** 3
        y = 13 * math.cos(turn) - 5 * math.cos(2 * turn) - 2 * math.cos(3 * turn) - math.cos(4 * turn)
        points.append((side / 2 + x * side / 58, side * 0.485 - y * side / 58))
    pen.polygon(points, fill=colour)


def _cup(pen: Pen, side: float, colour: str, ground: str) -> None:
    thick = side * 0.05
    # The handle, behind the body.
    pen.ellipse((0.57 * side, 0.45 * side, 0.755 * side, 0.635 * side), fill=colour)
    pen.ellipse((0.57 * side + thick, 0.45 * side + thick, 0.755 * side - thick, 0.635 * side - thick), fill=ground)
    pen.rounded_rectangle(
        (0.28 * side, 0.42 * side, 0.66 * side, 0.69 * side), side * 0.11, fill=colour,
        corners=(False, False, True, True),
    )  # fmt: skip
    pen.rounded_rectangle((0.26 * side, 0.725 * side, 0.68 * side, 0.768 * side), side * 0.02, fill=colour)
    for x in (0.38, 0.47, 0.56):
        curve = [
            (side * (x + 0.018 * math.sin(step / 10 * 2 * math.pi)), side * (0.36 - 0.12 * step / 10))
            for step in range(11)
        ]
        _line(pen, curve, side * 0.03, colour)


def _gift(pen: Pen, side: float, colour: str, ground: str) -> None:
    gap = side * 0.024
    pen.rounded_rectangle((0.25 * side, 0.40 * side, 0.75 * side, 0.505 * side), side * 0.025, fill=colour)
    pen.rounded_rectangle(
        (0.285 * side, 0.505 * side + gap, 0.715 * side, 0.74 * side), side * 0.03, fill=colour,
        corners=(False, False, True, True),
    )  # fmt: skip
    pen.rectangle((side / 2 - gap, 0.40 * side, side / 2 + gap, 0.74 * side), fill=ground)
    for mirror in (-1, 1):
        loop = []
        for step in range(41):
            turn = math.pi * 2 * step / 40
            x = 0.085 * (1 - math.cos(turn)) * side
            y = 0.075 * math.sin(turn) * side - 0.45 * x
            loop.append((side / 2 + mirror * x, 0.385 * side + y))
        _line(pen, loop, side * 0.042, colour)


def _line(pen: Pen, points: list[tuple[float, float]], thick: float, colour: str) -> None:
    """Draw a line with round ends and corners."""
    pen.line(points, fill=colour, width=round(thick), joint="curve")
    half = thick / 2
    for x, y in points:
        pen.ellipse((x - half, y - half, x + half, y + half), fill=colour)


SHAPES: Final[Mapping[str, Shape]] = {
    "check": _check, "star": _star, "heart": _heart, "cup": _cup, "gift": _gift,
}  # fmt: skip
