"""What webhooks may ask for is what the source publishes."""

import ast
from collections.abc import Iterator
from pathlib import Path

from app.services.event_kinds import EVENT_KINDS

ROOT = Path(__file__).parent.parent.parent.parent
PUBLISHERS = {"publish", "_publish"}
NOT_YET = {
    "campaign.cancelled", "campaign.finished", "campaign.paused", "campaign.resumed", "campaign.scheduled",
    "campaign.started", "consent.changed", "delivery.opened",
}  # fmt: skip
"""Agreed, and perhaps published under a name that is put together."""
IN_SQL = {"activity.recorded"}


def texts_of(path: Path) -> Iterator[str]:
    """Yield the texts that look like kinds and are given to a function that publishes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in PUBLISHERS:
            continue
        for given in [*node.args, *(word.value for word in node.keywords)]:
            if isinstance(given, ast.Constant) and isinstance(given.value, str) and "." in given.value:
                yield given.value


def test_every_kind_that_is_published_can_be_asked_for_and_no_other() -> None:
    found = {kind for package in ("app", "api", "notifications") for path in (ROOT / package).rglob("*.py")
             for kind in texts_of(path)}  # fmt: skip

    assert found <= set(EVENT_KINDS)
    assert set(EVENT_KINDS) - found <= NOT_YET | IN_SQL | {"webhook.ping"}


def test_every_kind_says_what_it_tells() -> None:
    assert all(kind.count(".") == 1 and meaning[0].isupper() for kind, meaning in EVENT_KINDS.items())
