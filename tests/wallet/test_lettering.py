"""Text on drawn cards: whose script it is, how wide it is, and where it is cut."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from wallet import lettering


def ink(text: str, size: float = 40, **how: object) -> tuple[int, int, int, int] | None:
    """Return the box of what is drawn."""
    image = Image.new("L", (900, 120), 0)
    lettering.draw(image, text, at=(450, 80), size=size, colour="#ffffff", **how)  # type: ignore[arg-type]
    return image.getbbox()


@pytest.mark.parametrize(
    "text", ["Café Assidu", "Łódź ĞŞİ", "Ελληνικά", "Привет", "Nguyễn Thị Hằng", "עברית", "عبد الرحمن", "12,50 €"]
)
def test_a_text_is_drawn_where_it_is_measured_to_be(text: str) -> None:
    box = ink(text)

    assert box is not None
    assert box[2] - box[0] == pytest.approx(lettering.width(text, 40), abs=8)
    assert box[0] == pytest.approx(450, abs=5)


def test_letters_differ_from_each_other_and_from_the_sign_of_a_missing_one() -> None:
    drawn = set()
    for letter in "AŁЖΩאعố":
        image = Image.new("L", (100, 100), 0)
        lettering.draw(image, letter, at=(20, 70), size=48, colour="#ffffff")
        drawn.add(image.tobytes())

    assert len(drawn) == 7


@pytest.mark.parametrize(("align", "left"), [("left", 450), ("middle", 450 - 40), ("right", 450 - 80)])
def test_a_text_stands_left_right_or_in_the_middle_of_its_place(align: str, left: int) -> None:
    size = 40 * 80 / lettering.width("Membre", 40)
    box = ink("Membre", size, align=align)

    assert box is not None
    assert box[0] == pytest.approx(left, abs=4)


@pytest.mark.parametrize(
    ("text", "leftward"), [("عبد", True), ("  123 שלום", True), ("Café עברית", False), ("12", False), ("", False)]
)
def test_the_first_letter_with_a_direction_decides(text: str, *, leftward: bool) -> None:
    assert lettering.is_leftward(text) is leftward


def test_words_of_a_right_to_left_name_stand_from_right_to_left() -> None:
    whole, first = ink("שרה Lévy", align="right"), ink("שרה", align="right")

    assert whole is not None
    assert first is not None
    # The first word ends where the whole does: at the right.
    assert abs(whole[2] - first[2]) <= 3
    assert whole[0] < first[0]


@hypothesis_settings(max_examples=60)
@given(text=st.text(max_size=60), room=st.integers(30, 400))
def test_whatever_the_text_what_is_drawn_fits(text: str, room: int) -> None:
    cut = lettering.fitted(text, 18, room)

    assert lettering.width(cut, 18) <= room
    assert cut == lettering.drawable(text) or cut.endswith("…")


@hypothesis_settings(max_examples=60)
@given(text=st.text(max_size=40))
def test_no_text_of_anybodys_stops_the_drawing(text: str) -> None:
    image = Image.new("RGB", (400, 60))

    lettering.draw(image, lettering.fitted(text, 18, 380), at=(10, 40), size=18, colour="#ffffff")


def test_signs_that_no_typeface_has_are_left_out() -> None:
    assert lettering.drawable("日本 Café\u0000 😀\n") == "Café"


def test_a_long_text_shrinks_before_it_is_cut() -> None:
    assert lettering.shrunk("Jo", 18, 200) == 18
    assert 9 < lettering.shrunk("Maximiliane von", 18, 100) < 18
    assert lettering.shrunk("Maximiliane Gräfin von und zu Hohenstein", 18, 50, smallest=0.5) == 9


def test_threads_that_draw_at_once_draw_the_same() -> None:
    names = ["Café Assidu", "عبد الرحمن", "Łódź", "שרה לוי"] * 8
    alone = [ink(name) for name in names]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ink, names)) == alone
