"""What a run said before it was changed is remembered, within bounds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.offers import earlier

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def says(title: str) -> dict[str, Any]:
    return {"variants": [{"name": "A", "content": {"fr": {"title": title, "body": "Pour vous"}}}]}


def title_at(definition: dict[str, Any], at: datetime) -> Any:
    return earlier.content_at(definition, "A", at)["fr"]["title"]


def test_each_instant_has_the_words_of_its_time() -> None:
    run = says("un")
    for hours, title in ((1, "deux"), (2, "trois")):
        run = earlier.changed(run, says(title), at=NOON + timedelta(hours=hours))

    asked = [NOON + timedelta(minutes=minutes) for minutes in (0, 59, 60, 119, 120)]
    assert [title_at(run, at) for at in asked] == ["un", "un", "deux", "deux", "trois"]


def test_what_changes_no_words_is_not_remembered() -> None:
    assert earlier.changed(says("un"), says("un") | {"holdout_percent": 5}, at=NOON) == says("un") | {
        "holdout_percent": 5
    }


def test_the_oldest_words_are_let_go_of_first() -> None:
    run = says("x" * 60_000)
    for step in range(30):
        run = earlier.changed(run, says(f"{step}" * (60_000 if step < 10 else 1)), at=NOON + timedelta(hours=step))

    kept = run[earlier.EARLIER]
    assert len(kept) == earlier.KEPT_MAX
    assert title_at(run, NOON - timedelta(days=1)) == title_at(run, NOON + timedelta(hours=10, minutes=-1))
    assert sum(len(one["variants"][0]["content"]["fr"]["title"]) for one in kept) < earlier.BYTES_MAX
