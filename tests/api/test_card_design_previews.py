"""A card of a design, looked at before anybody has it."""

import base64
import hashlib
import io
import re
from html.parser import HTMLParser
from typing import Any

import pytest
import zxingcpp
from flask.testing import FlaskClient
from PIL import Image

from tests.world import World
from tests.world_till import Cafe, make_cafe

PNG = "/v1/card-design/preview.png"
HTML = "/v1/card-design/preview.html"


@pytest.fixture
def cafe(world: World) -> Cafe:
    """A café with a stamp card."""
    return make_cafe(world)


def picture(client: FlaskClient, cafe: Cafe, **query: Any) -> Image.Image:
    answer = client.get(PNG, query_string=query, headers=cafe.world.as_("marketer"))
    assert (answer.status_code, answer.mimetype) == (200, "image/png"), answer.text
    return Image.open(io.BytesIO(answer.data)).convert("RGB")


def page(client: FlaskClient, cafe: Cafe, **query: Any) -> str:
    answer = client.get(HTML, query_string=query, headers=cafe.world.as_("owner"))
    assert (answer.status_code, answer.mimetype) == (200, "text/html"), answer.text
    return answer.text


def design(client: FlaskClient, cafe: Cafe, **said: Any) -> None:
    assert client.put("/v1/card-design", json=said, headers=cafe.world.as_("owner")).status_code == 200


@pytest.mark.parametrize("kind", ["qr", "pdf417", "aztec", "code128"])
def test_the_code_in_the_picture_is_read_by_a_decoder(client: FlaskClient, cafe: Cafe, kind: str) -> None:
    design(client, cafe, barcode_format=kind)

    found = zxingcpp.read_barcodes(picture(client, cafe))

    assert [one.text for one in found] == ["A1" + "0" * 17]


def test_a_picture_is_as_large_as_it_is_asked_for(client: FlaskClient, cafe: Cafe) -> None:
    one, two, three = (picture(client, cafe, scale=scale).size for scale in (1, 2, 3))

    assert two == (one[0] * 2, one[1] * 2)
    assert three == (one[0] * 3, one[1] * 3)


def test_stamps_colours_and_names_change_the_picture(client: FlaskClient, cafe: Cafe) -> None:
    seen = {picture(client, cafe, scale=1, **query).tobytes() for query in (
        {"stamps": 0}, {"stamps": 10}, {"stamps": 10, "first_name": "عبد الله"}, {"stamps": 10, "locale": "en"},
    )}  # fmt: skip
    design(client, cafe, background="#0f4c5c")
    after = picture(client, cafe, scale=1, stamps=10)

    assert len(seen) == 4
    assert after.getpixel((after.width // 2, 40)) == (0x0F, 0x4C, 0x5C)


class Reader(HTMLParser):
    """Collects what a page says, and every address in it."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.language = ""
        self.alternative = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [str(values[name]) for name in ("src", "href") if values.get(name)]
        self.language = values.get("lang") or self.language
        self.alternative = values.get("alt") or self.alternative
        assert tag not in {"script", "iframe", "object"}

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_the_page_shows_front_and_back_and_loads_nothing(client: FlaskClient, cafe: Cafe) -> None:
    design(
        client, cafe, back_fields=[{"label": "Conditions", "value": "Un tampon par café."}],
        links=[{"label": "Nos cafés", "url": "https://cafe.example/"}],
    )  # fmt: skip

    read = Reader()
    read.feed(page(client, cafe, stamps=3, last_name="<b>Moreau</b>"))

    assert read.language == "fr"
    assert read.alternative.startswith("Carte de fidélité Café. Points: 120. Dix cafés: 3 / 10. Encore 7 pour: Café")
    assert {"Conditions", "Un tampon par café.", "Nos cafés", "Numéro de carte"} <= set(read.texts)
    assert "“Dix cafés : vous en êtes à 3 / 10”" in read.texts
    front, link = read.addresses
    assert front.startswith("data:image/png;base64,")
    assert Image.open(io.BytesIO(base64.b64decode(front.partition(",")[2]))).format == "PNG"
    assert link == "https://cafe.example/"


def test_the_page_speaks_the_language_that_is_asked_for(client: FlaskClient, cafe: Cafe) -> None:
    read = Reader()
    read.feed(page(client, cafe, locale="en"))

    assert read.language == "en"
    assert "Card number" in read.texts


def test_the_page_allows_its_own_style_and_nothing_else(client: FlaskClient, cafe: Cafe) -> None:
    answer = client.get(HTML, headers=cafe.world.as_("owner"))
    style = re.search("<style>(.*)</style>", answer.text, re.DOTALL)

    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("path", [PNG, HTML])
@pytest.mark.parametrize("query", [{"stamps": "-1"}, {"stamps": "x"}, {"locale": "x" * 21}, {"first_name": ""}])
def test_a_query_that_means_nothing_is_refused(
    client: FlaskClient, cafe: Cafe, path: str, query: dict[str, str]
) -> None:
    answer = client.get(path, query_string=query, headers=cafe.world.as_("owner"))

    assert answer.status_code in {400, 422}


@pytest.mark.parametrize("path", [PNG, HTML])
def test_a_cashier_and_a_stranger_see_no_preview(client: FlaskClient, cafe: Cafe, path: str) -> None:
    assert client.get(path, headers=cafe.world.as_("cashier")).status_code == 403
    assert client.get(path).status_code == 401


def test_a_programme_without_purses_has_a_card_too(client: FlaskClient, world: World) -> None:
    answer = client.get(PNG, headers=world.as_("owner"))

    assert answer.status_code == 200


def test_a_logo_that_nobody_can_fetch_leaves_the_card_as_it_was(client: FlaskClient, cafe: Cafe) -> None:
    design(client, cafe, logo_url="https://cafe.invalid/logo.png", strip_style="image", strip_url="https://x.invalid/")

    assert zxingcpp.read_barcodes(picture(client, cafe))
