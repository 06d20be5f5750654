"""A mail's frame: escaped, readable in any brand, and the same words in both halves."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.channels import email_frame
from notifications.channels.protocol import Letterhead
from tests.notifications.conftest import make_message

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
TAGS = {
    "html", "head", "meta", "title", "body", "table", "tr", "td", "strong", "img", "h1", "h2", "p", "br", "ul", "li",
    "a", "span",
}  # fmt: skip


class Page(HTMLParser):
    """What a mail program would see: elements, where they lead, and the words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_data(self, data: str) -> None:
        self.words += data


@given(st.text(), st.text(), st.text(), st.text(), st.text())
def test_no_text_becomes_markup(title: str, body: str, program: str, link: str, locale: str) -> None:
    message = make_message(title=title, body=body, link=link, locale=locale, image_url=link)

    page = Page(email_frame.render(message, Letterhead(program=program, logo_url=link)).html)

    assert set(page.tags) <= TAGS
    assert not [name for name in page.names if name.startswith("on")]
    assert page.tags.count("table") == 2


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "assidu://offer", "//x", "https://", "h[t"])
def test_what_a_mail_program_should_not_open_is_left_out(url: str) -> None:
    message = make_message(link=url, image_url=url)

    rendered = email_frame.render(message, Letterhead(program="Café", logo_url=url))

    assert Page(rendered.html).links == []
    assert url not in rendered.text


def test_a_bodys_blank_lines_points_and_headings_are_kept() -> None:
    page = email_frame.body_html("Bonjour,\nça va ?\n\n# Cette semaine\n\n- un <café>\n- un thé")

    assert "Bonjour,<br>ça va ?</p>" in page
    assert "Cette semaine</h2>" in page
    assert page.count("<li") == 2
    assert "un &lt;café&gt;" in page


@given(COLOURS, st.none() | COLOURS)
def test_text_can_be_read_on_any_brand(background: str, foreground: str | None) -> None:
    shown = email_frame.readable(background, foreground)

    assert email_frame.contrast(background, shown) >= email_frame.CONTRAST_MIN


@pytest.mark.parametrize("text", ["#fff", "red", "#5b2333;x:url(https://eve.example)", "#5b2333\n", ""])
def test_what_is_no_colour_stands_in_no_style(text: str) -> None:
    rendered = email_frame.render(make_message(), Letterhead(program="Café", background=text, foreground=text))

    assert f"background-color:{email_frame.BACKGROUND};" in rendered.html
    assert "eve.example" not in rendered.html


def test_a_colour_that_can_be_read_is_the_brands_own() -> None:
    assert email_frame.readable("#5b2333", "#f7f4f3") == "#f7f4f3"
    assert email_frame.readable("#5b2333", "#5b2334") == "#ffffff"


@pytest.mark.parametrize(
    ("locale", "stop", "direction"),
    [
        ("fr-CA", "Se désabonner", "ltr"),
        ("en", "Unsubscribe", "ltr"),
        ("ar", "Unsubscribe", "rtl"),
        (None, "Unsub", "ltr"),
    ],
)
def test_the_frame_speaks_the_mails_language(locale: str | None, stop: str, direction: str) -> None:
    message = make_message(locale=locale, unsubscribe_url="https://cafe.example/u/x")

    rendered = email_frame.render(message, Letterhead(program="Café"))

    assert stop in rendered.html
    assert stop in rendered.text
    assert f'dir="{direction}"' in rendered.html


def test_both_halves_say_the_same() -> None:
    message = make_message(
        title="Ten stamps",
        body="One & two\n\nthree",
        link="https://cafe.example/?a=1&b=2",
        unsubscribe_url="https://c/u/x",
    )

    rendered = email_frame.render(message, Letterhead(program="Café"))

    page = Page(rendered.html)
    for words in ("Ten stamps", "One & two", "three", "Café"):
        assert words in page.words
        assert words in rendered.text
    assert page.links == ["https://cafe.example/?a=1&b=2", "https://c/u/x"]
    assert all(link in rendered.text for link in page.links)


def test_html_that_we_made_stands_in_the_bodys_place() -> None:
    message = make_message(body="Plain", html="<p>Rich</p>")

    rendered = email_frame.render(message, Letterhead(program="Café"))

    assert "<p>Rich</p>" in rendered.html
    assert "Plain" in rendered.text
    assert "Plain" not in rendered.html
