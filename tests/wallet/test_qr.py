"""QR images, read back by zxing-cpp, zbar, rxing and rqrr, which share nothing with the library that draws."""

import io
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import qrcode_ai_scanner
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageFilter

from app.codes import grammar
from app.codes.card_token import new_card_token
from tests import tools
from tests.app.codes.samples import NOON, card_tokens, offline_text, with_check
from wallet import qr

KEY = b"12345678901234567890"
TOKEN = with_check(2**79 + 12345, 80)
TEXTS = {
    "static": grammar.static_code(TOKEN),
    "rotating": grammar.rotating_code(TOKEN, KEY, NOON),
    "offline": offline_text(),
    "voucher": grammar.voucher_code(with_check(2**59 + 1, 60)),
    "join": "https://loyalty.example/j/cafe-lumiere",
}
every_text = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())


def picture(text: str, *, scale: int = 8) -> Image.Image:
    return Image.open(io.BytesIO(qr.png(text, scale=scale))).convert("L")


def read(image: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(image)]


def on_a_table(image: Image.Image, *, grey: int = 150) -> Image.Image:
    """Return the image in the middle of a larger grey one, as a camera sees it."""
    width = image.width * 2
    table = Image.new("L", (width, width), grey)
    table.paste(image, (image.width // 2, image.width // 2))
    return table


@every_text
@pytest.mark.parametrize("scale", [1, 2, 8, 13])
def test_a_png_is_read_back(text: str, scale: int) -> None:
    assert read(picture(text, scale=scale)) == [text]


@every_text
@pytest.mark.parametrize("command", [["zbarimg", "-q", "--raw"], ["ZXingReader", "-bytes"]], ids=["zbar", "zxing-cli"])
def test_a_program_of_another_reads_the_same(text: str, command: list[str], tmp_path: Path) -> None:
    tools.need(command[0])
    path = tmp_path / "code.png"
    path.write_bytes(qr.png(text))
    ran = subprocess.run([*command, path], capture_output=True, text=True, check=False, timeout=120)
    assert (ran.returncode, ran.stdout.strip()) == (0, text)


@every_text
def test_opencv_reads_the_same(text: str) -> None:
    cv2 = tools.package("cv2")
    pixels = tools.package("numpy").array(on_a_table(picture(text)))
    assert cv2.QRCodeDetector().detectAndDecode(pixels)[0] == text


@every_text
def test_two_more_decoders_read_the_same_and_find_the_print_faultless(text: str) -> None:
    found = qrcode_ai_scanner.scan(qr.png(text))
    read_by = [(one["content"]["text"], sorted(one["engines"])) for one in found["detections"]]
    assert read_by == [(text, ["rqrr", "rxing"])]
    assert found["score"]["iso15415"]["overall"] == "a"
    assert found["score"]["structural"]["quiet_zone_ok"]


@every_text
@pytest.mark.parametrize("degrees", [7, 30, 90, 137, 180])
def test_a_tilted_picture_is_read_back(text: str, degrees: int) -> None:
    tilted = on_a_table(picture(text)).rotate(degrees, Image.Resampling.BICUBIC, fillcolor=150)
    assert read(tilted) == [text]


@every_text
def test_a_picture_taken_from_the_side_is_read_back(text: str) -> None:
    seen = on_a_table(picture(text))
    side, far = seen.width, seen.width // 10
    corners = (-far, -far, 0, side, side, side, side + far, -far)
    leaning = seen.transform(seen.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC, fillcolor=150)
    assert read(leaning) == [text]


@every_text
def test_a_blurred_picture_is_read_back(text: str) -> None:
    assert read(on_a_table(picture(text)).filter(ImageFilter.GaussianBlur(3.5))) == [text]


@every_text
def test_a_small_picture_is_read_back(text: str) -> None:
    """At 2.7 camera pixels per module, an arm's length away."""
    large = on_a_table(picture(text, scale=10))
    side = round(large.width * 0.27)
    assert read(large.resize((side, side), Image.Resampling.BILINEAR)) == [text]


@every_text
def test_a_badly_lit_picture_is_read_back(text: str) -> None:
    seen = on_a_table(picture(text))
    faint = seen.point(lambda light: 60 + light * 0.4)
    shadow = Image.linear_gradient("L").resize(seen.size).point(lambda light: 90 + light * 0.6)
    assert read(ImageChops.multiply(faint, shadow)) == [text]


@every_text
def test_an_svg_shows_the_same_modules_as_the_png(text: str) -> None:
    document = qr.svg(text)
    width = int(re.search(r'viewBox="0 0 (\d+) ', document)[1])  # type: ignore[index]
    image = Image.new("L", (width, width), 255)
    for x, y, run in re.findall(r"M(\d+) (\d+)\.5h(\d+)", document):
        image.paste(0, (int(x), int(y), int(x) + int(run), int(y) + 1))
    assert image.tobytes() == picture(text, scale=1).tobytes()
    assert document.count("<path") == 2


@every_text
@pytest.mark.parametrize("colour", [True, False])
def test_a_terminal_shows_the_same_modules(text: str, *, colour: bool) -> None:
    lines = re.sub("\x1b\\[[0-9;]*m", "", qr.terminal(text, colour=colour)).split("\n")
    drawn = []
    for line in lines:
        drawn.append(bytes(cell in "▀█" for cell in line))
        drawn.append(bytes(cell in "▄█" for cell in line))
    rows = drawn if colour else [bytes(1 - module for module in row) for row in drawn]
    assert tuple(rows[: len(rows) - 1]) == qr.modules(text)


@pytest.mark.parametrize(("kind", "width"), [("static", 21), ("voucher", 21), ("rotating", 29), ("offline", 37)])
def test_our_codes_are_as_small_as_alphanumeric_mode_makes_them(kind: str, width: int) -> None:
    """Version 1 at M holds 20 alphanumeric characters and 14 bytes; 3 at M 61 and 42; 5 at L 154 and 106."""
    assert len(qr.modules(TEXTS[kind])) == width + 2 * qr.QUIET_MODULES


@every_text
def test_error_correction_is_m_and_l_for_the_long_offline_code(text: str) -> None:
    found = zxingcpp.read_barcodes(picture(text))[0]
    assert found.ec_level == ("L" if text == TEXTS["offline"] else "M")


@every_text
def test_the_quiet_zone_is_four_modules_wide(text: str) -> None:
    rows = qr.modules(text)
    edge = [*rows[:4], *rows[-4:], *(row[:4] for row in rows), *(row[-4:] for row in rows)]
    assert not any(map(any, edge))
    assert rows[4][4:11] == bytes([1] * 7)


def test_sixteen_threads_at_once_draw_no_wrong_code() -> None:
    texts = [grammar.static_code(new_card_token()) for _ in range(160)]
    texts += [grammar.rotating_code(new_card_token(), KEY, NOON + number) for number in range(160)]
    with ThreadPoolExecutor(16) as pool:
        images = list(pool.map(qr.png, texts))
    assert [read(Image.open(io.BytesIO(image)).convert("L")) for image in images] == [[text] for text in texts]


@settings(max_examples=40)
@given(card_tokens)
def test_any_card_is_read_back(token: str) -> None:
    text = grammar.static_code(token)
    assert read(picture(text, scale=3)) == [text]


@given(st.text())
@settings(max_examples=40)
def test_any_text_is_drawn_or_refused_cleanly(text: str) -> None:
    try:
        assert qr.svg(text).startswith("<svg ")
    except qr.UndrawableTextError:
        assert not (text.isascii() and text.isprintable()) or not text


@pytest.mark.parametrize("text", ["", "A" * 513, "é", "A\n", "\x00", "0A" + "0" * 498])
def test_what_cannot_be_drawn_is_refused(text: str) -> None:
    with pytest.raises(qr.UndrawableTextError):
        qr.png(text)


@pytest.mark.parametrize("scale", [0, -1, 41])
def test_a_scale_beyond_the_limits_is_refused(scale: int) -> None:
    with pytest.raises(ValueError, match="1 to 40"):
        qr.png("A1", scale=scale)


def test_markup_in_a_text_never_reaches_the_svg() -> None:
    assert "script" not in qr.svg("<script>alert(1)</script>")


def test_the_cache_is_bounded() -> None:
    assert qr.modules.cache_info().maxsize == 1024
    assert qr.svg(TEXTS["static"]) is qr.svg(TEXTS["static"])
