"""Who may call what: every operation, asked by every kind of caller, answers 401 or 403 unless it admits the caller."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from api.documenting import Operation
from api.operation import declared_operations
from api.scopes import API_KEY_SCOPES, PUBLIC
from app import ids
from app.db import Database
from app.models import ApiKey
from tests.world import World, make_world
from tests.world_signing import make_customer

STAFF = ("owner", "marketer", "cashier")
CALLERS = ("nobody", "stranger", *STAFF, *API_KEY_SCOPES, "customer")

REFUSED = {"unauthenticated", "forbidden"}

MEANT_TO_BE_PUBLIC = {
    "auth.create_staff_token", "auth.refresh_staff_token", "auth.revoke_staff_token",
    "customers.create_customer_code", "customers.create_customer_session",
    "customers.refresh_customer_token", "customers.revoke_customer_token",
    "health.get_health", "health.get_readiness", "health.get_metrics",
    "joins.get_join_offer", "joins.join_program",
}  # fmt: skip
"""Whoever makes another operation public says so here, and is asked why in review."""


def test_nothing_else_is_public(application: Flask) -> None:
    public = {name for name, declared in declared_operations(application).items() if declared.scopes == PUBLIC}

    assert public == MEANT_TO_BE_PUBLIC


def test_scopes_are_words_that_some_caller_has(application: Flask) -> None:
    known = {*STAFF, *API_KEY_SCOPES, "customer"}

    for name, declared in declared_operations(application).items():
        assert declared.scopes == PUBLIC or declared.scopes <= known, name
        assert declared.scopes, name


@pytest.mark.parametrize("caller", CALLERS)
def test_whoever_is_not_admitted_is_refused(application: Flask, client: FlaskClient, world: World, caller: str) -> None:
    headers = headers_of(world, caller)
    expected = {"nobody": (401, "unauthenticated"), "stranger": (401, "unauthenticated")}.get(
        caller, (403, "forbidden")
    )

    let_in = []
    for name, path, declared in operations(application):
        if declared.scopes == PUBLIC or caller in declared.scopes:
            continue
        answer = client.open(path, method=declared.method, headers=headers, json={} if declared.body else None)
        code = answer.json["code"] if answer.mimetype == "application/problem+json" else None
        if (answer.status_code, code) != expected:
            let_in.append(f"{name}: {answer.status_code} {code}")

    assert let_in == []


@pytest.mark.parametrize("caller", [caller for caller in CALLERS if caller not in {"nobody", "stranger"}])
def test_whoever_is_admitted_is_let_in(
    application: Flask, client: FlaskClient, database: Database, caller: str
) -> None:
    refused = []
    for name, path, declared in operations(application):
        if caller not in declared.scopes:
            continue
        # A world for each: some operations end the caller's own session.
        answer = client.open(
            path,
            method=declared.method,
            headers=headers_of(make_world(database), caller),
            json={} if declared.body else None,
        )
        if answer.mimetype == "application/problem+json" and answer.json["code"] in REFUSED:
            refused.append(f"{name}: {answer.json['detail']}")
        answer.close()

    assert refused == []


def operations(application: Flask) -> Iterator[tuple[str, str, Operation]]:
    """Yield each operation's name, a path of it with ids of nothing, and its declaration."""
    rules: dict[str, Rule] = {rule.endpoint: rule for rule in application.url_map.iter_rules()}
    declared = declared_operations(application)
    for name in sorted(declared):
        yield name, path_of(application, rules[name]), declared[name]


def path_of(application: Flask, rule: Rule) -> str:
    """Return a path that the rule matches."""
    values: dict[str, str | UUID] = {
        argument: ids.new_id() if hasattr(rule._converters[argument], "kind") else "none" for argument in rule.arguments
    }
    return application.url_map.bind("localhost").build(rule.endpoint, values, method=None)


def headers_of(world: World, caller: str) -> dict[str, str]:
    """Return the headers of somebody who has exactly this role or scope, in `world` where it has a programme."""
    if caller == "nobody":
        return {}
    if caller == "stranger":
        return {"Authorization": f"Bearer ast_{ids.secret_text()}"}
    if caller in STAFF:
        return world.as_(caller)
    if caller == "customer":
        return make_customer(world.database).headers
    key = f"ask_live_{ids.secret_text()}"
    with world.database.transaction(world.program_id) as session:
        session.add(ApiKey(name=caller, key_hash=ids.digest(key), hint=key[-4:], scopes=[caller]))
    return {"Authorization": f"Bearer {key}"}
