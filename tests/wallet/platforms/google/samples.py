"""Faces, programmes and accounts to try things on."""

import dataclasses
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from app import clock, ids
from app.models import Pass
from wallet.card_face import AppLink, CardFace, Colours, FaceField, Link, NextReward, Place, Stamps
from wallet.platforms import Job, Message
from wallet.platforms.google.courier import Gathered

ISSUER_ID = "3388000000022000000"
PROGRAM_ID = UUID("0199f0a0-0000-7000-8000-000000000001")
CLASS_ID = f"{ISSUER_ID}.{PROGRAM_ID.hex}"
TOTP_KEY = b"12345678901234567890"
"""The key of RFC 6238's own examples."""
TOKEN = "0123456789ABCDEFG"
STRINGS = {
    "en": {"Prochain cadeau": "Next reward", "Café offert": "Free coffee", "Dix cafés": "Ten coffees",
           "Conditions": "Terms", "Nos cafés": "Our cafés"},
}  # fmt: skip
FIELDS = (
    FaceField(key="points", label="Points", value=1250, kind="number", area="header", change_message="%@ points"),
    FaceField(key="stamps", label="Dix cafés", value="3 / 10", area="secondary", change_message="%@"),
    FaceField(key="next_reward", label="Prochain cadeau", value="Café offert", area="secondary"),
    FaceField(key="purse_cash", label="Cagnotte", value=1234, kind="money", currency="EUR", area="auxiliary"),
    FaceField(key="member", label="Membre", value="Inès Moreau", area="auxiliary"),
    FaceField(key="expiry", label="Valable jusqu'au", value=date(2027, 3, 31), kind="date", area="back"),
    FaceField(key="next_visit", label="Atelier", value=datetime(2026, 12, 1, 18, tzinfo=UTC), kind="instant",
              area="back"),
    FaceField(key="card_number", label="Numéro de carte", value="9000 1234", area="back"),
    FaceField(key="message", label="Message", value="Bonjour", area="back", change_message="%@"),
    FaceField(key="back_0", label="Conditions", value="Un tampon par café.", area="back"),
    FaceField(key="contact_email", label="E-mail", value="bonjour@cafe.example", area="back"),
)  # fmt: skip
CARD = CardFace(
    program_name="Café Assidu",
    description="Carte de fidélité Café Assidu",
    title="Café Assidu",
    locale="fr",
    locales=("fr", "en"),
    strings=STRINGS,
    member_name="Inès Moreau",
    card_number="9000 1234",
    barcode_text=f"A1{TOKEN}",
    barcode_caption="9000 1234",
    colours=Colours(background="#5b2333", foreground="#ffffff", label="#f7d9c4"),
    logo_url="https://cafe.example/logo.png",
    strip_style="stamps",
    stamps=Stamps(count=3, goal=10, name="Dix cafés"),
    next_reward=NextReward(name="Café offert", missing=7, unit="stamps"),
    fields=FIELDS,
    links=(Link(label="Nos cafés", url="https://cafe.example/"),),
    locations=tuple(Place(latitude=48.85 + step / 100, longitude=2.35) for step in range(12)),
    expires_at=datetime(2027, 6, 1, tzinfo=UTC),
    app=AppLink(android_package="example.cafe"),
    grouping="prg_1",
)


def card(**changes: Any) -> CardFace:
    return dataclasses.replace(CARD, **changes)


def with_points(value: int, face: CardFace = CARD) -> CardFace:
    fields = [dataclasses.replace(one, value=value) if one.key == "points" else one for one in face.fields]
    return dataclasses.replace(face, fields=tuple(fields))


def make_pass(**values: Any) -> Pass:
    """A pass that is in no database."""
    made = Pass(
        card_id=ids.new_id(), member_id=ids.new_id(), platform="google", pass_type_id=ISSUER_ID,
        serial=ids.new_id().hex, changed_at=clock.now().replace(microsecond=0), **values,
    )  # fmt: skip
    made.program_id = PROGRAM_ID
    return made


def make_job(face: CardFace = CARD, row: Pass | None = None, *, sounds: bool = False, messages: Any = ()) -> Job:
    return Job(
        row=row or make_pass(), face=face, gathered=Gathered(totp_key=TOTP_KEY, sounds=sounds), messages=messages
    )


def make_message(body: str = "Demain, double tampon", **others: str) -> Message:
    text = {
        "fr": {"title": "Café", "body": body},
        **{tag: {"title": "Café", "body": said} for tag, said in others.items()},
    }
    return Message(id=ids.new_id(), text=text, created_at=clock.now())
