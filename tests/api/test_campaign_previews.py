"""Previews of campaigns over HTTP: each text as a member would read it."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import ids
from app.offers import splitting
from tests.world import World, make_world
from tests.world_campaigns import VARIANTS, act, make_campaign, make_members, make_segment
from tests.world_members import enrol, make_customer
from tests.world_setup import pointers


def test_a_preview_fills_every_text_for_a_member_or_somebody_made_up(client: FlaskClient, world: World) -> None:
    (member_id,) = make_members(world, 1, first_name="Ana", locale="en-GB", tags=["regular"])
    campaign = make_campaign(
        client, world, channels=["push", "email", "console"], segment_id=make_segment(client, world)
    )

    for_ana = act(client, world, campaign, "preview", member_id=ids.show("member", member_id)).json
    made_up = act(client, world, campaign, "preview").json

    (variant,) = for_ana["variants"]
    assert (variant["locale"], variant["content"]["en"]["body"]) == ("en", "Hi Ana")
    assert variant["content"]["fr"]["body"] == "Bonjour Ana !"
    assert (for_ana["in_audience"], for_ana["held_out"], for_ana["variant"]) == (True, False, "A")
    assert [(one["channel"], one.get("reason")) for one in for_ana["channels"]] == [
        ("push", "no_consent"), ("email", "no_consent"), ("console", None),
    ]  # fmt: skip
    assert made_up["variants"][0]["content"]["fr"]["body"] == "Bonjour Camille !"


def test_a_preview_names_what_the_member_has_no_value_for(client: FlaskClient, world: World) -> None:
    (member_id,) = make_members(world, 1)
    campaign = make_campaign(client, world, segment_id=make_segment(client, world))

    shown = act(client, world, campaign, "preview", member_id=ids.show("member", member_id)).json

    french = shown["variants"][0]["content"]["fr"]
    assert (french["body"], french["defaults"]) == ("Bonjour l'ami !", ["first_name"])
    assert shown["in_audience"] is False


def test_a_preview_is_in_the_language_of_the_members_app(client: FlaskClient, world: World) -> None:
    ana = make_customer(world.database, locale="en-GB")
    member = enrol(world, email=ana.email)
    campaign = make_campaign(client, world)

    shown = act(client, world, campaign, "preview", member_id=ids.show("member", member.id)).json

    assert (shown["locale"], shown["variants"][0]["locale"]) == ("en-GB", "en")


def test_a_preview_calls_members_as_messages_do(client: FlaskClient, world: World) -> None:
    campaign = make_campaign(client, world)
    zoe = make_customer(world.database, first_name="Zoé", last_name="Roux").email
    lou = make_customer(world.database, first_name="Lou").email

    def title(**member: Any) -> str:
        body = {"member_id": ids.show("member", enrol(world, **member).id)}
        shown = act(client, world, campaign, "preview", **body).json
        return str(shown["variants"][0]["content"]["fr"]["body"])

    assert title(email=zoe) == "Bonjour Zoé !"
    assert title(email=lou, first_name="Louise") == "Bonjour Louise !"
    assert title() == "Bonjour l'ami !"


def test_a_name_in_the_app_is_told_to_no_other_programme(world: World) -> None:
    other = make_world(world.database)
    member = enrol(other, email=make_customer(world.database, first_name="Zoé").email)
    for program_id, found in ((other.program_id, ["Zoé"]), (world.program_id, [])):
        names = func.member_app_names(member.customer_id).table_valued("first_name", "last_name")
        with world.database.transaction(program_id) as session:
            assert list(session.scalars(select(names.c.first_name))) == found


def test_a_preview_names_no_variant_to_who_waits_for_the_winner(client: FlaskClient, world: World) -> None:
    members = make_members(world, 30)
    variants = [VARIANTS[0], VARIANTS[0] | {"name": "B"}]
    rule = {"metric": "visits", "after_minutes": 60, "test_percent": 50}
    campaign = make_campaign(client, world, variants=variants, winner=rule)
    campaign_id = ids.parse("campaign", campaign["id"])

    named = [
        "variant" in act(client, world, campaign, "preview", member_id=ids.show("member", one)).json for one in members
    ]

    assert named == [splitting.in_test(campaign_id, one, 50) for one in members]
    assert set(named) == {True, False}


def test_a_preview_of_nobody_is_refused(client: FlaskClient, world: World) -> None:
    other = make_world(world.database)
    (foreign,) = make_members(other, 1)
    campaign = make_campaign(client, world)

    assert pointers(act(client, world, campaign, "preview", member_id=ids.show("member", foreign))) == ["#/member_id"]
