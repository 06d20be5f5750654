"""The picture of a card: everything on it, whatever stands on it."""

import dataclasses
import io
from typing import Any

import pytest
import zxingcpp
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image

from tests.wallet.test_card_face import FACE
from wallet import barcodes, images, preview, preview_page
from wallet.card_face import CardFace, FaceField

TEXT = "A17K3MQ0ZX9TBD4RWVE"
CARD = dataclasses.replace(FACE, barcode_text=TEXT, barcode_caption="9012 3456 7890 1234")


def drawn(face: CardFace, scale: int = 1) -> Image.Image:
    return Image.open(io.BytesIO(preview.png(face, images.shared().of(face), scale=scale))).convert("RGB")


def front(*fields: tuple[str, str, str], **more: Any) -> CardFace:
    made = tuple(
        FaceField(key=f"{place}", label=label, value=value, area=area)  # type: ignore[arg-type]
        for place, (area, label, value) in enumerate(fields)
    )
    return dataclasses.replace(CARD, fields=made, **more)


@pytest.mark.parametrize("kind", ["qr", "pdf417", "aztec", "code128"])
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_a_till_reads_the_code_at_every_size(kind: Any, scale: int) -> None:
    found = zxingcpp.read_barcodes(drawn(dataclasses.replace(CARD, barcode_format=kind), scale))

    assert [one.text for one in found] == [TEXT]


@pytest.mark.parametrize("kind", ["qr", "pdf417", "aztec", "code128"])
def test_a_code_fits_its_place_and_has_whole_modules(kind: Any) -> None:
    picture = barcodes.picture(TEXT, kind, 300, 200)

    assert picture.width <= 300
    assert picture.height <= 200
    assert set(picture.getdata() if not hasattr(picture, "get_flattened_data") else picture.get_flattened_data()) == {
        0,
        255,
    }
    with pytest.raises(ValueError, match="a pixel for each module"):
        barcodes.picture(TEXT, kind, 10, 10)


def test_a_void_card_shows_no_code() -> None:
    void, live = drawn(dataclasses.replace(CARD, barcode_text=None, barcode_caption=None)), drawn(CARD)

    assert zxingcpp.read_barcodes(void) == []
    assert void.height < live.height


@pytest.mark.parametrize("area", ["header", "primary", "secondary", "auxiliary"])
def test_every_field_of_the_front_is_seen(area: str) -> None:
    one, other = (drawn(front((area, "Points", value))) for value in ("120", "121"))

    assert one.size == other.size
    assert one.tobytes() != other.tobytes()


def test_the_back_is_not_on_the_front() -> None:
    assert drawn(front(("back", "Points", "120"))).tobytes() == drawn(front(("back", "Points", "121"))).tobytes()


def test_a_long_name_ends_before_the_cards_edge() -> None:
    name = "Maximiliane Gräfin von und zu Hohenstein-Württemberg"
    face = front(("secondary", "10 more for", name), ("secondary", "x", name), ("auxiliary", "Membre", name))
    image = drawn(dataclasses.replace(face, title=name), 2)
    inside = preview.MARGIN * 2
    for x in (inside + 4, image.width - inside - 5):
        column = [image.getpixel((x, y)) for y in range(inside + 40, inside + 130)]
        assert len(set(column)) == 1


@hypothesis_settings(max_examples=25)
@given(
    texts=st.lists(
        st.tuples(st.sampled_from(["header", "primary", "secondary"]), st.text(max_size=80), st.text(max_size=80)),
        max_size=6,
    )
)
def test_nothing_that_anybody_writes_stops_the_drawing(texts: list[tuple[str, str, str]]) -> None:
    face = front(*texts)

    assert drawn(face).width == preview.WIDTH + 2 * preview.MARGIN
    assert "<script" not in preview_page.html(face, images.shared().of(face))


def test_what_people_write_stays_text_on_the_page() -> None:
    face = front(("back", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'))
    page = preview_page.html(dataclasses.replace(face, program_name="<i>Café</i>"), images.shared().of(face))

    assert "<script>" not in page
    assert "<img src=x" not in page
    assert "&lt;i&gt;Café" in page


def test_the_page_says_what_phones_will_say() -> None:
    field = FaceField(key="points", label="Points", value=12, kind="number", area="back", change_message="Bravo, %@ !")

    assert "“Bravo, 12 !”" in preview_page.html(dataclasses.replace(CARD, fields=(field,)), images.shared().of(CARD))


def test_no_preview_has_more_than_three_pixels_a_point() -> None:
    with pytest.raises(ValueError, match="one to three"):
        preview.png(CARD, images.shared().of(CARD), scale=4)
