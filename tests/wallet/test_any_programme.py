"""Whatever a programme sells and however its design says it: its cards open on phones, and Google understands them."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app import clock, ids
from app.models import Card, Member, Program, Purse, Reward, Voucher
from app.services.pass_faces import Balance, CardFacts, NextExpiry
from tests.api.test_card_designs import COMPRESSED
from tests.wallet.platforms.apple import samples
from tests.wallet.platforms.apple.conftest import authority, identity, signer
from tests.wallet.platforms.google.documents import faults
from wallet import faces, images, preview
from wallet.card_face import CardFace
from wallet.platforms.apple import diagnosis, package
from wallet.platforms.apple.authority import Authority
from wallet.platforms.apple.signing import Signer
from wallet.platforms.google.classes import loyalty_class
from wallet.platforms.google.objects import loyalty_object

__all__ = ["authority", "identity", "signer"]

CODE = "A10123456789ABCDEFG"
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).filter(
    lambda text: text.strip()
)
words = st.dictionaries(st.sampled_from(["fr", "en", "de", "ar", "pt-BR"]), texts, max_size=3)
colours = st.from_regex(r"\A#[0-9a-f]{6}\Z")
changes = texts.map(lambda text: f"{text.replace('%', '')} %@")
designs = st.fixed_dictionaries(
    {},
    optional={
        "background": colours,
        "foreground": colours,
        "label": colours,
        "strip_style": st.sampled_from(["plain", "stamps", "progress"]),
        "stamp_icon": st.sampled_from(["check", "star", "heart", "cup"]),
        "header": words,
        "barcode_format": st.sampled_from(["qr", "pdf417", "aztec", "code128"]),
        "links": st.lists(
            st.fixed_dictionaries({"label": texts, "url": st.just("https://cafe.example/")}), max_size=10
        ),
        "back_fields": st.lists(st.fixed_dictionaries({"label": texts, "value": texts}), max_size=20),
        "locations": st.lists(
            st.fixed_dictionaries(
                {"latitude": st.floats(-90, 90), "longitude": st.floats(-180, 180)}, optional={"text": words}
            ),
            max_size=10,
        ),
        "relevant": st.just([{"start": "2026-12-24T07:00:00.000Z", "end": "2026-12-24T17:00:00.000Z"}]),
        "contact": st.fixed_dictionaries({}, optional={"phone": texts, "email": texts, "address": texts}),
        "app": st.just({"apple_store_id": 12345, "launch_url": "cafe://card", "android_package": "com.example.cafe"}),
        "nfc": st.just({"public_key": COMPRESSED}),
        "notifications": st.fixed_dictionaries(
            {}, optional={"points": st.dictionaries(st.sampled_from(["fr", "en"]), changes, max_size=2)}
        ),
        "silent": st.lists(st.sampled_from(["points", "stamps", "next_reward"]), unique=True),
    },
)


def names(texts_of: Mapping[str, str]) -> dict[str, Any]:
    return {tag: {"name": text} for tag, text in texts_of.items()}


@st.composite
def facts(draw: st.DrawFn) -> CardFacts:
    """A card of some programme, as the database would say it."""
    locales = draw(st.lists(st.sampled_from(["fr", "en", "de", "ar", "pt-BR"]), min_size=1, unique=True))
    program = Program(
        name=draw(texts), slug="cafe", currency=draw(st.sampled_from(["EUR", "JPY", "KWD"])),
        timezone=draw(st.sampled_from(["Europe/Paris", "Pacific/Apia", "America/Los_Angeles"])), locale=locales[0],
        locales=locales, card_design=draw(designs),
    )  # fmt: skip
    rewards = {
        reward.id: reward
        for reward in (
            Reward(name=draw(texts), kind="free_item", value={"name": "x"}, price=price, locales=names(draw(words)))
            for price in sorted(draw(st.lists(st.integers(1, 500), max_size=3)))
        )
    }
    balances = []
    for place, kind in enumerate(draw(st.lists(st.sampled_from(["points", "stamps", "money"]), max_size=6))):
        goal = draw(st.none() | st.integers(1, 60)) if kind == "stamps" else None
        purse = Purse(
            code=f"purse{place}", name=draw(texts), kind=kind, goal=goal, locales=names(draw(words)),
            reward_id=next(iter(rewards), None),
        )  # fmt: skip
        balances.append(Balance(purse=purse, amount=draw(st.integers(-50, 10**6))))
        for reward in rewards.values():
            reward.purse_id = reward.purse_id or purse.id
    member = Member(
        joined_at=clock.now(), first_name=draw(st.none() | texts), last_name=draw(st.none() | texts), locale=None
    )
    status = draw(st.sampled_from(["active", "blocked", "replaced"]))
    card = Card(
        member_id=member.id, number="9012 3456 7890 1234", token_hash=b"", token_sealed=b"", totp_key_sealed=b"",
        status=status,
    )  # fmt: skip
    vouchers = [
        Voucher(
            member_id=member.id, reward_id=ids.new_id(), name=name, code_hash=b"", code_sealed=b"",
            issued_at=clock.now(), valid_until=clock.now() + timedelta(days=3),
        )
        for name in draw(st.lists(texts, max_size=3))
    ]  # fmt: skip
    expiry = NextExpiry(purse_id=balances[0].purse.id, amount=5, at=clock.now()) if balances else None
    return CardFacts(
        program=program, card=card, member=member, code=CODE if status == "active" else None,
        spoken=draw(st.none() | st.sampled_from(["fr", "en-GB", "pt", "zh"])), balances=balances, vouchers=vouchers,
        rewards=rewards, next_expiry=expiry,
        message=draw(st.none() | st.dictionaries(st.sampled_from(["fr", "en"]), st.fixed_dictionaries(
            {"title": st.just("") | texts, "body": texts}
        ), max_size=2)),
    )  # fmt: skip


slow = hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@slow
@given(facts())
def test_a_face_keeps_to_what_phones_have_room_for(found: CardFacts) -> None:
    face = faces.card_face(found)

    keys = [one.key for one in face.fields]
    assert len(keys) == len(set(keys))
    assert len(face.in_area("header")) <= 1
    assert len(face.in_area("primary")) <= 1
    assert len(face.in_area("secondary")) + len(face.in_area("auxiliary")) <= 4
    assert (face.barcode_text is None) is face.voided
    assert face.stamps is None or 0 <= face.stamps.count <= face.stamps.goal
    assert face.progress is None or 0 <= face.progress <= 1
    for locale in face.locales:
        told = face.to_locale(locale)
        assert told.locale == locale or not face.strings.get(locale)
        assert all("%@" in one.change_message for one in told.fields if one.change_message)
    assert faces.card_face(found).digest() == face.digest()


@slow
@given(facts())
def test_its_package_opens_on_a_phone(authority: Authority, signer: Signer, found: CardFacts) -> None:
    face = faces.card_face(found)

    chunks = package.build(
        face, images.shared().of(face), signer, serial="crd", token=samples.TOKEN, service_url=samples.SERVICE
    )

    wrong = diagnosis.of_package(b"".join(chunks), authorities=[authority.intermediate])
    assert [one.says for one in diagnosis.stopping(wrong)] == []


@slow
@given(facts())
def test_google_understands_it(found: CardFacts) -> None:
    face = faces.card_face(found)
    object_ = loyalty_object(face, object_id="3388.card", class_id="3388.cafe", totp_key=b"x" * 20)
    class_ = loyalty_class(face, class_id="3388.cafe", logo_url="https://cafe.example/logo.png")

    assert faults("LoyaltyObject", json.loads(json.dumps(object_))) == []
    assert faults("LoyaltyClass", json.loads(json.dumps(class_))) == []


@hypothesis_settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(facts())
def test_it_can_be_looked_at(found: CardFacts) -> None:
    face: CardFace = faces.card_face(found)

    assert preview.png(face, images.shared().of(face), scale=1).startswith(b"\x89PNG")
