"""CSV answers: read back as they were written, read while they are sent, and no cell a formula."""

import csv
import io
from collections.abc import Iterator

from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from api import csv_files

COMPUTED = ("=", "+", "-", "@", "\t", "\r", "\n")


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2), max_size=5))
def test_every_text_comes_back_but_for_the_mark_that_makes_it_harmless(rows: list[list[str]]) -> None:
    answer = csv_files.answer("x.csv", ("a", "b"), [rows])

    header, *read = csv.reader(io.StringIO(answer.get_data(as_text=True), newline=""))

    assert header == ["a", "b"]
    assert len(read) == len(rows)
    for cells, texts in zip(read, rows, strict=True):
        for cell, text in zip(cells, texts, strict=True):
            assert cell in {text, f"'{text}"}
            assert not cell.lstrip(" ").startswith(COMPUTED)


def test_a_batch_is_read_when_the_one_before_is_sent() -> None:
    read: list[int] = []

    def batches() -> Iterator[list[list[int]]]:
        for number in range(3):
            read.append(number)
            yield [[number]]

    answer = csv_files.answer("x.csv", ("n",), batches())

    assert read == [0]
    sent = answer.iter_encoded()
    assert [next(sent), next(sent)] == [b"n\r\n", b"0\r\n"]
    assert read == [0]
    assert list(sent) == [b"1\r\n", b"2\r\n"]


def test_json_is_the_answer_where_the_caller_does_not_mind(application: Flask) -> None:
    for accept, wanted in {
        "*/*": False, "application/json": False, "text/csv": True, "text/csv, application/json;q=0.5": True,
        "application/json, text/csv": False, "image/png": False, "text/*": True,
    }.items():  # fmt: skip
        with application.test_request_context(headers={"Accept": accept}):
            assert csv_files.is_wanted() is wanted, accept
