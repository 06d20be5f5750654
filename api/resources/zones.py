"""`/me/zones`: the app tells that its holder is near a store."""

from api import limits, scopes
from api.fields import Body, Id
from api.operation import Blueprint, Call
from app.services import members, my_cards, zones
from app.services.attempts import Policy

blp = Blueprint("zones", __name__, url_prefix="/v1", description="Being near a store")

ZONES_CUSTOMER = Policy("zones-customer", 20, 3600)
"""A phone that crosses a zone's edge again and again says so a few times at most."""


class ZoneIn(Body):
    """Which of my cards, and which of its programme's stores I am near."""

    card_id = Id("card", required=True)
    store_id = Id("store", required=True)


@blp.operation(
    "POST", "/me/zones", scopes=scopes.CUSTOMER, summary="Say that I am near a store", body=ZoneIn(), status=204,
    program="none", problems=[404, 429], example={"card_id": "crd_" + "0" * 32, "store_id": "sto_" + "0" * 32},
)  # fmt: skip
def enter_zone(call: Call) -> None:
    """Say that the phone came into a store's zone; campaigns may wait for it.

    Where I am is used for offers that I allow by push or wallet, and for nothing else: without that consent nothing is
    kept. The phone decides when it is near, and never sends a position.
    """
    customer_id = call.principal.customer_id
    limits.check(call.database, ZONES_CUSTOMER, str(customer_id))
    program_id = my_cards.program_of(call.database, customer_id, call.body["card_id"])
    with call.database.transaction(program_id, customer_id=customer_id) as session:
        zones.enter(session, members.of_customer(session, customer_id), call.body["store_id"])
