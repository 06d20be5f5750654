"""What log lines say, and what they do not."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from api import logs
from app.config import Settings


def test_an_exception_is_shown_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings())

    try:
        int("ada@example.com")
    except ValueError as error:
        structlog.get_logger().error("unexpected", exc_info=error)

    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["error"]) == ("unexpected", "error", "ValueError")
    assert "ada@" not in json.dumps(line)


def test_a_librarys_warning_is_a_line_like_ours(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings())

    logging.getLogger("some.library").warning("slow")

    assert json.loads(capsys.readouterr().err)["event"] == "slow"


def test_less_severe_lines_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_level="error"))

    structlog.get_logger().info("started")

    assert capsys.readouterr().err == ""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
