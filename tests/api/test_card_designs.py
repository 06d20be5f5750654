"""The card design over HTTP."""

import pytest
from flask.testing import FlaskClient

from api.card_design_schemas import EXAMPLE
from tests.world import World, make_world
from tests.world_setup import pointers

_DESIGN = {
    "background": "#5b2333",
    "strip_style": "stamps",
    "header": {"fr": "Bienvenue"},
    "links": [{"label": "Nos cafés", "url": "https://cafe.example/"}],
    "back_fields": [{"label": "Conditions", "value": "Un tampon par café."}],
}

COMPRESSED = "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACJu/OvQ7p40pmkYfhizqRIrL3M5RbZJzJ+fkh6fna2BI="
UNCOMPRESSED = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEJu/OvQ7p40pmkYfhizqRIrL3M5RbZJzJ+fkh6fna2BKQ"
    "I4venMe7Mw0VDGdwTdJa5wVSBXRLbzG/QHB0WHLQ5g=="
)


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
        ({"barcode_format": "ean13"}, "#/barcode_format"),
        ({"stamp_icon": "skull"}, "#/stamp_icon"),
        ({"locations": [{"latitude": 91, "longitude": 2}]}, "#/locations/0/latitude"),
        ({"locations": [{"latitude": "48", "longitude": 2}]}, "#/locations/0/latitude"),
        ({"locations": [{"latitude": 48, "longitude": 2}] * 11}, "#/locations"),
        ({"relevant": [{"start": "2026-12-24"}]}, "#/relevant/0/start"),
        (
            {"relevant": [{"start": "2026-12-24T18:00:00+01:00", "end": "2026-12-24T17:00:00Z"}]},
            "#/relevant/0/end",
        ),
        ({"notifications": {"points": {"fr": "Bravo !"}}}, "#/notifications/points/fr"),
        ({"notifications": {"member": {"fr": "%@"}}}, "#/notifications/member"),
        ({"silent": ["member"]}, "#/silent/0"),
        ({"app": {"launch_url": "cafe://card"}}, "#/app/apple_store_id"),
        ({"app": {"apple_store_id": 1, "launch_url": "card"}}, "#/app/launch_url"),
        ({"app": {"android_package": "cafe"}}, "#/app/android_package"),
        ({"strip_style": "image"}, "#/strip_url"),
        ({"nfc": {"public_key": "AAAA"}}, "#/nfc/public_key"),
        ({"nfc": {"public_key": UNCOMPRESSED}}, "#/nfc/public_key"),
        ({"contact": {"url": "http://cafe.example/"}}, "#/contact/url"),
        ({"sharing_prohibited": "no"}, "#/sharing_prohibited"),
    ],
)
def test_a_wrong_part_is_pointed_at(client: FlaskClient, world: World, design: dict[str, object], pointer: str) -> None:
    for method in (client.put, client.patch):
        assert pointers(method("/v1/card-design", json=design, headers=world.as_("owner"))) == [pointer]


def test_a_cashier_may_not_change_the_design(client: FlaskClient, world: World) -> None:
    assert client.put("/v1/card-design", json={}, headers=world.as_("cashier")).status_code == 403


def test_everything_that_a_design_can_say_comes_back_as_it_was_said(client: FlaskClient, world: World) -> None:
    design = {
        **EXAMPLE,
        "max_distance_m": 200,
        "relevant": [{"start": "2026-12-24T08:00:00+01:00", "end": "2026-12-24T18:00:00+01:00"}],
        "app": {"apple_store_id": 123456789, "launch_url": "cafe://card", "android_package": "com.example.cafe"},
        "nfc": {"public_key": COMPRESSED, "requires_authentication": True},
        "sharing_prohibited": False,
        "silent": ["next_reward"],
    }

    saved = client.put("/v1/card-design", json=design, headers=world.as_("marketer"))

    shown = {"start": "2026-12-24T07:00:00.000Z", "end": "2026-12-24T17:00:00.000Z"}
    assert saved.json == design | {"relevant": [shown]}
    assert client.get("/v1/card-design", headers=world.as_("owner")).json == saved.json
