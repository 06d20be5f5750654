"""Two programmes with everything in them, so that generated requests meet things that exist and not only 404s.

Tills, members and customers are tried in a café in full swing; what changes a programme's set-up, in a workshop beside
it, so that a purse that is taken away does not take the café's scans with it.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import select

from app import ids
from app.db import Database
from app.models import Event
from tests.api.test_inbox import deliver
from tests.world import World, make_staff, make_world
from tests.world_members import Person, enrol, make_customer
from tests.world_setup import made, make_purse, make_reward, make_rule
from tests.world_till import Guest, Till, make_cafe, make_guest

GUESTS = 8

SET_UP = (
    "/v1/api-keys", "/v1/card-design", "/v1/partners", "/v1/program", "/v1/purses", "/v1/rewards", "/v1/rules",
    "/v1/segments", "/v1/staff", "/v1/stores", "/v1/webhooks",
)  # fmt: skip
"""Where the workshop is worked on."""

Named = dict[str, list[str]]


@dataclass(frozen=True)
class Seeded:
    """What exists, by the name of the path value or body field that takes it; and the headers of who may ask.

    `spare` is of the workshop too, and may be taken away; so may the customer's cards of other programmes.
    """

    database: Database
    workshop_id: UUID
    cafe: Named
    workshop: Named
    spare: Named
    till: dict[str, str]
    cafe_owner: dict[str, str]
    workshop_owner: dict[str, str]
    customer: dict[str, str]

    def headers_for(self, method: str, path: str, scopes: set[str]) -> dict[str, str]:
        """Return the headers of a caller whom the operation admits."""
        if "public" in scopes:
            return {}
        if "customer" in scopes:
            # Who is erased does not come back, so that each such request is by somebody new.
            return make_customer(self.database).headers if (method, path) == ("DELETE", "/v1/me") else self.customer
        if path.startswith("/v1/staff"):
            # Staff may take one another away, and themselves: so here too.
            with self.database.transaction(self.workshop_id) as session:
                return {"Authorization": f"Bearer {make_staff(session, role='owner')}"}
        if path.startswith(SET_UP):
            return self.workshop_owner
        return self.till if "till" in scopes else self.cafe_owner


def seed(application: Flask, database: Database) -> Seeded:
    """Fill both programmes by the ordinary ways."""
    cafe, workshop, customer = make_world(database), make_world(database), make_customer(database)
    return Seeded(
        database=database,
        workshop_id=workshop.program_id,
        cafe=_fill_cafe(application, cafe, customer),
        workshop=_fill_workshop(application, workshop),
        spare=_fill_workshop(application, workshop, spare="2") | {"my_card_id": _other_cards(database, customer)},
        till=cafe.as_("till"),
        cafe_owner=cafe.as_("owner"),
        workshop_owner=workshop.as_("owner"),
        customer=customer.headers,
    )


def _fill_cafe(application: Flask, world: World, customer: Person) -> Named:
    cafe = make_cafe(world)
    client = application.test_client()
    till = Till(client, cafe)
    guests = [make_guest(cafe, email=customer.email), *(make_guest(cafe) for _ in range(GUESTS))]
    sales = [till.scan(guest, "purchase", amount=90_000).json["id"] for guest in guests for _ in range(2)]
    accounts = [_points(till, guest) for guest in guests]
    cake = ids.show("reward", cafe.cake)
    bought = [
        till.post("/redemptions", {"code": guest.code, "reward_id": cake, "store_id": cafe.store}).json["code"]
        for guest in guests
        for _ in range(3)
    ]
    hold = {"amount": 5, "store_id": cafe.store}
    with world.database.transaction(world.program_id) as session:
        happened = list(session.scalars(select(Event.id).limit(3)))
    device = {"token": ids.secret_text(), "platform": "android"}
    return {
        "account_id": accounts,
        "activity_id": sales,
        "card_id": [ids.show("card", guest.card_id) for guest in guests],
        "code": [guest.code for guest in guests],
        "delivery_id": [deliver(world, guests[0].id) for _ in range(3)],
        "device_id": [client.post("/v1/me/devices", json=device, headers=customer.headers).json["id"]],
        "event_id": [ids.show("event", one) for one in happened],
        "hold_id": [till.post(f"/accounts/{account}/holds", hold).json["id"] for account in accounts for _ in range(3)],
        "member_id": [ids.show("member", guest.id) for guest in guests],
        "my_card_id": [ids.show("card", guests[0].card_id)],
        "reward_id": [cake, ids.show("reward", cafe.coffee)],
        "slug": [world.slug],
        "store_id": [cafe.store, ids.show("store", world.other_store_id)],
        "voucher_code": bought,
    }


def _other_cards(database: Database, customer: Person) -> list[str]:
    cafes = [make_cafe(make_world(database)) for _ in range(3)]
    return [ids.show("card", make_guest(cafe, email=customer.email).card_id) for cafe in cafes]


def _points(till: Till, guest: Guest) -> str:
    body = {"code": guest.code, "store_id": till.cafe.store}
    held: list[dict[str, Any]] = till.client.post("/v1/scans/look-up", json=body, headers=till.headers).json["accounts"]
    return next(str(one["id"]) for one in held if one["kind"] == "points")


def _fill_workshop(application: Flask, world: World, spare: str = "") -> Named:
    client = application.test_client()
    purses = [make_purse(client, world, code=f"points{spare}{place}")["id"] for place in range(3)]
    effect = {"kind": "fixed_points", "purse_id": purses[0], "points": 1}
    if not spare:
        for external_id in ("C-1001", "C-1002"):  # whom the example of an import names
            enrol(world, external_id=external_id)
    cashier = {"name": "Cléo", "role": "cashier", "password": "trois grands crèmes"}
    return {
        "api_key_id": [made(client, world, "api-keys", {"name": "Till", "scopes": ["till"]})["id"] for _ in range(3)],
        "partner_id": [made(client, world, "partners", {"name": "Café"})["id"] for _ in range(3)],
        "purse_id": purses,
        "reward_id": [make_reward(client, world)["id"] for _ in range(3)],
        "rule_id": [make_rule(client, world, effects=[effect])["id"] for _ in range(3)],
        "segment_id": [made(client, world, "segments", {"name": "Habitués", "kind": "list"})["id"] for _ in range(3)],
        "staff_id": [
            made(client, world, "staff", {**cashier, "email": f"{ids.new_id().hex}@cafe.example"})["id"]
            for _ in range(3)
        ],
        "store_id": [
            made(client, world, "stores", {"name": "Nation", "partner_id": ids.show("partner", world.partner_id)})["id"]
            for _ in range(3)
        ],
        "webhook_id": [
            made(client, world, "webhooks", {"url": "https://shop.example/hooks", "kinds": ["*"]})["id"]
            for _ in range(3)
        ],
    }
