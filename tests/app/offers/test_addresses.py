"""What an answer from a campaign's picture or link means for members."""

from typing import Any

import pytest

from app.offers import addresses
from app.offers.addresses import IMAGE_BYTES_MAX, Answer, Place

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 8
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 4
GIF = b"GIF89a" + b"\0" * 6
WEBP = b"RIFF\x10\0\0\0WEBP"
PAGE = b"<!doctype ht"


def place(field: Any) -> Place:
    return Place(
        pointer=f"#/variants/0/content/fr/{field}", step=0, variant="A", locale="fr", field=field,
        url="https://shop.example.com/",
    )  # fmt: skip


def judged(field: str, *, push: bool = True, **answer: Any) -> tuple[str, str | None]:
    found = addresses.judge(place(field), Answer(**answer), push=push)
    assert (found.detail is None) == (found.result in {"ok", "not_asked"})
    return found.result, found.reason


def picture(content_type: str, beginning: bytes, *, size: int = 5_000, push: bool = True) -> tuple[str, str | None]:
    return judged("image_url", push=push, status=200, content_type=content_type, beginning=beginning, size=size)


@pytest.mark.parametrize("status", [200, 204, 301, 399])
def test_a_link_that_answers_less_than_400_is_good(status: int) -> None:
    assert judged("link", status=status) == ("ok", None)


@pytest.mark.parametrize("status", [400, 404, 410])
@pytest.mark.parametrize("field", ["link", "image_url"])
def test_what_is_not_there_is_a_problem(field: str, status: int) -> None:
    assert judged(field, status=status) == ("problem", "not_there")


@pytest.mark.parametrize("status", [401, 403, 405, 429, 451])
@pytest.mark.parametrize("field", ["link", "image_url"])
def test_what_a_server_may_say_to_programs_only_is_a_warning(field: str, status: int) -> None:
    assert judged(field, status=status) == ("warning", "guarded")


@pytest.mark.parametrize("status", [500, 503, 999])
@pytest.mark.parametrize("field", ["link", "image_url"])
def test_a_fault_of_the_server_may_be_over_in_an_hour(field: str, status: int) -> None:
    assert judged(field, status=status) == ("warning", "server_fault")


@pytest.mark.parametrize("fault", ["address_refused", "name_not_found", "timeout", "malformed_answer",
                                   "connection_failed", "tls_failed", "too_many"])  # fmt: skip
def test_what_was_not_reached_is_a_warning(fault: str) -> None:
    assert judged("link", fault=fault) == ("warning", fault)


def test_where_nobody_may_ask_nothing_is_said() -> None:
    assert judged("image_url", fault="turned_off") == ("not_asked", "turned_off")


@pytest.mark.parametrize(
    ("content_type", "beginning"), [("image/jpeg", JPEG), ("image/jpg", JPEG), ("image/png", PNG), ("image/gif", GIF)]
)
def test_what_phones_show_is_a_picture(content_type: str, beginning: bytes) -> None:
    assert picture(content_type, beginning) == ("ok", None)


def test_webp_is_not_shown_everywhere() -> None:
    assert picture("image/webp", WEBP) == ("warning", "not_everywhere")
    assert picture("image/png", WEBP) == ("warning", "not_everywhere")


@pytest.mark.parametrize(
    ("content_type", "beginning"),
    [
        ("text/html", PAGE), ("image/svg+xml", b'<svg xmlns="'), ("", PNG), ("image/png", PAGE), ("image/png", b""),
        ("image/bmp", b"BM"), ("application/octet-stream", PNG), ("image/webp", b"RIFF\x10\0\0\0WAVE"),
    ],
)  # fmt: skip
def test_anything_else_is_no_picture(content_type: str, beginning: bytes) -> None:
    assert picture(content_type, beginning) == ("problem", "not_an_image")


def test_a_picture_of_a_notification_has_1_mb_at_most() -> None:
    assert picture("image/png", PNG, size=IMAGE_BYTES_MAX) == ("ok", None)
    assert picture("image/png", PNG, size=IMAGE_BYTES_MAX + 1) == ("problem", "too_big")
    assert picture("image/png", PNG, size=IMAGE_BYTES_MAX + 1, push=False) == ("ok", None)


@pytest.mark.parametrize("status", [204, 206, 304])
def test_a_picture_answers_200(status: int) -> None:
    assert judged("image_url", status=status)[0] == "problem"


def test_every_address_is_found_where_it_stands() -> None:
    def words(**more: str) -> dict[str, str]:
        return {"title": "Café", "body": "Offert", **more}

    definition = {
        "variants": [
            {"name": "A", "content": {"fr": words(image_url="https://a.example/1.png"), "en": words()}},
            {"name": "B", "content": {"fr-CA": words(link="https://a.example/2")}},
        ],
        "steps": [
            {"wait_seconds": 60, "variants": [{"name": "C", "content": {"fr": words(link="https://a.example/3")}}]}
        ],
    }

    assert [(one.pointer, one.step, one.variant, one.locale, one.url) for one in addresses.places(definition)] == [
        ("#/variants/0/content/fr/image_url", 0, "A", "fr", "https://a.example/1.png"),
        ("#/variants/1/content/fr-CA/link", 0, "B", "fr-CA", "https://a.example/2"),
        ("#/steps/0/variants/0/content/fr/link", 1, "C", "fr", "https://a.example/3"),
    ]


def test_a_draft_without_texts_shows_no_addresses() -> None:
    assert addresses.places({"audience": {}}) == []
