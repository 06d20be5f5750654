"""Pictures of how full a card is, looked at pixel by pixel."""

import dataclasses
import io
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.wallet.test_card_face import FACE
from wallet import palette, strips
from wallet.card_face import StampIcon, Stamps
from wallet.strips import Look

LOOK = Look(count=3, goal=10, icon="check", background="#3b2418", foreground="#fff8ee", label="#e3b778")
INK = (0xE3, 0xB7, 0x78)


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def filled(content: bytes) -> int:
    """Return how many of the picture's pixels have the stamps' colour."""
    return sum(count for count, colour in opened(content).getcolors(1 << 20) or () if near(colour, INK))


def near(colour: object, wanted: tuple[int, int, int]) -> bool:
    assert isinstance(colour, tuple)
    return all(abs(one - other) <= 3 for one, other in zip(colour, wanted, strict=True))


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_a_strip_has_the_size_that_the_phone_asks_for(scale: int) -> None:
    assert opened(strips.strip(LOOK, scale)).size == (375 * scale, 144 * scale)
    assert opened(strips.hero(LOOK)).size == (1032, 336)


def test_each_stamp_adds_as_much_as_the_one_before() -> None:
    areas = [filled(strips.strip(dataclasses.replace(LOOK, count=count), 2)) for count in range(11)]
    steps = [after - before for before, after in itertools.pairwise(areas)]

    assert areas[0] == 0
    assert max(steps[:9]) - min(steps[:9]) < max(steps) * 0.05
    # The last one has a larger sign in it.
    assert steps[9] > 0


def test_edges_are_smooth_and_the_ground_is_one_colour() -> None:
    colours = opened(strips.strip(LOOK, 3)).getcolors(1 << 20) or []
    band = palette.rgb(strips.band_colour(LOOK.background, LOOK.foreground))

    assert 20 < len(colours) <= 128
    assert max(colours)[1] == band


def test_the_three_files_together_are_small() -> None:
    assert sum(len(strips.strip(LOOK, scale)) for scale in (1, 2, 3)) < 30_000


def test_a_picture_is_drawn_once() -> None:
    assert strips.strip(LOOK, 3) is strips.strip(dataclasses.replace(LOOK), 3)


@given(goal=st.integers(1, 24))
def test_stamps_stand_in_rows_that_differ_by_one_at_most(goal: int) -> None:
    rows = strips.rows_of(goal)

    assert sum(rows) == goal
    assert max(rows) - min(rows) <= 1
    assert rows == sorted(rows, reverse=True)


@pytest.mark.parametrize("goal", [1, 2, 5, 6, 7, 11, 12, 13, 17, 24])
def test_all_stamps_are_inside_the_picture(goal: int) -> None:
    image = opened(strips.strip(dataclasses.replace(LOOK, goal=goal, count=goal), 1))
    band = palette.rgb(strips.band_colour(LOOK.background, LOOK.foreground))
    edge = [image.getpixel((x, y)) for x in range(375) for y in (0, 143)]
    edge += [image.getpixel((x, y)) for x in (0, 374) for y in range(144)]

    assert set(edge) == {band}


def test_each_sign_is_a_shape_of_its_own_that_takes_some_of_the_stamp() -> None:
    icons: tuple[StampIcon, ...] = ("check", "star", "heart", "cup")
    one = dataclasses.replace(LOOK, count=1, goal=2)
    drawn = [strips.strip(dataclasses.replace(one, icon=icon), 2) for icon in icons]

    disc = math.pi * (144 * 2 * 0.58 * 0.9 / 2) ** 2
    assert len(set(drawn)) == 4
    assert all(disc * 0.6 < filled(content) < disc * 0.97 for content in drawn)


@pytest.mark.parametrize(("share", "least", "most"), [(0, 0, 0), (25, 0.2, 0.3), (50, 0.45, 0.55), (100, 0.99, 1.01)])
def test_a_bar_is_as_long_as_its_share(share: int, least: float, most: float) -> None:
    bar = opened(strips.strip(dataclasses.replace(LOOK, goal=0, count=share), 2))
    row = [near(bar.getpixel((x, bar.height - 46)), INK) for x in range(bar.width)]

    assert least <= sum(row) / (bar.width - 2 * 34) <= most


@given(background=st.integers(0, 0xFFFFFF), foreground=st.integers(0, 0xFFFFFF), label=st.integers(0, 0xFFFFFF))
def test_stamps_are_seen_in_whatever_colours(background: int, foreground: int, label: int) -> None:
    ground = f"#{background:06x}"
    band = strips.band_colour(ground, palette.legible(f"#{foreground:06x}", ground))
    ink = palette.legible(f"#{label:06x}", band, at_least=palette.VISIBLE)

    assert palette.contrast(ink, band) >= palette.VISIBLE


def test_a_face_says_what_its_strip_shows() -> None:
    look = strips.look_of(FACE)

    assert look is not None
    assert (look.count, look.goal, look.icon) == (3, 10, "check")
    assert strips.look_of(dataclasses.replace(FACE, strip_style="plain")) is None
    assert strips.look_of(dataclasses.replace(FACE, strip_style="progress", progress=None)) is None
    bar = strips.look_of(dataclasses.replace(FACE, strip_style="progress", progress=0.25))
    assert bar is not None
    assert (bar.count, bar.goal) == (25, 0)
    assert strips.look_of(dataclasses.replace(FACE, stamps=Stamps(count=1, goal=25, name="x"))) is None
