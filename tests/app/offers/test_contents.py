"""Which language a member reads."""

import pytest

from app.offers import contents

_CONTENT = {"fr": {"title": "Salut"}, "en-GB": {"title": "Hello"}, "pt-BR": {"title": "Oi"}, "en-US": {"title": "Hi"}}


@pytest.mark.parametrize(
    ("locales", "chosen"),
    [
        (["en-US", "fr"], "en-US"),
        (["EN-us"], "en-US"),
        (["fr-CA", "en-GB"], "fr"),
        (["pt", "fr"], "pt-BR"),
        (["en-AU", "fr"], "en-GB"),
        (["de", None, "en-GB"], "en-GB"),
        (["de", None], "fr"),
        ([], "fr"),
    ],
)
def test_the_nearest_language_is_chosen(locales: list[str | None], chosen: str) -> None:
    assert contents.choose(_CONTENT, locales) == (chosen, _CONTENT[chosen])


def test_no_content_is_no_choice() -> None:
    with pytest.raises(LookupError):
        contents.choose({}, ["fr"])
