"""Batches are written and read as Google's own client does."""

import json
from email.parser import BytesParser
from email.policy import HTTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import clock
from wallet.platforms.google import batches, verdicts
from wallet.platforms.google.batches import NO_ANSWER, Answer, Request

ONE = Request(method="PATCH", path="/walletobjects/v1/loyaltyObject/1.a", document={"id": "1.a", "accountName": "Zoë"})


def answered(*parts: str) -> tuple[str, bytes]:
    return "multipart/mixed; boundary=b", ("".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--").encode()


def part(name: str, status: str, body: str = "{}", *headers: str) -> str:
    lines = ["Content-Type: application/http", f"Content-ID: <response-{name}>", "", f"HTTP/1.1 {status}", *headers]
    return "\r\n".join([*lines, "", body])


def test_each_part_is_a_request_of_its_own() -> None:
    content_type, body = batches.write([ONE, Request(method="GET", path="/walletobjects/v1/loyaltyClass/1.c")])
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)

    first, second = message.iter_parts()

    assert (first["Content-Type"], first["Content-ID"], second["Content-ID"]) == ("application/http", "<0>", "<1>")
    content = first.get_payload(decode=True)
    assert isinstance(content, bytes)
    head, _, inner = content.partition(b"\r\n\r\n")
    assert head.startswith(b"PATCH /walletobjects/v1/loyaltyObject/1.a HTTP/1.1")
    assert f"Content-Length: {len(inner)}".encode() in head
    assert json.loads(inner) == ONE.document


def test_answers_are_told_apart_by_name_and_not_by_order() -> None:
    found = batches.read(*answered(part("1", "404 Not Found"), part("0", "200 OK", '{"id": "é"}', "Retry-After: 3")), 3)

    assert [one.status for one in found] == [200, 404, 0]
    assert (found[0].document, found[0].headers["retry-after"]) == ({"id": "é"}, "3")
    assert found[2] is NO_ANSWER


@pytest.mark.parametrize("name", ["7", "x", "-1", "²"])
def test_answers_to_nothing_that_was_asked_are_left_out(name: str) -> None:
    assert batches.read(*answered(part(name, "200 OK")), 1) == [NO_ANSWER]


def test_what_is_no_batch_is_not_read_as_one() -> None:
    with pytest.raises(ValueError, match="no batch"):
        batches.read("text/html", b"<html>Welcome to the hotel's Wi-Fi</html>", 1)


@pytest.mark.parametrize("count", [0, 1001])
def test_googles_bounds_of_a_batch_are_kept(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 1000"):
        batches.write([ONE] * count)


@given(st.binary(max_size=300), st.sampled_from(["multipart/mixed; boundary=b", "multipart/mixed", "text/plain", ""]))
def test_no_answer_breaks_the_reader(body: bytes, content_type: str) -> None:
    try:
        found = batches.read(content_type, b"--b\r\n" + body + b"\r\n--b--", 2)
    except ValueError:
        return
    assert len(found) == 2


def error(status: int, reason: str = "", message: str = "", canonical: str = "", **headers: str) -> Answer:
    body = {"code": status, "message": message, "status": canonical, "errors": [{"reason": reason}] if reason else []}
    return Answer(status=status, document={"error": body}, headers={"retry-after": headers.get("wait", "")})


@pytest.mark.parametrize(
    ("answer", "outcome", "slows"),
    [
        (Answer(status=200, document={"id": "1"}, headers={}), "done", False),
        (NO_ANSWER, "unknown", False),
        (error(400, "invalid"), "refused", False),
        (error(401), "unauthorised", False),
        (error(403, "permissionDenied"), "forbidden", False),
        (error(403, "rateLimitExceeded"), "retry", True),
        (error(404, "resourceNotFound"), "missing", False),
        (error(408), "retry", False),
        (error(409, "existingResource"), "exists", False),
        (error(429, canonical="RESOURCE_EXHAUSTED"), "retry", True),
        (error(429, message="Quota exceeded for quota metric 'Requests'"), "retry", True),
        (error(429, message="QuotaExceededException: 3 a day"), "over_quota", False),
        (error(403, "quotaExceeded"), "over_quota", False),
        (error(500), "unknown", False),
        (error(503), "unknown", False),
        (Answer(status=502, document={}, headers={}), "unknown", False),
        (Answer(status=404, document={"error": "text"}, headers={}), "missing", False),
        (Answer(status=403, document={"error": {"errors": [1, None], "details": {}}}, headers={}), "forbidden", False),
    ],
)
def test_every_answer_means_something(answer: Answer, outcome: str, *, slows: bool) -> None:
    verdict = verdicts.read(answer, clock.now())

    assert (verdict.outcome, verdict.slows) == (outcome, slows)


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), ("", None), ("soon", None), ("-3", None), ("999999", 3600.0)]
)
def test_a_server_may_say_when_to_come_back(text: str, seconds: float | None) -> None:
    assert verdicts.read(error(503, wait=text), clock.now()).retry_after_seconds == seconds


def test_a_date_to_come_back_at_is_understood() -> None:
    now = clock.now()

    assert verdicts.retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now) == 0.0
