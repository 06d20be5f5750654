"""Builders of set-up over HTTP, for tests of what stands on it."""

from typing import Any

from flask.testing import FlaskClient

from tests.world import World


def made(client: FlaskClient, world: World, noun: str, body: dict[str, Any], *, who: str = "owner") -> dict[str, Any]:
    """POST a thing of the programme and return it."""
    answer = client.post(f"/v1/{noun}", json=body, headers=world.as_(who))
    assert answer.status_code == 201, answer.json
    document: dict[str, Any] = answer.json
    return document


def make_purse(client: FlaskClient, world: World, *, kind: str = "points", **fields: Any) -> dict[str, Any]:
    """Open a purse whose code is its kind, unless another is given."""
    return made(client, world, "purses", {"code": kind, "name": kind.title(), "kind": kind} | fields)


def make_reward(client: FlaskClient, world: World, **fields: Any) -> dict[str, Any]:
    """Offer a free coffee."""
    coffee = {"name": "Un café", "kind": "free_item", "value": {"name": "Café allongé"}}
    return made(client, world, "rewards", coffee | fields)


def make_rule(client: FlaskClient, world: World, *, effects: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Write a rule for purchases, live unless said otherwise."""
    rule = {"name": "Rule", "when": {"activity": "purchase"}, "effects": effects, "status": "live"}
    return made(client, world, "rules", rule | fields)


def pointers(answer: Any) -> list[str]:
    """Return where a 422 points."""
    assert answer.status_code == 422, answer.json
    return [error["pointer"] for error in answer.json["errors"]]
