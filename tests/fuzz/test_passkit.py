"""Apple's web service against what no phone sends: nothing breaks, nobody gets in, nothing is written.

These routes are no part of the API's document, so that the other fuzz tests do not see them.
"""

from collections import Counter
from itertools import islice
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db import Database
from tests.concurrency.together import together
from tests.fuzz.passkit_requests import KINDS, Malformed, malformed
from tests.world import make_world
from tests.world_passkit import devices_of, issue, new_pass_type, through
from tests.world_till import Cafe, make_cafe, make_guest

REQUESTS = 2100
"""The full size, 100,000, is `benchmarks/faults/passkit.py`'s."""
COVERED = {
    "/passkit/v1/devices/<device>/registrations/<pass_type_id>/<serial>",
    "/passkit/v1/devices/<device>/registrations/<pass_type_id>",
    "/passkit/v1/passes/<pass_type_id>/<serial>",
    "/passkit/v1/log",
}
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
PART = TEXT.map(lambda text: quote(text, safe=""))
HEADER = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60)


def test_every_route_of_the_service_is_covered_here(application: Flask) -> None:
    assert {rule.rule for rule in application.url_map.iter_rules() if rule.rule.startswith("/passkit")} == COVERED


def test_whatever_is_sent_nothing_breaks_and_nobody_gets_in(
    application: Flask, cafe: Cafe, capsys: pytest.CaptureFixture[str]
) -> None:
    held = [issue(cafe, make_guest(cafe), new_pass_type()) for _ in range(5)]
    before = [devices_of(cafe, one) for one in held]
    requests = list(islice(malformed(held, seed=20261122), REQUESTS))

    def send(request: Malformed) -> tuple[str, int, int]:
        told = through(application.test_client())(request.method, request.path, request.headers, request.body)
        return request.kind, told.status, len(told.body)

    answers = together(send, requests, threads=4)

    broken = [(request, told) for request, told in zip(requests, answers, strict=True) if told[1] >= 500]
    assert broken == []
    assert [told for told in answers if told[0] != "log" and told[1] in {200, 201} and told[2]] == []
    assert [devices_of(cafe, one) for one in held] == before == [[]] * 5
    assert {kind for kind, _, _ in answers} == set(KINDS)
    statuses = Counter(status for _, status, _ in answers)
    assert {200, 204, 400, 401, 404, 405} <= set(statuses)
    said = "".join(capsys.readouterr())
    assert [one.token for one in held if one.token in said] == []


@settings(max_examples=75)
@given(device=PART, pass_type_id=PART, serial=PART, proof=HEADER, since=HEADER, tag=TEXT, body=st.binary(max_size=200))
def test_any_text_in_any_place_is_refused(
    client: FlaskClient, device: str, pass_type_id: str, serial: str, proof: str, since: str, tag: str, body: bytes
) -> None:
    registration = f"/passkit/v1/devices/{device}/registrations/{pass_type_id}"
    headers = {"Authorization": proof, "If-Modified-Since": since}
    answers = [
        client.post(f"{registration}/{serial}", headers=headers, data=body),
        client.delete(f"{registration}/{serial}", headers=headers),
        client.get(registration, query_string={"passesUpdatedSince": tag}, headers=headers),
        client.get(f"/passkit/v1/passes/{pass_type_id}/{serial}", headers=headers),
    ]
    # 404, 405 and 308: a text with a slash in it asks for another path.
    assert {answer.status_code for answer in answers} <= {204, 308, 401, 404, 405}
    assert client.post("/passkit/v1/log", headers=headers, data=body).status_code == 200


@settings(max_examples=50)
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.just("logs"), inner),
        max_leaves=12,
    )
)
def test_any_json_in_the_place_of_a_phones_complaints_is_taken(client: FlaskClient, body: object) -> None:
    assert client.post("/passkit/v1/log", json=body).status_code == 200


@pytest.fixture(scope="module")
def cafe(database: Database) -> Cafe:
    return make_cafe(make_world(database))
