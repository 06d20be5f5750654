"""What a till may be made to send: every wrong form of every field is refused in words, and nothing is written."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock, ids
from app.db import Database
from app.models import Base
from tests.fuzz.spoiling import Spoilt, spoil
from tests.fuzz.till_requests import KEYLESS, OPERATIONS, Counter, make_counter
from tests.world import World, make_world
from tests.world_members import make_customer

Answer = Any
KEPT = (
    "account", "activity", "allocation", "card", "code_use", "consent", "debt", "entry", "event", "hold",
    "idempotency_key", "lot", "member", "pending_grant", "rule_usage", "voucher",
)  # fmt: skip
MALFORMED = {
    "nothing": b"", "white space": b" ", "half a body": b'{"code": "A1', "not UTF-8": b'{"code": "\xff\xfe"}',
    "UTF-16": '{"code": "A1"}'.encode("utf-16"), "two bodies": b"{}{}", "NaN": b'{"amount": NaN}',
    "Infinity": b'{"amount": -Infinity}', "5,000 digits": b'{"amount": ' + b"9" * 5000 + b"}",
    "10,000 deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "10,000 arrays": b"[" * 10_000 + b"]" * 10_000,
    "doubled name": b'{"store_id": "sto_1", "store_id": "sto_2"}', "doubled within": b'{"activity": {"a": 1, "a": 1}}',
    "an array": b"[]", "a text": b'"{}"', "a number": b"7", "null": b"null", "true": b"true",
}  # fmt: skip
BODY_OPTIONAL = frozenset({"captureHold", "voidVoucher"})


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_good_request_is_done(client: FlaskClient, world: World, operation: str) -> None:
    counter = make_counter(client, world)

    answer = send(client, counter, operation, json.dumps(counter.bodies[operation]))

    assert answer.status_code in {200, 201}, answer.json
    assert "problem" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_field_that_is_wrong_is_named_and_nothing_is_written(
    client: FlaskClient, counter: Counter, document: dict[str, Any], foreign: dict[str, str], operation: str
) -> None:
    schema = body_schema(document, operation)
    components = document["components"]["schemas"]
    before = written(counter)

    wrong = [
        f"{case.pointer} {case.how}: {fault}"
        for case in spoil(counter.bodies[operation], schema, components, foreign)
        if (fault := fault_of(send(client, counter, operation, json.dumps(case.body)), case))
    ]

    assert not wrong, f"{len(wrong)} of {operation}:\n" + "\n".join(wrong)
    assert written(counter) == before


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_body_that_cannot_be_read_is_refused(client: FlaskClient, counter: Counter, operation: str) -> None:
    before = written(counter)
    sent = {name: body for name, body in MALFORMED.items() if body or operation not in BODY_OPTIONAL}

    answers = {name: send(client, counter, operation, body) for name, body in sent.items()}

    assert {name: answer.status_code for name, answer in answers.items() if not is_problem(answer, 400, 422)} == {}
    assert written(counter) == before


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_body_of_more_than_a_megabyte_is_too_large(client: FlaskClient, counter: Counter, operation: str) -> None:
    body = json.dumps({**counter.bodies[operation], "reason": "x" * 1_000_000})

    assert is_problem(send(client, counter, operation, body), 413)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("mimetype", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense"])
def test_only_json_is_understood(client: FlaskClient, counter: Counter, operation: str, mimetype: str) -> None:
    body = json.dumps(counter.bodies[operation])

    answer = send(client, counter, operation, body, {"Content-Type": mimetype})

    assert is_problem(answer, 415)


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one not in KEYLESS])
@pytest.mark.parametrize("key", ["x" * 256, "", " ", '""', "a b", "é", "\x7f", "\t"])
def test_an_idempotency_key_that_is_none_is_refused(
    client: FlaskClient, counter: Counter, operation: str, key: str
) -> None:
    before = written(counter)

    answer = send(client, counter, operation, json.dumps(counter.bodies[operation]), {"Idempotency-Key": key})

    assert is_problem(answer, 400, 422), (answer.status_code, answer.json)
    assert "Idempotency-Key" in answer.json["detail"]
    assert written(counter) == before


@pytest.mark.parametrize("operation", OPERATIONS)
def test_who_may_not_ask_is_refused_before_the_body_is_looked_at(
    client: FlaskClient, counter: Counter, operation: str
) -> None:
    world = counter.cafe.world
    before = written(counter)
    strangers = ["", "Bearer", "Bearer ask_live_x", "Bearer \x80", "Basic YTpi", f"Token {world.till_key}"]
    customer = make_customer(world.database).headers["Authorization"]

    for authorization in strangers:
        assert is_problem(send(client, counter, operation, "{", {"Authorization": authorization}), 401), authorization
    assert is_problem(send(client, counter, operation, "{", {"Authorization": customer}), 403)
    assert written(counter) == before


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_till_of_another_programme_reaches_nothing(client: FlaskClient, counter: Counter, operation: str) -> None:
    other = make_world(counter.cafe.world.database)
    before = written(counter)
    headers = other.as_("owner" if operation == "adjustAccount" else "till")

    answer = send(client, counter, operation, json.dumps(counter.bodies[operation]), headers)

    assert refusal_of(answer)[0] in {404, 422}
    assert written(counter) == before


@pytest.mark.parametrize("operation", ["createScan", "lookUpCard", "createRedemption", "createScanBatch"])
def test_codes_that_are_not_quite_right_open_nothing(client: FlaskClient, counter: Counter, operation: str) -> None:
    before = written(counter)

    for code in wrong_codes(counter.guest.code):
        body = json.dumps(counter.bodies[operation]).replace(json.dumps(counter.guest.code), json.dumps(code))
        status, problem = refusal_of(send(client, counter, operation, body))
        assert status in {404, 409, 422}, (code, status)
        assert problem["detail"]

    assert written(counter) == before


@pytest.mark.parametrize("operation", ["useVoucher", "voidVoucher"])
def test_voucher_codes_that_are_not_quite_right_are_unknown(
    client: FlaskClient, counter: Counter, operation: str
) -> None:
    path = counter.paths[operation]
    code = path.split("/")[3]
    before = written(counter)
    odd = [
        "%00",
        "%ff",
        "%ED%A0%80",
        "V1",
        "é",
        "%F0%9F%8E%81",
        "0" * 13,
        "x" * 2000,
        f"{code}%00",
        "..%2f..",
        "%3Cb%3E",
    ]

    with clock.held(clock.now()):
        for wrong in [*(one.removeprefix("V1") for one in wrong_codes(f"V1{code}") if one.isascii() and one), *odd]:
            # One in a minute: the breaker against guessing takes them for mistakes.
            clock.advance(timedelta(minutes=1))
            address = path.replace(code, wrong.replace(" ", "%20").replace("\n", "%0A").replace("/", "%2F"))
            answer = client.post(address, json=counter.bodies[operation], headers=counter.headers(operation))
            assert is_problem(answer, 404), (wrong, answer.status_code)

    assert written(counter) == before


@pytest.mark.parametrize("operation", ["reverseActivity", "burnAccount", "adjustAccount", "createHold", "captureHold"])
def test_ids_in_paths_that_are_nobodys_are_not_found(
    client: FlaskClient, counter: Counter, foreign: dict[str, str], operation: str
) -> None:
    path = counter.paths[operation]
    own = path.split("/")[3]
    prefix, _, digits = own.partition("_")
    before = written(counter)

    for wrong in (foreign[prefix], f"zzz_{digits}", f"{prefix}_{digits.upper()}", digits, "1", f"{own}%00", f"{own}%0A",
                  f"{prefix}_{'%D9%A3' * 32}", "%ff", f"{prefix}_{digits}0"):  # fmt: skip
        answer = client.post(
            path.replace(own, wrong), json=counter.bodies[operation], headers=counter.headers(operation)
        )
        assert is_problem(answer, 404), (wrong, answer.status_code, answer.json)

    assert written(counter) == before


@pytest.mark.parametrize("limit", ["0", "-1", "101", "x", "1.0", "1_0", "", " 5", "+5", "٣", "1e1", "9" * 400, "0x10"])
def test_a_limit_that_is_none_is_named(client: FlaskClient, counter: Counter, limit: str) -> None:
    answer = client.get("/v1/members", query_string={"limit": limit}, headers=counter.till.headers)

    assert is_problem(answer, 422)
    assert [error["pointer"] for error in answer.json["errors"]] == ["?/limit"]


@pytest.mark.parametrize("after", ["", "x", "é", "\x00", "=", "A" * 22, "A" * 201, "%00", "'; DROP TABLE entry; --"])
@pytest.mark.parametrize("where", ["/v1/members", "/v1/stores", "entries", "activities", "vouchers"])
def test_a_cursor_that_is_none_of_ours_is_named(client: FlaskClient, counter: Counter, where: str, after: str) -> None:
    path = where if where.startswith("/") else f"/v1/members/{ids.show('member', counter.guest.id)}/{where}"

    answer = client.get(path, query_string={"after": after}, headers=counter.till.headers)

    if answer.status_code != 200:
        assert is_problem(answer, 422)
        assert [error["pointer"] for error in answer.json["errors"]] == ["?/after"]
    else:
        assert after == "A" * 22  # 16 bytes: it may be a cursor, and nothing is behind it


def test_a_query_that_nobody_knows_is_named(client: FlaskClient, counter: Counter) -> None:
    answer = client.get("/v1/members?offset=10", headers=counter.till.headers)

    assert is_problem(answer, 422)
    assert answer.json["errors"][0]["pointer"] == "?/offset"


def test_a_batch_of_more_than_five_hundred_is_refused_whole(client: FlaskClient, counter: Counter) -> None:
    scan = {"code": counter.guest.code, "store_id": counter.cafe.store, "activity": {"kind": "visit"}, "offline": True}
    before = written(counter)

    answer = send(
        client, counter, "createScanBatch", json.dumps({"scans": [{**scan, "key": str(n)} for n in range(501)]})
    )

    assert is_problem(answer, 422)
    assert answer.json["errors"][0]["pointer"] == "#/scans"
    assert written(counter) == before


def send(
    client: FlaskClient, counter: Counter, operation: str, body: str | bytes, headers: dict[str, str] | None = None
) -> Answer:
    """POST a body as it is, under headers that are right but for those that are given."""
    return client.post(counter.paths[operation], data=body, headers=counter.headers(operation) | (headers or {}))


def is_problem(answer: Answer, *statuses: int) -> bool:
    """Return whether the answer is a whole problem document (RFC 9457) with one of the statuses."""
    document = answer.json if answer.mimetype == "application/problem+json" else {}
    return bool(
        answer.status_code in statuses
        and document.get("status") == answer.status_code
        and all(document.get(name) for name in ("type", "title", "detail", "code", "request_id"))
    )


def refusal_of(answer: Answer) -> tuple[int, dict[str, Any]]:
    """Return the status and the problem of an answer, or of the first scan of a batch that was answered."""
    document: dict[str, Any] = answer.json
    if answer.status_code == 200 and "data" in document:
        return document["data"][0]["status"], document["data"][0].get("problem", {})
    return answer.status_code, document


def fault_of(answer: Answer, case: Spoilt) -> str:
    """Return what is wrong with the answer to a spoilt body, or nothing.

    The problem must point at the place, or at what holds it. Codes, currencies and foreign ids are refused by what
    they mean, in words of their own; literals that JSON has not make a body unreadable.
    """
    status, problem = refusal_of(answer)
    if not 400 <= status < 500 or not problem.get("detail"):
        return f"{status} {problem}"
    if problem["code"] != "invalid":
        return ""
    place = case.pointer.removeprefix("#/scans/0") if "data" in answer.json else case.pointer.removeprefix("#")
    pointed = [error["pointer"].removeprefix("#") for error in problem.get("errors", [])]
    if any(one.startswith(place) or place.startswith(one) for one in pointed):
        return ""
    return f"points at {pointed}"


def wrong_codes(code: str) -> Iterator[str]:
    """Yield texts that are nearly the code."""
    for place in range(2, len(code)):
        yield code[:place] + ("0" if code[place] != "0" else "1") + code[place + 1 :]
        yield code[:place] + code[place + 1 :]
        yield code[:place] + code[place] + code[place:]
    for prefix in ("A0", "A2", "A3", "A4", "B1", "V1", "V2", "A", "1", "\ud800"):
        yield from (prefix + code[2:] for _ in range(code[:2] != prefix))
    token = code[2:]
    yield from (f"A2{token}:{totp}" for totp in ("", "12345678", "12345678:", "12345678:99999999999", "x:1", "1:1"))
    yield from (f"A2{token}:00000000:{at}" for at in ("0", "1", "9999999999", "-1", "1e9", "٣"))
    yield from ("A3" + "0" * length for length in (0, 1, 160, 254))
    yield from ("\x00", f"{code}\x00", "\ud800", "🎁", " ", "https://example.org/" + code, f"{code};{code}", "x" * 256)


def body_schema(document: dict[str, Any], operation: str) -> dict[str, Any]:
    """Return the schema of an operation's body."""
    for path in document["paths"].values():
        for declared in path.values():
            if isinstance(declared, dict) and declared.get("operationId") == operation:
                schema: dict[str, Any] = declared["requestBody"]["content"]["application/json"]["schema"]
                return schema
    raise AssertionError(operation)


def written(counter: Counter) -> dict[str, list[str]]:
    """Return every row that the programme has in the tables where value, and what it came from, is kept."""
    world = counter.cafe.world
    tables = Base.metadata.tables
    with world.database.transaction(world.program_id) as session:
        return {name: sorted(map(repr, session.execute(select(tables[name])).all())) for name in KEPT}


@pytest.fixture(scope="module")
def counter(application: Flask, database: Database) -> Counter:
    """One counter for the module: nothing here leaves a trace."""
    return make_counter(application.test_client(), make_world(database))


@pytest.fixture(scope="module")
def foreign(application: Flask, database: Database) -> dict[str, str]:
    """Ids of another programme by their prefix."""
    other = make_counter(application.test_client(), make_world(database))
    found = {path.split("/")[3] for path in other.paths.values() if path.count("/") > 3} | {
        other.cafe.store, ids.show("member", other.guest.id), ids.show("card", other.guest.card_id),
        ids.show("reward", other.cafe.cake),
    }  # fmt: skip
    return {one.partition("_")[0]: one for one in found if "_" in one}


@pytest.fixture(scope="module")
def document(application: Flask) -> dict[str, Any]:
    """The API's documentation."""
    found: dict[str, Any] = application.test_client().get("/openapi.json").json
    return found
