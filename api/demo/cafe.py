"""Café Assidu: the programme that the demo shows, with its stores, purses, rewards, rules and staff."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.demo.document import NAME, ROLES, SLUG, address_of
from app import ids
from app.db import Session
from app.models import Reward, Staff, Store
from app.services import api_keys, card_designs, partners, programs, purses, rewards, rules, staff, stores

PASSWORD_BITS = 96
_BRAND = {"background": "#3b2418", "foreground": "#fff8ee", "label": "#e3b778"}
_DESIGN: dict[str, Any] = {
    "strip_style": "stamps", "stamp_icon": "cup",
    "back_fields": [
        {"label": "Comment ça marche", "value": "Un tampon par visite, le dixième café est offert.",
         "locales": {"en": {"label": "How it works", "value": "A stamp for each visit; the tenth coffee is free."}}},
    ],
    "contact": {"email": "bonjour@cafe.example", "address": "12 rue de la Roquette, 75011 Paris"},
}  # fmt: skip
_STORES = (("Bastille", "12 rue de la Roquette, 75011 Paris"), ("Nation", "3 avenue du Trône, 75012 Paris"))
_STAFF = ("Inès Moreau", "Marc Petit", "Chloé Bernard")
_REWARDS: tuple[dict[str, Any], ...] = (
    {"name": "Cookie", "kind": "free_item", "value": {"name": "Cookie"}, "price": 10},
    {"name": "Part de gâteau", "kind": "free_item", "value": {"name": "Gâteau du jour"}, "price": 30,
     "locales": {"en": {"name": "Slice of cake"}}},
    {"name": "5 € sur un brunch", "kind": "amount_off", "value": {"amount": 500, "currency": "EUR"}, "price": 60,
     "locales": {"en": {"name": "5 € off a brunch"}}},
    {"name": "Paquet de café en grains", "kind": "free_item", "value": {"name": "Café en grains, 250 g"}, "price": 120,
     "stock": 24, "locales": {"en": {"name": "Bag of coffee beans"}}},
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cafe:
    """What the history needs of the programme."""

    stores: list[Store]
    cashier: Staff
    points: UUID
    coffee: UUID
    rewards: list[Reward]


def new_password() -> str:
    """Return a password that nobody guesses."""
    return ids.secret_text(PASSWORD_BITS)


def set_up(session: Session, passwords: dict[str, str]) -> Cafe:
    """Open the programme in a session made for its new id; `passwords` are those of the roles."""
    program = programs.create(
        session, name=NAME, slug=SLUG, currency="EUR", timezone="Europe/Paris", locale="fr",
        locales=["fr", "en"], brand=_BRAND,
    )  # fmt: skip
    card_designs.change(program, values=_DESIGN, whole=True)
    partners.create(session, name=NAME)
    session.flush()
    places = [stores.create(session, name=name, address=address) for name, address in _STORES]
    session.flush()
    points = purses.create(
        session, code="points", name="Points", kind="points", expiry={"policy": "after_days", "days": 365}
    )
    coffee = rewards.create(
        session, name="Café offert", kind="free_item", value={"name": "Un café au choix"}, valid_days=60,
        locales={"en": {"name": "Free coffee"}},
    )  # fmt: skip
    stamps = purses.create(
        session, code="stamps", name="Dix cafés", kind="stamps", goal=10, reward_id=coffee.id,
        locales={"en": {"name": "Ten coffees"}},
    )  # fmt: skip
    catalogue = [rewards.create(session, purse_id=points.id, valid_days=90, **reward) for reward in _REWARDS]
    people = {
        role: staff.create(
            session, email=address_of(role), name=name, role=role, password=passwords[role],
            store_ids=[place.id for place in places] if role == "cashier" else (),
        )
        for role, name in zip(ROLES, _STAFF, strict=True)
    }  # fmt: skip
    _write_rules(session, ids.show("purse", points.id), ids.show("purse", stamps.id), people["owner"].id)
    session.flush()
    return Cafe(stores=places, cashier=people["cashier"], points=points.id, coffee=coffee.id, rewards=catalogue)


def make_till_key(session: Session) -> str:
    """Make a key for the tills and return it."""
    return api_keys.create(session, name="Tills", scopes=["till", "members"])[1]


def _write_rules(session: Session, points: str, stamps: str, staff_id: UUID) -> None:
    per_euro = {"kind": "points_per_amount", "purse_id": points, "points": 1, "per": 100}
    drafts: list[dict[str, Any]] = [
        {"name": "Un point par euro", "when": {"activity": "purchase"}, "effects": [per_euro], "status": "live"},
        {
            "name": "Un tampon par visite",
            "when": {"activity": "visit"},
            "effects": [{"kind": "stamps", "purse_id": stamps, "stamps": 1}],
            "status": "live",
        },
        {
            "name": "Dix points pour un avis",
            "when": {"activity": "review"},
            "effects": [{"kind": "fixed_points", "purse_id": points, "points": 10}],
            "status": "draft",
        },
    ]
    for draft in drafts:
        rules.create(session, document=draft, staff_id=staff_id)
