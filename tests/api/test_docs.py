"""The pages of the documentation: nothing in them asks another host, and every problem has one."""

import gzip
import hashlib
import re

import pytest
from flask.testing import FlaskClient

from api import web_files
from api.resources import docs_pages

PAGES = ("/docs", "/docs/problems", "/docs/problems/too-many-requests")
VENDORED = web_files.ROOT / "docs" / "vendor" / "swagger-ui-dist"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_for_people_on_any_screen(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert '<html lang="en">' in answer.text
    assert re.search("<title>[^<$]+</title>", answer.text)
    assert 'content="width=device-width, initial-scale=1"' in answer.text
    assert "<main " in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_nothing_inline_and_nothing_of_others(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    rules = dict(rule.strip().split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert (rules["script-src"], rules["style-src"], rules["connect-src"]) == ("'self'",) * 3
    assert not re.search(r"<script(?![^>]+src=)|<style|\son[a-z]+=|\sstyle=", answer.text)


@pytest.mark.parametrize("path", PAGES)
def test_all_that_a_page_leads_to_is_there(client: FlaskClient, path: str) -> None:
    addresses = re.findall(r'(?:href|src)="([^"#]+)"', client.get(path).text)

    assert "/docs/files/docs.css" in addresses
    assert {one: client.get(one).status_code for one in addresses} == dict.fromkeys(addresses, 200)


def test_our_files_name_no_other_host() -> None:
    ours = [path for path in docs_pages.FOLDER.rglob("*") if path.is_file() and "vendor" not in path.parts]

    named = {path.name: re.findall("https?://[^\"' )]+", path.read_text("utf-8")) for path in ours}
    assert {name: found for name, found in named.items() if found} == {"icon.svg": ["http://www.w3.org/2000/svg"]}


def test_the_library_lies_as_it_was_published() -> None:
    said = re.findall("^([0-9a-f]{64})  (.+)$", (VENDORED / "README.md").read_text("utf-8"), flags=re.MULTILINE)

    assert {name for _, name in said} == {path.name for path in VENDORED.iterdir()} - {"README.md"}
    assert {name: hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() for _, name in said} == {
        name: digest for digest, name in said
    }


def test_the_librarys_address_carries_its_version_and_is_kept_for_a_year(client: FlaskClient) -> None:
    version = re.match(r"# swagger-ui-dist (\S+)", (VENDORED / "README.md").read_text("utf-8"))
    assert version is not None

    addresses = re.findall(r'"(/docs/files/vendor/[^"]+)"', client.get("/docs").text)
    assert len(addresses) == 2
    for address in addresses:
        assert address.endswith(f"?v={version[1]}")
        assert client.get(address).headers["Cache-Control"] == web_files.LONG_CACHE


def test_a_file_that_was_kept_is_not_sent_again(client: FlaskClient) -> None:
    first = client.get("/docs/files/docs.css")
    again = client.get("/docs/files/docs.css", headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Cache-Control"] == web_files.CHECKED_CACHE
    assert (again.status_code, again.data) == (304, b"")


def test_a_file_is_packed_for_who_can_unpack(client: FlaskClient) -> None:
    address = "/docs/files/vendor/swagger-ui-dist/swagger-ui-bundle.js"
    plain = client.get(address)
    packed = client.get(address, headers={"Accept-Encoding": "br, gzip"})
    refused = client.get(address, headers={"Accept-Encoding": "gzip;q=0, identity"})

    assert gzip.decompress(packed.data) == plain.data == refused.data
    assert (packed.headers["Content-Encoding"], packed.mimetype) == ("gzip", "text/javascript")
    assert len(packed.data) < len(plain.data) / 3
    assert {one.headers["Vary"] for one in (plain, packed)} == {"Accept-Encoding"}


@pytest.mark.parametrize("name", ["../__init__.py", "%2e%2e/__init__.py", "vendor", "", "nothing.js", "/etc/passwd"])
def test_only_files_of_the_page_are_given(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/docs/files/{name}", follow_redirects=True)

    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [("/docs/", "/docs"), ("/docs/index.html", "/docs"), ("/docs/problems/", "/docs/problems")],
)
def test_a_page_has_one_address(client: FlaskClient, asked: str, leads_to: str) -> None:
    answer = client.get(asked)

    assert (answer.status_code, answer.headers["Location"]) == (308, leads_to)


def test_every_problem_has_a_readable_page_on_the_list(client: FlaskClient) -> None:
    listed = re.findall('href="/docs/problems/([a-z-]+)"', client.get("/docs/problems").text)

    assert listed == list(docs_pages.slugs())
    for slug in listed:
        answer = client.get(f"/docs/problems/{slug}")
        assert answer.status_code == 200
        assert answer.text.count("<h1>") == 1, slug
        assert f"<code>{slug}</code>" in answer.text, slug


def test_a_table_in_a_problems_text_is_one(client: FlaskClient) -> None:
    assert "<th>limit</th>" in client.get("/docs/problems/too-many-requests").text


@pytest.mark.parametrize("slug", ["never-heard-of", "..%2f..%2fREADME", "Too-Many-Requests"])
def test_an_unknown_problem_is_a_problem(client: FlaskClient, slug: str) -> None:
    answer = client.get(f"/docs/problems/{slug}")

    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_the_pages_are_no_part_of_the_api(client: FlaskClient) -> None:
    assert [path for path in client.get("/openapi.json").json["paths"] if path.startswith("/docs")] == []
