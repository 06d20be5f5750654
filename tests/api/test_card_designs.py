"""The card design over HTTP."""

import pytest
from flask.testing import FlaskClient

from tests.world import World, make_world
from tests.world_setup import pointers

_DESIGN = {
    "background": "#5b2333",
    "strip_style": "stamps",
    "header": {"fr": "Bienvenue"},
    "links": [{"label": "Nos cafés", "url": "https://cafe.example/"}],
    "back_fields": [{"label": "Conditions", "value": "Un tampon par café."}],
}


def test_a_programme_begins_without_a_design(client: FlaskClient, world: World) -> None:
    client.put("/v1/card-design", json=_DESIGN, headers=make_world(world.database).as_("owner"))

    assert client.get("/v1/card-design", headers=world.as_("till")).json == {}


def test_put_replaces_the_whole_design(client: FlaskClient, world: World) -> None:
    client.put("/v1/card-design", json={"label": "#000000"}, headers=world.as_("marketer"))

    client.put("/v1/card-design", json=_DESIGN, headers=world.as_("marketer"))

    assert client.get("/v1/card-design", headers=world.as_("owner")).json == _DESIGN


def test_patch_changes_the_given_parts(client: FlaskClient, world: World) -> None:
    client.put("/v1/card-design", json=_DESIGN, headers=world.as_("owner"))

    changed = client.patch("/v1/card-design", json={"label": "#ffffff", "links": None}, headers=world.as_("owner"))

    assert changed.json == {key: value for key, value in _DESIGN.items() if key != "links"} | {"label": "#ffffff"}


def test_who_read_an_older_design_is_told(client: FlaskClient, world: World) -> None:
    tag = client.get("/v1/card-design", headers=world.as_("owner")).headers["ETag"]
    headers = world.as_("owner") | {"If-Match": tag}

    first = client.patch("/v1/card-design", json={"label": "#000000"}, headers=headers)
    second = client.patch("/v1/card-design", json={"label": "#ffffff"}, headers=headers)

    assert (first.status_code, second.status_code) == (200, 412)


@pytest.mark.parametrize(
    ("design", "pointer"),
    [
        ({"background": "#fff"}, "#/background"),
        ({"logo_url": "http://cafe.example/"}, "#/logo_url"),
        ({"logo_url": "https://"}, "#/logo_url"),
        ({"strip_style": "zebra"}, "#/strip_style"),
        (
            {"links": [{"label": "x", "url": "https://cafe.example/"}, {"label": "x", "url": "ftp://x/"}]},
            "#/links/1/url",
        ),
        ({"links": [{"label": "x", "url": "https://cafe.example/"}] * 11}, "#/links"),
        ({"back_fields": [{"label": "x"}]}, "#/back_fields/0/value"),
        ({"header": {"fr": "x" * 61}}, "#/header/fr"),
        ({"header": {"../fr": "x"}}, "#/header/..~1fr"),
        ({"font": "Comic Sans"}, "#/font"),
    ],
)
def test_a_wrong_part_is_pointed_at(client: FlaskClient, world: World, design: dict[str, object], pointer: str) -> None:
    for method in (client.put, client.patch):
        assert pointers(method("/v1/card-design", json=design, headers=world.as_("owner"))) == [pointer]


def test_a_cashier_may_not_change_the_design(client: FlaskClient, world: World) -> None:
    assert client.put("/v1/card-design", json={}, headers=world.as_("cashier")).status_code == 403
