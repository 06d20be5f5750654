"""The start page: what a browser sees at the server's address."""

import re

import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize(
    ("asked", "language", "says"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.5", "fr", "programmes de fidélité"),
        ("en-GB,en", "en", "loyalty programmes"),
        ("ja", "en", "loyalty programmes"),
        ("", "en", "loyalty programmes"),
    ],
)
def test_the_start_page_speaks_the_browsers_language(client: FlaskClient, asked: str, language: str, says: str) -> None:
    answer = client.get("/", headers={"Accept-Language": asked})
    assert (answer.status_code, answer.headers["Content-Language"]) == (200, language)
    assert says in answer.text


def test_the_start_page_leads_only_where_something_is(client: FlaskClient) -> None:
    paths = re.findall(r'href="([^"]+)"', client.get("/").text)
    assert "/openapi.json" in paths
    assert {path: client.get(path, follow_redirects=True).status_code for path in paths} == dict.fromkeys(paths, 200)


def test_the_start_page_is_no_part_of_the_api(client: FlaskClient) -> None:
    assert "/" not in client.get("/openapi.json").json["paths"]


def test_pages_that_are_not_there_are_still_problems(client: FlaskClient) -> None:
    answer = client.get("/nothing-here")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
