"""What stands on the faces of cards and vouchers, from the database to the field."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, update

from app import clock, ids
from app.db import Database
from app.models import Card, Member, Pass, PassMessage, Program, Purse, Reward, Voucher
from tests.world import World
from tests.world_ledger import Books
from tests.world_till import Cafe, Guest, Till, make_cafe, make_guest
from wallet import faces, palette
from wallet.card_face import CardFace
from wallet.platforms.google.classes import loyalty_class


@pytest.fixture
def cafe(world: World) -> Cafe:
    """A café that speaks French and English."""
    cafe = make_cafe(world, expiry={"policy": "after_days", "days": 30}, locales={"en": {"name": "Credits"}})
    change(cafe, Program, cafe.world.program_id, name="Café Assidu", locale="fr", locales=["fr", "en"])
    change(cafe, Reward, cafe.coffee, locales={"en": {"name": "Free coffee"}})
    change(cafe, Purse, cafe.stamps, locales={"en": {"name": "Ten coffees"}})
    return cafe


def change(cafe: Cafe, model: Any, row_id: UUID, **values: Any) -> None:
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        session.execute(update(model).where(model.id == row_id).values(**values))


def face_of(cafe: Cafe, guest: Guest) -> CardFace:
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        return faces.of_cards(session, cafe.world.database.keyring, [guest.card_id])[guest.card_id]


def shown(face: CardFace, area: Any) -> list[tuple[str, str, Any]]:
    return [(one.key, one.label, one.value) for one in face.in_area(area)]


def test_a_new_member_sees_an_empty_card_and_not_an_absent_one(cafe: Cafe) -> None:
    guest = make_guest(cafe, first_name="Inès", last_name="Moreau")

    face = face_of(cafe, guest)

    assert face.stamps is not None
    assert (face.strip_style, face.stamps.count, face.stamps.goal) == ("stamps", 0, 10)
    assert shown(face, "header") == [("points", "Points", 0)]
    assert shown(face, "primary") == []
    assert shown(face, "secondary") == [
        ("stamps", "Dix cafés", "0 / 10"),
        ("next_reward", "Encore 10 pour", "Café offert"),
    ]
    assert shown(face, "auxiliary") == [("member", "Membre", "Inès Moreau")]
    assert (face.barcode_text, face.voided) == (guest.code, False)


def test_stamps_and_points_move_the_face(cafe: Cafe, client: FlaskClient) -> None:
    guest = make_guest(cafe)
    till = Till(client, cafe)
    before = face_of(cafe, guest)

    till.scan(guest, "visit")
    till.scan(guest, "purchase", amount=12_50)
    face = face_of(cafe, guest)

    assert face.digest() != before.digest()
    assert face.stamps is not None
    assert face.stamps.count == 1
    assert shown(face, "header") == [("points", "Points", 12)]
    assert face.get("stamps").change_message == "Dix cafés : vous en êtes à %@"  # type: ignore[union-attr]


def test_nothing_that_happened_leaves_the_digest_as_it_was(cafe: Cafe) -> None:
    guest = make_guest(cafe)

    assert face_of(cafe, guest).digest() == face_of(cafe, guest).digest()


def test_a_full_card_becomes_a_voucher_on_the_back(cafe: Cafe, client: FlaskClient) -> None:
    guest = make_guest(cafe, first_name="Inès")
    till = Till(client, cafe)
    for _ in range(10):
        till.scan(guest, "visit")

    face = face_of(cafe, guest)

    assert face.stamps is not None
    assert face.stamps.count == 0
    assert [one.name for one in face.vouchers] == ["Café offert"]
    vouchers = face.get("vouchers")
    assert vouchers is not None
    assert (vouchers.value, vouchers.change_message) == ("Café offert", "Vos bons : %@")


@pytest.mark.parametrize(
    ("locale", "spoken"), [("en", "en"), ("en-GB", "en"), ("fr-CA", "fr"), ("de", "fr"), (None, "fr")]
)
def test_a_face_speaks_the_members_language_where_the_programme_does(
    cafe: Cafe, locale: str | None, spoken: str
) -> None:
    guest = make_guest(cafe, first_name="Inès", locale=locale)

    face = face_of(cafe, guest)

    assert face.locale == spoken
    wanted = {"en": ("10 more for", "Free coffee"), "fr": ("Encore 10 pour", "Café offert")}
    assert face.to_locale("en").get("next_reward").label == "10 more for"  # type: ignore[union-attr]
    for tag, (label, value) in wanted.items():
        said = face.to_locale(tag).get("next_reward")
        assert said is not None
        assert (said.label, said.value) == (label, value)
    assert face.to_locale("en").in_area("header")[0].label == "Credits"


def test_without_stamps_the_card_is_about_points(cafe: Cafe, client: FlaskClient) -> None:
    change(cafe, Purse, cafe.stamps, archived_at=clock.now())
    guest = make_guest(cafe)
    Till(client, cafe).scan(guest, "purchase", amount=12_00)

    face = face_of(cafe, guest)

    assert (face.strip_style, face.progress, face.stamps) == ("progress", 0.4, None)
    assert shown(face, "primary") == [("points", "Points", 12)]
    assert shown(face, "secondary")[0] == ("next_reward", "Encore 18 pour", "Gâteau")
    expiry = face.get("expiry")
    assert expiry is not None
    assert expiry.label == "Points : 12 jusqu'au"
    assert expiry.value in {(clock.now() + timedelta(days=days)).date() for days in (29, 30, 31)}


def test_what_can_be_had_now_is_said_to_be_there(cafe: Cafe) -> None:
    change(cafe, Purse, cafe.stamps, archived_at=clock.now())
    guest = make_guest(cafe)
    Books(cafe, guest.id).buy(50_00)

    face = face_of(cafe, guest)

    assert face.progress == 1.0
    assert shown(face, "secondary")[0] == ("next_reward", "À vous", "Gâteau")


@pytest.mark.parametrize(("status", "word"), [("blocked", "Bloquée"), ("replaced", "Remplacée")])
def test_a_card_that_no_till_takes_shows_no_code_and_says_so(cafe: Cafe, status: str, word: str) -> None:
    guest = make_guest(cafe)
    change(cafe, Card, guest.card_id, status=status)

    face = face_of(cafe, guest)

    assert (face.voided, face.barcode_text, face.nfc) == (True, None, None)
    assert shown(face, "secondary")[0] == ("state", "Carte", word)


def test_the_newest_message_of_a_campaign_is_a_field_that_speaks(cafe: Cafe) -> None:
    guest = make_guest(cafe)
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        one = Pass(
            card_id=guest.card_id, member_id=guest.id, platform="google", pass_type_id="3388", serial=ids.secret_text(),
            changed_at=clock.now().replace(microsecond=0),
        )  # fmt: skip
        session.add(one)
        session.flush()
        session.add(PassMessage(pass_id=one.id, text={"fr": {"body": "Vieux"}}))
        session.flush()
        text = {"fr": {"title": "Avent", "body": "Un chocolat offert"}, "en": {"body": "Free chocolate"}}
        session.add(PassMessage(pass_id=one.id, text=text))

    face = face_of(cafe, guest)

    field = face.get("message")
    assert field is not None
    assert (field.label, field.value, field.change_message) == ("Avent", "Un chocolat offert", "%@")
    assert face.message == "Un chocolat offert"
    assert face.to_locale("en").message == "Free chocolate"


DESIGN = {
    "background": "#ffffff",
    "foreground": "#fefefe",
    "strip_style": "plain",
    "header": {"fr": "Bienvenue", "en": "Welcome"},
    "links": [{"label": "Nos cafés", "url": "https://cafe.example/", "locales": {"en": {"label": "Our cafés"}}}],
    "back_fields": [
        {
            "label": "Conditions",
            "value": "Un tampon par café.",
            "locales": {"en": {"label": "Terms", "value": "One stamp per coffee."}},
        }
    ],
    "contact": {"phone": "+33 1 23 45 67 89", "email": "bonjour@cafe.example"},
    "barcode_format": "pdf417",
    "locations": [{"latitude": 48.853, "longitude": 2.369, "text": {"fr": "Un café ?", "en": "Coffee?"}}],
    "max_distance_m": 200,
    "relevant": [{"start": "2026-12-24T08:00:00+01:00", "end": "2026-12-24T18:00:00+01:00"}],
    "app": {"apple_store_id": 123456789, "launch_url": "assidu://card"},
    "nfc": {"public_key": "MDkw", "requires_authentication": True},
    "sharing_prohibited": False,
    "notifications": {"points": {"fr": "Bravo, %@ points !", "en": "Well done, %@ points!"}},
    "silent": ["stamps"],
}


def test_all_that_a_design_says_is_on_the_face(cafe: Cafe) -> None:
    guest = make_guest(cafe)
    change(cafe, Program, cafe.world.program_id, card_design=DESIGN)

    face = face_of(cafe, guest)
    english = face.to_locale("en")

    assert (face.title, english.title) == ("Bienvenue", "Welcome")
    assert (face.links[0].label, english.links[0].label) == ("Nos cafés", "Our cafés")
    assert shown(english, "back")[1:] == [
        ("back_0", "Terms", "One stamp per coffee."),
        ("issuer", "Issued by", "Café Assidu"),
        ("contact_phone", "Phone", "+33 1 23 45 67 89"),
        ("contact_email", "E-mail", "bonjour@cafe.example"),
    ]
    assert (face.barcode_format, face.max_distance_m, face.sharing_prohibited) == ("pdf417", 200, False)
    assert (face.locations[0].text, english.locations[0].text) == ("Un café ?", "Coffee?")
    assert face.relevant[0].end is not None
    assert face.app is not None
    assert face.app.apple_store_id == 123456789
    assert face.nfc is not None
    assert (face.nfc.message, face.nfc.requires_authentication) == (guest.code, True)
    assert face.get("points").change_message == "Bravo, %@ points !"  # type: ignore[union-attr]
    assert english.get("points").change_message == "Well done, %@ points!"  # type: ignore[union-attr]
    assert face.get("stamps").change_message is None  # type: ignore[union-attr]


def test_white_on_white_gives_way_until_it_is_read(cafe: Cafe) -> None:
    guest = make_guest(cafe)
    change(cafe, Program, cafe.world.program_id, card_design=DESIGN)

    colours = face_of(cafe, guest).colours

    assert colours.background == "#ffffff"
    assert 4.5 <= palette.contrast(colours.foreground, "#ffffff") < 5


def test_the_front_holds_four_fields_and_the_back_the_rest(cafe: Cafe) -> None:
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        session.add_all([Purse(code=f"more{number}", name=f"Bourse {number}", kind="money") for number in range(4)])
    guest = make_guest(cafe, first_name="Inès")

    face = face_of(cafe, guest)

    front = [*face.in_area("secondary"), *face.in_area("auxiliary")]
    assert [one.key for one in front] == ["stamps", "next_reward", "money", "member"]
    assert {"purse_more1", "purse_more2", "purse_more3"} <= {one.key for one in face.in_area("back")}
    keys = [one.key for one in face.fields]
    assert len(keys) == len(set(keys))


def test_more_stamps_than_fit_a_picture_are_a_bar(cafe: Cafe) -> None:
    change(cafe, Purse, cafe.stamps, goal=40)
    guest = make_guest(cafe)

    face = face_of(cafe, guest)

    assert (face.strip_style, face.progress) == ("progress", 0.0)


def test_a_voucher_is_a_coupon_with_its_own_code_until_it_is_used(cafe: Cafe, client: FlaskClient) -> None:
    guest = make_guest(cafe, first_name="Inès", locale="en")
    for _ in range(10):
        Till(client, cafe).scan(guest, "visit")
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        voucher = session.query(Voucher).one()
        voucher.valid_until = clock.now() + timedelta(days=3)
        session.flush()
        open_face = faces.of_vouchers(session, cafe.world.database.keyring, [voucher.id])[voucher.id]
        voucher.status = "used"
        session.flush()
        used = faces.of_vouchers(session, cafe.world.database.keyring, [voucher.id])[voucher.id]

    assert open_face.style == "voucher"
    assert open_face.barcode_text is not None
    assert open_face.barcode_text.startswith("V1")
    assert shown(open_face, "primary") == [("voucher", "Café Assidu", "Free coffee")]
    assert (open_face.expires_at, open_face.voided) == (voucher.valid_until, False)
    assert (used.barcode_text, used.voided) == (None, True)
    assert ("state", "Voucher", "Used") in shown(used, "secondary")


def test_many_cards_take_as_many_queries_as_one(cafe: Cafe, database: Database) -> None:
    guests = [make_guest(cafe, first_name=f"Gast {number}") for number in range(12)]
    asked: list[int] = []
    for some in (guests[:1], guests):
        statements: list[str] = []

        def note(*arguments: Any, told: list[str] = statements) -> None:
            told.append(arguments[2])

        with database.transaction(cafe.world.program_id) as session:
            event.listen(database.web, "before_cursor_execute", note)
            try:
                found = faces.of_cards(session, database.keyring, [one.card_id for one in some])
            finally:
                event.remove(database.web, "before_cursor_execute", note)
        assert len(found) == len(some)
        asked.append(len(statements))

    assert asked[0] == asked[1] <= 9


def test_another_programmes_card_has_no_face_here(cafe: Cafe, database: Database) -> None:
    with database.transaction(cafe.world.program_id) as session:
        assert faces.of_cards(session, database.keyring, [ids.new_id()]) == {}
        assert faces.of_cards(session, database.keyring, []) == {}
        assert faces.of_vouchers(session, database.keyring, [ids.new_id()]) == {}


def test_a_member_without_a_name_has_no_empty_field(cafe: Cafe) -> None:
    guest = make_guest(cafe)
    change(cafe, Member, guest.id, first_name=None, last_name=None)

    face = face_of(cafe, guest)

    assert face.member_name is None
    assert face.get("member") is None


@pytest.mark.parametrize(
    "texts", [{"fr": "Un café ?"}, {"fr": "Café Assidu", "en": "Assidu Coffee"}, {"en": "Welcome"}, {"de": "Hallo"}]
)
def test_the_programmes_name_is_no_texts_that_it_stands_in_for(cafe: Cafe, texts: dict[str, str]) -> None:
    design = {"header": texts, "locations": [{"latitude": 1, "longitude": 2, "text": texts}]}
    change(cafe, Program, cafe.world.program_id, card_design=design, locales=["fr", "en", "de"])
    told = []
    for locale in ("fr", "en", "de"):
        guest = make_guest(cafe)
        change(cafe, Member, guest.id, locale=locale)
        face = face_of(cafe, guest)
        issuer, [place] = face.get("issuer"), face.locations
        assert issuer is not None

        for tag in face.locales:
            assert face.translations(str(issuer.value))[tag] == "Café Assidu"
            assert face.translations(face.title)[tag] == texts.get(tag, "Café Assidu")
            assert face.translations(str(place.text))[tag] == texts.get(tag, "Café Assidu")
        told.append(loyalty_class(face, class_id="1.a", logo_url="https://cafe.example/logo.png"))
    # The class is everybody's, and so the same whoever's card it was made of.
    assert told[0] == told[1] == told[2]
