"""The outbox file and the channel that writes to it."""

import stat
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from app import ids
from notifications.channels.console import ConsoleChannel, OutboxFile
from tests.notifications.conftest import make_message


def append_many(path: Path, writer: int, count: int) -> None:
    outbox = OutboxFile(path)
    for number in range(count):
        outbox.append({"writer": writer, "number": number, "padding": "é" * 5000})


def test_a_message_becomes_one_line_with_its_delivery(tmp_path: Path) -> None:
    outbox = OutboxFile(tmp_path / "new" / "outbox.jsonl")
    message = make_message(body="Deux lignes\net un café")
    [result] = ConsoleChannel(outbox).send([message])
    [record] = outbox.read()
    assert result.outcome == "sent"
    assert (record["delivery_id"], record["body"]) == (ids.show("delivery", message.delivery_id), message.body)


def test_only_its_owner_can_read_the_codes_in_it(tmp_path: Path) -> None:
    outbox = OutboxFile(tmp_path / "outbox.jsonl")
    outbox.append({"code": "123456"})
    assert stat.S_IMODE(outbox.path.stat().st_mode) == 0o600


def test_lines_of_many_threads_and_processes_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "outbox.jsonl"
    process = get_context("spawn").Process(target=append_many, args=(path, 0, 100))
    process.start()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda writer: append_many(path, writer, 100), range(1, 5)))
    process.join(120)
    assert process.exitcode == 0
    kept = {(record["writer"], record["number"]) for record in OutboxFile(path).read()}
    assert kept == {(writer, number) for writer in range(5) for number in range(100)}
