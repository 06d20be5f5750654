"""The sandbox of texts: what it refuses, and that nothing it takes can fail or leak."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidError
from app.offers import templates

_PIECES = st.sampled_from([
    "{{", "}}", "{", "}", "{%", "%}", "{#", "#}", "|", '"', "'", " ", "\n", "first_name", "points", "__class__", ".",
    "[0]", "()", "for x in y", "é", "friend", "{{ first_name }}", '{{ first_name | "you" }}', "\0", "\ud800", "💥",
])  # fmt: skip
_TEXTS = st.lists(_PIECES, max_size=25).map("".join) | st.text(max_size=80)
_VALUES = st.dictionaries(st.sampled_from(sorted(templates.NAMES)), _TEXTS, max_size=12)


@given(_TEXTS, _VALUES)
def test_a_text_is_refused_or_renders_for_anybody(text: str, values: dict[str, str]) -> None:
    if templates.faults(text):
        with pytest.raises(InvalidError):
            templates.compile_text(text)
        return

    template = templates.compile_text(text)

    for given_values in (values, {}):
        shown = template.render(given_values)
        assert "{{" not in shown
        assert "}}" not in shown
        assert "{%" not in shown
        shown.encode()


@given(_TEXTS)
def test_what_a_text_names_is_on_the_list(text: str) -> None:
    if not templates.faults(text):
        assert templates.compile_text(text).names <= templates.NAMES


@given(st.text(max_size=60))
def test_a_value_is_data(value: str) -> None:
    shown = templates.compile_text("Hi {{ first_name }}!").render({"first_name": value + "{{ card_number }}"})

    assert "{" not in shown
    assert "\n" not in shown
    assert "card_number" in shown


def test_a_default_stands_for_what_is_absent_or_empty() -> None:
    template = templates.compile_text("Bonjour {{ first_name | \"l'ami\" }}, {{points|'0'}} points")

    assert template.render({}) == "Bonjour l'ami, 0 points"
    assert template.render({"first_name": " ", "points": "12"}) == "Bonjour l'ami, 12 points"
    assert template.names == {"first_name", "points"}


def test_html_is_escaped() -> None:
    template = templates.compile_text("<b>{{ first_name }}</b>")

    assert template.render_html({"first_name": "<script>"}) == "&lt;b&gt;&lt;script&gt;&lt;/b&gt;"


@pytest.mark.parametrize(
    "text",
    [
        "{{ first_name.__class__ }}",
        "{{ first_name['x'] }}",
        "{{ first_name() }}",
        "{{ first_name | upper }}",
        "{% for x in y %}{% endfor %}",
        "{# note #}",
        "{{ secret_key }}",
        "{{ first_name",
        "first_name }}",
        "{{{ first_name }}}",
        "{{ }}",
        '{{ first_name | "{{ points }}" }}',
        '{{ first_name | "' + "x" * 101 + '" }}',
        "{{ points }}" * 51,
        "x" * 100_000,
        "bell \a",
    ],
)  # fmt: skip
def test_what_reaches_further_is_refused(text: str) -> None:
    with pytest.raises(InvalidError) as refused:
        templates.check(text, "fr")

    assert "(fr)" in refused.value.detail


def test_a_single_brace_is_a_brace() -> None:
    assert templates.compile_text("a } b { c").render({}) == "a } b { c"
