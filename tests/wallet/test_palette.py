"""Colours that are read on each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet import palette

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("one", "other", "contrast"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#777777", "#ffffff", 4.48),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_contrast_is_wcags(one: str, other: str, contrast: float) -> None:
    assert palette.contrast(one, other) == pytest.approx(contrast, abs=0.005)
    assert palette.contrast(other, one) == palette.contrast(one, other)


@given(wanted=st.none() | COLOURS, background=COLOURS)
def test_text_is_read_on_whatever_ground(wanted: str | None, background: str) -> None:
    assert palette.contrast(palette.legible(wanted, background), background) >= palette.LEGIBLE


@given(wanted=COLOURS, background=COLOURS)
def test_a_colour_that_is_read_stays_as_it_was_chosen(wanted: str, background: str) -> None:
    chosen = palette.legible(wanted, background)

    assert (chosen == wanted) is (palette.contrast(wanted, background) >= palette.LEGIBLE)


def test_a_mix_has_its_share() -> None:
    assert palette.mixed("#000000", "#ffffff", 0) == "#000000"
    assert palette.mixed("#000000", "#ffffff", 1) == "#ffffff"
    assert palette.mixed("#102030", "#304050", 0.5) == "#203040"
