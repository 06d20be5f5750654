"""The OpenAPI document: it is the code's, and it says of each operation what a caller must know."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner
from flask import Flask

from api.cli import cli
from api.documenting import Operation
from api.operation import declared_operations

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"
METHODS = ("get", "put", "post", "delete", "patch")
SCHEMES = {
    "staff": {"owner", "marketer", "cashier"},
    "api_key": {"till", "members", "setup"},
    "customer": {"customer"},
}


def test_the_committed_document_is_what_the_code_gives() -> None:
    shown = CliRunner().invoke(cli, ["openapi"])

    assert shown.exit_code == 0
    assert COMMITTED.read_text("utf-8") == shown.output, "docs/openapi.json is behind: run `make openapi`, commit it"


def test_the_document_is_openapi_3_1_outside_the_versioned_paths(application: Flask) -> None:
    answer = application.test_client().get("/openapi.json")

    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.json["openapi"].startswith("3.1.")


def test_every_route_of_the_api_is_in_the_document(application: Flask, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:[^<>:]+:)?([a-z_]+)>", r"{\1}", rule.rule), method.lower())
        for rule in application.url_map.iter_rules()
        if rule.rule.startswith("/v1/")
        for method in rule.methods or ()
        if method not in {"HEAD", "OPTIONS"}
    }

    assert routes == {(path, method) for path, method, _ in operations(document) if path.startswith("/v1/")}


def test_every_operation_says_what_it_is(document: dict[str, Any]) -> None:
    silent = [
        name(path, method, found)
        for path, method, found in operations(document)
        if not found.get("summary") or not found.get("description") or len(found.get("tags", ())) != 1
    ]

    assert silent == []


def test_operation_ids_read_as_method_names_and_are_unique(document: dict[str, Any]) -> None:
    ids = [found["operationId"] for _, _, found in operations(document)]

    assert len(set(ids)) == len(ids)
    assert [one for one in ids if not re.fullmatch("[a-z]+([A-Z][a-z0-9]*)*", one)] == []


def test_security_is_what_the_scopes_say(application: Flask, document: dict[str, Any]) -> None:
    declared = {camel(endpoint): one for endpoint, one in declared_operations(application).items()}

    for path, method, found in operations(document):
        scopes = set(declared[found["operationId"]].scopes)
        assert set(found["x-scopes"]) == scopes, name(path, method, found)
        expected = {scheme for scheme, admitted in SCHEMES.items() if admitted & scopes}
        assert {scheme for one in found["security"] for scheme in one} == expected, name(path, method, found)
    assert set(document["components"]["securitySchemes"]) == set(SCHEMES)


def test_every_body_has_an_example_that_its_schema_takes(document: dict[str, Any]) -> None:
    wrong = []
    for path, method, found in operations(document):
        for content in found.get("requestBody", {}).get("content", {}).values():
            examples = examples_of(content)
            wrong += [] if examples else [f"{name(path, method, found)}: no example"]
            wrong += [f"{name(path, method, found)}: {said}" for said in refusals(document, content, examples)]

    assert wrong == []


def test_every_example_of_an_answer_is_one(document: dict[str, Any]) -> None:
    wrong = []
    for path, method, found in operations(document):
        for answer in found["responses"].values():
            for content in answer.get("content", {}).values():
                said = refusals(document, content, examples_of(content))
                wrong += [f"{name(path, method, found)}: {one}" for one in said]

    assert wrong == []


def test_every_schema_is_one(document: dict[str, Any]) -> None:
    # It also compiles each pattern, by the rules of ECMA-262.
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def lost(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            target = node.get("$ref")
            if isinstance(target, str) and not leads(target):
                yield target
            for inner in node.values():
                yield from lost(inner)
        elif isinstance(node, list):
            for inner in node:
                yield from lost(inner)

    def leads(target: str) -> bool:
        here: Any = document
        for part in target.removeprefix("#/").split("/"):
            here = here.get(part)
            if here is None:
                return False
        return True

    assert list(lost(document)) == []


def test_every_operation_names_the_problems_of_its_kind(application: Flask, document: dict[str, Any]) -> None:
    declared = {camel(endpoint): one for endpoint, one in declared_operations(application).items()}

    lacking = {}
    for path, method, found in operations(document):
        missing = expected_problems(declared[found["operationId"]], path) - set(found["responses"])
        if missing:
            lacking[name(path, method, found)] = sorted(missing)

    assert lacking == {}


def test_every_problem_is_a_problem_document(document: dict[str, Any]) -> None:
    for path, method, found in operations(document):
        for status, answer in found["responses"].items():
            if status == "default" or int(status) >= 400:
                shown = resolved(document, answer)
                assert list(shown["content"]) == ["application/problem+json"], f"{name(path, method, found)}: {status}"


def expected_problems(declared: Operation, path: str) -> set[str]:
    """Return the statuses that an operation of this kind may answer with, whatever it does."""
    expected = {"500", "503"}
    expected |= {"401", "403"} if "public" not in declared.scopes else set()
    expected |= {"404"} if "{" in path else set()
    expected |= {"400", "413", "415", "422"} if declared.body is not None else set()
    expected |= {"422"} if declared.query is not None else set()
    expected |= {"400", "409"} if declared.key in {"required", "own"} else set()
    return expected


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each operation with its path and method."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def name(path: str, method: str, found: dict[str, Any]) -> str:
    """Return how a failure names an operation."""
    return f"{found.get('operationId')} ({method.upper()} {path})"


def camel(endpoint: str) -> str:
    """Return the operation id of an endpoint `noun.some_view`."""
    head, *rest = endpoint.rpartition(".")[2].split("_")
    return head + "".join(word.capitalize() for word in rest)


def resolved(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Return a response that may be a reference to one."""
    target = node.get("$ref")
    return document["components"]["responses"][target.rpartition("/")[2]] if target else node


def examples_of(content: dict[str, Any]) -> list[Any]:
    """Return the examples of a media type."""
    named = [one["value"] for one in content.get("examples", {}).values()]
    return [content["example"], *named] if "example" in content else named


def refusals(document: dict[str, Any], content: dict[str, Any], examples: list[Any]) -> list[str]:
    """Return what the media type's schema says against its examples."""
    if not examples:
        return []
    validator = jsonschema_rs.Draft202012Validator({**content["schema"], "components": document["components"]})
    return [error.message for one in examples for error in validator.iter_errors(one)]


@pytest.fixture(scope="module")
def document(application: Flask) -> dict[str, Any]:
    """The document as it is served."""
    shown: dict[str, Any] = application.test_client().get("/openapi.json").get_json()
    return shown
