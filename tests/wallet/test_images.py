"""Pictures at the sizes that wallets ask for, from logos that strangers serve."""

import dataclasses
import io
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image, ImageDraw

from tests.wallet.test_card_face import FACE
from wallet import fetching, images, marks
from wallet.card_face import CardFace
from wallet.fetching import PictureClient, PictureError
from wallet.images import Images


class Shop:
    """A web server on loopback that has pictures at paths, and counts who asks."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shop.asked.append(self.path)
                body = shop.files.get(self.path)
                if self.path == "/moved":
                    self.send_response(302)
                    self.send_header("Location", "/logo.png")
                    self.end_headers()
                    return
                self.send_response(200 if body is not None else 404)
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def shop() -> Iterator[Shop]:
    running = Shop()
    yield running
    running.stop()


@pytest.fixture
def client() -> Iterator[PictureClient]:
    opened = PictureClient(loopback=True, timeout_seconds=10)
    yield opened
    opened.close()


@pytest.fixture
def maker(client: PictureClient) -> Images:
    return Images(client)


def drawn(width: int, height: int, kind: str = "PNG") -> bytes:
    picture = Image.new("RGBA" if kind == "PNG" else "RGB", (width, height), "#00000000" if kind == "PNG" else "white")
    ImageDraw.Draw(picture).ellipse((0, 0, width - 1, height - 1), fill="#ff0000")
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def sizes(found: dict[str, bytes]) -> dict[str, tuple[int, int]]:
    return {name: Image.open(io.BytesIO(content)).size for name, content in found.items()}


def with_logo(shop: Shop, path: str = "/logo.png", **more: object) -> CardFace:
    return dataclasses.replace(FACE, logo_url=shop.url + path, **more)  # type: ignore[arg-type]


def test_a_face_without_a_logo_has_every_picture_at_every_resolution(maker: Images) -> None:
    assert sizes(dict(maker.of(FACE))) == {
        "icon.png": (38, 38), "icon@2x.png": (76, 76), "icon@3x.png": (114, 114),
        "logo.png": (36, 50), "logo@2x.png": (72, 100), "logo@3x.png": (108, 150),
        "strip.png": (375, 144), "strip@2x.png": (750, 288), "strip@3x.png": (1125, 432),
    }  # fmt: skip


def test_the_same_bytes_are_given_again(maker: Images) -> None:
    first, again = maker.of(FACE), maker.of(dataclasses.replace(FACE, member_name="Zoé"))

    assert all(again[name] is content for name, content in first.items())
    assert first["strip.png"] is not maker.of(dataclasses.replace(FACE, strip_style="plain")).get("strip.png")


def test_a_wide_logo_fits_its_place_and_is_no_icon(shop: Shop, maker: Images) -> None:
    shop.files["/logo.png"] = drawn(1600, 200)
    found = dict(maker.of(with_logo(shop)))

    assert [sizes(found)[name] for name in ("logo.png", "logo@2x.png", "logo@3x.png")] == [
        (160, 20),
        (320, 40),
        (480, 60),
    ]
    assert found["icon.png"] == maker.of(FACE)["icon.png"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_square_logo_is_the_icon_too_and_opaque(shop: Shop, maker: Images, kind: str) -> None:
    shop.files["/logo.png"] = drawn(300, 300, kind)
    found = maker.of(with_logo(shop))
    icon = Image.open(io.BytesIO(found["icon@3x.png"])).convert("RGBA")

    assert icon.getpixel((57, 57)) == pytest.approx((255, 0, 0, 255), abs=6)
    assert icon.getextrema()[-1] == (255, 255)


def test_a_logo_is_fetched_once_an_hour(shop: Shop, maker: Images) -> None:
    shop.files["/logo.png"] = drawn(300, 100)
    for _ in range(3):
        maker.of(with_logo(shop))
        maker.emblem(with_logo(shop))

    assert shop.asked == ["/logo.png"]


def test_a_strip_of_ones_own_covers_its_place(shop: Shop, maker: Images) -> None:
    shop.files["/strip.png"] = drawn(2000, 500, "JPEG")
    face = dataclasses.replace(FACE, strip_style="image", strip_url=f"{shop.url}/strip.png")

    assert sizes(dict(maker.of(face)))["strip@2x.png"] == (750, 288)
    hero = maker.hero(face)
    assert hero is not None
    assert Image.open(io.BytesIO(hero)).size == (1032, 336)


def bomb() -> bytes:
    """Return a PNG that says it has 30,000 by 30,000 pixels, in a hundred bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


BROKEN = {
    "nothing there": (None, "answered 404"),
    "no picture": (b"<html>Not a logo</html>", "no picture in PNG, JPEG or WEBP"),
    "a format that we do not read": (drawn(10, 10, "BMP"), "no picture"),
    "half a picture": (drawn(300, 300)[:400], "no picture"),
    "too many pixels": (bomb(), "no picture"),
    "a few too many pixels": (drawn(4200, 4000), "million pixels"),
    "too many bytes": (b"\0" * (fetching.PICTURE_BYTES_MAX + 1), "more than 4 MB"),
    "empty": (b"", "no picture"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_whatever_is_wrong_with_a_logo_the_card_has_an_icon(shop: Shop, maker: Images, what: str) -> None:
    content, problem = BROKEN[what]
    if content is not None:
        shop.files["/logo.png"] = content
    face = with_logo(shop)

    assert maker.of(face) == maker.of(FACE)
    [said] = maker.problems(face)
    assert said.startswith(f"The logo at {shop.url}/logo.png is not shown: ")
    assert problem in said


def test_a_redirect_is_not_followed(shop: Shop, client: PictureClient) -> None:
    shop.files["/logo.png"] = drawn(10, 10)

    with pytest.raises(PictureError, match="302"):
        client.get(f"{shop.url}/moved")
    assert shop.asked == ["/moved"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/x", "https://127.0.0.1:{port}/x", "https://localhost:{port}/x", "https://10.0.0.1/x",
            "https://[::1]:{port}/x", "https://169.254.169.254/latest", "file:///etc/passwd"],
)  # fmt: skip
def test_nothing_of_ours_is_fetched_on_anybodys_word(shop: Shop, url: str) -> None:
    client = PictureClient(timeout_seconds=5)

    with pytest.raises(PictureError):
        client.get(url.format(port=shop.url.rpartition(":")[2]))
    client.close()
    assert shop.asked == []


def test_a_name_that_resolves_to_loopback_is_not_connected_to(shop: Shop) -> None:
    client = PictureClient(timeout_seconds=5, resolve=lambda _host, _port: ["127.0.0.1"])

    with pytest.raises(PictureError, match="public Internet"):
        client.get(f"https://cafe.example:{shop.url.rpartition(':')[2]}/logo.png")
    client.close()


def test_a_logo_whose_server_is_down_is_shown_on(shop: Shop, maker: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.files["/logo.png"] = drawn(300, 300)
    monkeypatch.setattr(images, "KEPT_SECONDS", -1.0)
    before = maker.of(with_logo(shop))
    shop.files.clear()

    assert maker.of(with_logo(shop)) == before
    assert maker.problems(with_logo(shop))


@pytest.mark.parametrize(
    ("name", "sign"), [("café", "C"), ("  3 Étoiles", "3"), ("日本", ""), ("«Żubr»", "Ż"), ("", "")]
)
def test_a_programme_is_known_by_its_first_letter(name: str, sign: str) -> None:
    assert marks.initial(name) == sign


def test_initials_and_colours_make_different_icons_and_the_emblem_is_square(maker: Images) -> None:
    names = ["Café", "Żubr", "שלום", "日本"]
    icons = {maker.of(dataclasses.replace(FACE, program_name=name))["icon@3x.png"] for name in names}

    assert len(icons) == 4
    assert Image.open(io.BytesIO(maker.emblem(FACE))).size == (660, 660)


def test_where_no_title_stands_beside_it_a_drawn_logo_has_the_name_in_it(shop: Shop, maker: Images) -> None:
    without = with_logo(shop, "/gone.png", title="")
    found = dict(maker.of(without))

    assert sizes(found)["logo@3x.png"] == (480, 150)
    other = maker.of(dataclasses.replace(without, program_name="Café Autre"))
    assert other["logo.png"] != found["logo.png"]
    assert other["icon.png"] == found["icon.png"]


def test_many_threads_that_want_a_face_get_the_same(shop: Shop, maker: Images) -> None:
    shop.files["/logo.png"] = drawn(300, 100)
    found: list[Mapping[str, bytes]] = []
    threads = [threading.Thread(target=lambda: found.append(maker.of(with_logo(shop)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert all(one[name] is content for one in found for name, content in found[0].items())
