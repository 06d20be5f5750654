"""What a campaign may say: every fault is pointed at, and what is taken is written back the same."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidError
from app.offers import definitions, messages

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
WORDS = {"title": "Bonjour", "body": 'Un café vous attend, {{ first_name | "l\'ami" }}.'}
VARIANT = {"name": "A", "content": {"fr": WORDS, "en": WORDS}}
WHOLE: dict[str, Any] = {
    "where": {"kind": "visits"},
    "channels": ["push", "email"],
    "fallback": True,
    "schedule": {"local_at": "2026-12-01T18:00:00"},
    "variants": [VARIANT, {**VARIANT, "name": "B", "weight": 3}],
    "winner": {"metric": "opened", "after_minutes": 240, "test_percent": 20},
    "holdout_percent": 10,
    "caps": {"messages": 2, "days": 7},
    "quiet_hours": {"from": "21:00", "to": "08:00"},
    "send_window": {"from": "09:00", "to": "19:00", "weekdays": [1, 2]},
    "rate_per_minute": 600,
    "ramp_minutes": 10,
    "reward_id": "rwd_0190163d8694739b8aaa1b7a5f0c1d2e",
    "purpose": "offers",
    "attribution_days": 14,
}
JOURNEY: dict[str, Any] = {
    "channels": ["push"],
    "trigger": {"event": "no_visit", "days": 30, "conditions": {"kind": "visits"}},
    "steps": [{"wait_seconds": 86_400, "exit_if": {"kind": "visits"}, "variants": [VARIANT | {"name": "B"}]}],
    "variants": [VARIANT],
}


def pointers(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidError) as refused:
        definitions.load(raw)
    return [error["pointer"] for error in refused.value.errors]


@pytest.mark.parametrize("raw", [WHOLE, JOURNEY, {}])
def test_what_is_taken_is_written_back_the_same(raw: dict[str, Any]) -> None:
    kept = definitions.load(raw)

    assert definitions.load(definitions.written(kept)) == kept
    assert definitions.written(kept).keys() == raw.keys()


def test_the_audience_stands_apart() -> None:
    assert definitions.load(WHOLE)["audience"] == {"where": {"kind": "visits"}}
    assert definitions.load(JOURNEY)["audience"] == {}


def test_every_tree_is_found_with_its_place() -> None:
    assert [place for place, _tree in definitions.trees(definitions.load(JOURNEY))] == [
        "#/trigger/conditions", "#/steps/0/exit_if",
    ]  # fmt: skip


def test_how_often_a_campaign_runs() -> None:
    assert definitions.kind_of(definitions.load(WHOLE)) == "once"
    assert definitions.kind_of(definitions.load(JOURNEY)) == "triggered"
    assert definitions.kind_of(definitions.load({"schedule": {"cron": "0 9 * * 1"}})) == "recurring"


@pytest.mark.parametrize(
    ("channels", "metric"), [(["email"], "visits"), (["email", "inbox"], "opened"), (None, "opened")]
)
def test_a_winner_may_be_what_some_channel_tells_of(channels: list[str] | None, metric: str) -> None:
    raw = WHOLE | {"channels": channels, "winner": WHOLE["winner"] | {"metric": metric}}

    assert definitions.load(raw)["winner"]["metric"] == metric


def words(**fields: Any) -> dict[str, Any]:
    return {"variants": [{"name": "A", "content": {"fr": WORDS | fields}}]}


FR = "#/variants/0/content/fr"


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ({"colour": "red"}, ["#/colour"]),
        ({"channels": []}, ["#/channels"]),
        ({"channels": ["pigeon", "push", "push"]}, ["#/channels/0", "#/channels/2"]),
        ({"channels": [{}]}, ["#/channels/0"]),
        ({"segment_id": "seg_1"}, ["#/segment_id"]),
        ({"segment_id": "seg_0190163d8694739b8aaa1b7a5f0c1d2e", "where": {}}, ["#/where"]),
        ({"holdout_percent": 51}, ["#/holdout_percent"]),
        ({"holdout_percent": True}, ["#/holdout_percent"]),
        ({"reward_id": "free coffee"}, ["#/reward_id"]),
        ({"purpose": "profiling"}, ["#/purpose"]),
        ({"caps": {"messages": 0, "days": 7}}, ["#/caps/messages"]),
        ({"quiet_hours": {"from": "9pm", "to": "08:00"}}, ["#/quiet_hours/from"]),
        ({"quiet_hours": {"from": "08:00", "to": "08:00"}}, ["#/quiet_hours/to"]),
        ({"send_window": {"from": "08:00", "to": "09:00", "weekdays": [1, 1, 8]}}, ["#/send_window/weekdays/2"]),
        ({"schedule": {"at": "2026-12-01T17:00:00"}}, ["#/schedule/at"]),
        ({"schedule": {"cron": "0 0 30 2 *"}}, ["#/schedule/cron"]),
        ({"schedule": []}, ["#/schedule"]),
        ({"trigger": {"event": "full_moon"}}, ["#/trigger/event"]),
        ({"trigger": {"event": "no_visit"}}, ["#/trigger/days"]),
        ({"trigger": {"event": "near_reward"}}, ["#/trigger/within"]),
        ({"trigger": {"event": "birthday"}, "schedule": {"cron": "0 9 * * 1"}}, ["#/schedule/cron"]),
        ({"steps": [{"wait_seconds": 86_400, "variants": [VARIANT]}]}, ["#/steps"]),
        ({"trigger": {"event": "birthday"}, "steps": [{"wait_seconds": 1, "variants": [VARIANT]}]},
         ["#/steps/0/wait_seconds"]),
        ({"trigger": {"event": "birthday"}, "steps": [{"wait_seconds": 60}]}, ["#/steps/0/variants"]),
        ({"variants": []}, ["#/variants"]),
        ({"variants": [VARIANT, VARIANT]}, ["#/variants/1/name"]),
        (JOURNEY | {"steps": [{"wait_seconds": 60, "variants": [VARIANT]}]}, ["#/steps/0/variants/0/name"]),
        ({"variants": [VARIANT | {"weight": 0}]}, ["#/variants/0/weight"]),
        ({"variants": ["A"]}, ["#/variants/0"]),
        ({"variants": [{"name": "A"}]}, ["#/variants/0/content"]),
        ({"variants": [{"name": "A", "content": {"klingon!": WORDS}}]}, ["#/variants/0/content/klingon!"]),
        ({"variants": [{"name": "A", "content": {"fr": "Bonjour"}}]}, [FR]),
        ({"winner": WHOLE["winner"], "variants": [VARIANT]}, ["#/winner"]),
        (WHOLE | {"channels": ["email"]}, ["#/winner/metric"]),
        (WHOLE | {"channels": ["wallet", "email", "console"]}, ["#/winner/metric"]),
        (words(title=None), [f"{FR}/title"]),
        (words(body="{% for x in y %}"), [f"{FR}/body"]),
        (words(body="{{ first_name.__class__.__mro__ }}"), [f"{FR}/body"]),
        (words(body="x" * 100_000), [f"{FR}/body"]),
        (words(title="x" * 201), [f"{FR}/title"]),
        (words(title=5), [f"{FR}/title"]),
        (words(sound="ding"), [f"{FR}/sound"]),
        (words(title="bell \0"), [f"{FR}/title", f"{FR}/title"]),
        (words(link="http://example.com"), [f"{FR}/link"]),
        (words(link="javascript:alert(1)"), [f"{FR}/link"]),
        (words(image_url="https://127.0.0.1/a.png"), [f"{FR}/image_url"]),
        (words(image_url="https://localhost/a.png"), [f"{FR}/image_url"]),
        (words(link="https://a:b@example.com/"), [f"{FR}/link"]),
        (words(link="https://example.com/{{ first_name }}"), [f"{FR}/link"]),
        (words(link="https://[::1"), [f"{FR}/link"]),
        (words(body="é" * 2000) | {"channels": ["push"]}, [FR]),
        ({"where": {"kind": "bell \ud800"}}, ["#/where/kind"]),
        ({"quiet_hours": {"from": "21:00"}, "caps": 3}, ["#/caps", "#/quiet_hours/to"]),
    ],
)  # fmt: skip
def test_every_fault_is_pointed_at(raw: dict[str, Any], found: list[str]) -> None:
    assert pointers(raw) == found


def test_long_letters_may_go_by_mail() -> None:
    assert definitions.load(words(body="é" * 2000) | {"channels": ["email"]})


def test_all_texts_together_are_bounded() -> None:
    locales = ["fr", "en", "de", "es", "it", "nl", "pt", "pl", "cs", "da"]
    content = {locale: WORDS | {"body": "x" * 9_900} for locale in locales}

    assert pointers({"variants": [{"name": "A", "content": content}]}) == ["#/variants"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(definitions.FIELDS), JSON, max_size=4))
def test_any_document_is_refused_or_kept(raw: dict[str, Any]) -> None:
    try:
        kept = definitions.load(raw)
    except InvalidError as error:
        assert all(one["pointer"].startswith("#") for one in error.errors)  # noqa: PT017 - either may happen
        return

    assert definitions.load(definitions.written(kept)) == kept


@given(st.sampled_from(sorted(WHOLE)), JSON)
def test_one_part_that_is_anything_is_refused_or_kept(name: str, value: Any) -> None:
    try:
        assert definitions.load(WHOLE | {name: value})["audience"].keys() <= {"segment_id", "where"}
    except InvalidError as error:
        assert error.errors  # noqa: PT017 - either may happen


def test_what_is_missing_is_said_before_it_is_scheduled() -> None:
    def missing(raw: dict[str, Any]) -> list[str]:
        found = definitions.gaps(definitions.load(raw), locales=["fr", "en-GB"], now=NOW, zone="Europe/Paris")
        return [error["pointer"] for error in found]

    assert missing({}) == ["#/channels", "#/variants"]
    assert missing(WHOLE) == []
    assert missing(words() | {"channels": ["push"]}) == ["#/variants/0/content/en-GB"]
    assert missing(WHOLE | {"schedule": {"at": "2026-11-22T08:00:00Z"}}) == ["#/schedule/at"]


def test_a_language_that_the_programme_does_not_speak_is_pointed_at() -> None:
    found = definitions.foreign(definitions.load(words() | {"channels": ["push"]}), ["en", "de"])

    assert [error["pointer"] for error in found] == [FR]


@pytest.mark.parametrize(
    "url", ["https://example.com", "https://www.example.co.uk:8443/a?b=%20#c", "https://xn--caf-dma.fr/"]
)
def test_public_addresses_are_taken(url: str) -> None:
    assert messages.url_fault(url) is None
