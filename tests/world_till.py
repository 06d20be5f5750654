"""A café for tests of the till: points for euros, a ten-coffee card, rewards, members with cards."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy import update

from app import ids
from app.codes.grammar import static_code
from app.db import Session
from app.models import Card, Member, Program, Purse, Reward, Rule, RuleVersion
from app.services import cards, members
from tests.world import World


@dataclass(frozen=True)
class Cafe:
    """A world with purses, rules and rewards."""

    world: World
    points: UUID
    stamps: UUID
    coffee: UUID
    cake: UUID

    @property
    def store(self) -> str:
        """The store's public id."""
        return ids.show("store", self.world.store_id)


@dataclass(frozen=True)
class Guest:
    """A member and the static code of the card."""

    id: UUID
    card_id: UUID
    code: str


def make_rule(session: Session, definition: dict[str, Any]) -> UUID:
    """Publish a rule; return its id."""
    rule = Rule(name=definition["name"], status="live", definition=definition, version=1)
    session.add(rule)
    session.flush()
    version = RuleVersion(rule_id=rule.id, number=1, definition=definition)
    session.add(version)
    session.flush()
    rule.version_id = version.id
    session.execute(update(Program).where(Program.id == session.program).values(config_version=ids.new_id().int >> 68))
    return rule.id


def make_cafe(world: World, **points: Any) -> Cafe:
    """Set the programme up: a point for each whole euro, a stamp for each visit, ten stamps a free coffee."""
    with world.database.transaction(world.program_id) as session:
        purse = Purse(code="points", name="Points", kind="points", **points)
        session.add(purse)
        session.flush()
        coffee = Reward(name="Café offert", kind="free_item", value={"name": "Café"})
        cake = Reward(name="Gâteau", kind="free_item", value={"name": "Gâteau"}, purse_id=purse.id, price=30)
        session.add_all([coffee, cake])
        session.flush()
        stamps = Purse(code="stamps", name="Dix cafés", kind="stamps", goal=10, reward_id=coffee.id)
        session.add(stamps)
        session.flush()
        points_id, stamps_id = ids.show("purse", purse.id), ids.show("purse", stamps.id)
        make_rule(session, _rule("Un point par euro", "purchase", "points_per_amount", points_id, points=1, per=100))
        make_rule(session, _rule("Un tampon par visite", "visit", "stamps", stamps_id, stamps=1))
    return Cafe(world, purse.id, stamps.id, coffee.id, cake.id)


def _rule(name: str, activity: str, kind: str, purse: str, **more: int) -> dict[str, Any]:
    effect = {"kind": kind, "purse_id": purse, **more}
    return {"name": name, "when": {"activity": activity}, "conditions": [], "effects": [effect], "status": "live"}


def make_guest(cafe: Cafe, **values: Any) -> Guest:
    """Enrol a member with a card."""
    keyring = cafe.world.database.keyring
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        member: Member = members.enrol(session, keyring, source="test", **({"first_name": "Ada"} | values))
        session.flush()
        card: Card = cards.of_members(session, [member.id])[member.id]
        return Guest(member.id, card.id, static_code(cards.token_of(keyring, card)))


class Till:
    """A till of the café: what a cashier's device does over HTTP."""

    def __init__(self, client: FlaskClient, cafe: Cafe, who: str = "till") -> None:
        self.client = client
        self.cafe = cafe
        self.headers = cafe.world.as_(who)

    def post(self, path: str, body: dict[str, Any], key: str | None = None) -> Any:
        """Send a request under a key of its own."""
        headers = self.headers | {"Idempotency-Key": key or ids.new_id().hex}
        return self.client.post(f"/v1{path}", json=body, headers=headers)

    def scan(self, guest: Guest, kind: str = "visit", key: str | None = None, **said: Any) -> Any:
        """Scan a guest's card."""
        top = {name: said.pop(name) for name in ("occurred_at", "offline", "code") if name in said}
        body = {"code": guest.code, "store_id": self.cafe.store, "activity": {"kind": kind, **said}} | top
        return self.post("/scans", body, key)

    def balance(self, guest: Guest, purse: UUID) -> int:
        """Return the guest's balance in a purse."""
        body = {"code": guest.code, "store_id": self.cafe.store}
        answer = self.client.post("/v1/scans/look-up", json=body, headers=self.headers).json
        return int(next(one["balance"] for one in answer["accounts"] if one["purse_id"] == ids.show("purse", purse)))
