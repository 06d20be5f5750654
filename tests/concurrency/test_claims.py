"""A claim and what else changes a card, at the same instant: one of them is first, and neither fails."""

from collections import Counter
from datetime import timedelta

from flask import Flask
from sqlalchemy import select, update

from app import clock, ids
from app.models import Card
from app.services import cards, claims, customers, members
from tests.concurrency.together import together
from tests.world import World
from tests.world_members import make_customer

ROUNDS = 12


def test_a_claim_and_a_replacement_by_staff_leave_one_card_that_works(application: Flask, world: World) -> None:
    for _ in range(ROUNDS):
        person = make_customer(world.database)
        with world.database.transaction(world.program_id) as session:
            member = members.enrol(session, world.database.keyring, source="join", email=person.email)
            card = cards.of_members(session, [member.id])[member.id]
            old = clock.now() - claims.KEPT - timedelta(minutes=1)
            session.execute(update(Card).where(Card.id == card.id).values(created_at=old))
        with world.database.transaction(customer_id=person.id) as session:
            customer = customers.get(session)

        def act(who: str, customer=customer, card=card) -> object:  # type: ignore[no-untyped-def]  # noqa: ANN001
            if who == "person":
                return customers.link(world.database, customer)
            path = f"/v1/cards/{ids.show('card', card.id)}/replace"
            return application.test_client().post(path, headers=world.as_("till")).status_code

        found = together(act, ["staff", "person", "staff", "person"])

        statuses = Counter(found[::2])
        assert set(statuses) <= {201, 409}
        assert sum(found[1::2]) == 1  # type: ignore[arg-type]
        with world.database.transaction(world.program_id) as session:
            made = list(session.scalars(select(Card).where(Card.member_id == member.id)))
        assert Counter(one.status for one in made) == {"active": 1, "replaced": 1}
