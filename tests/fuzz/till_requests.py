"""Good requests of everything a till does, with all their fields; the tests spoil them one place at a time."""

from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient

from app import ids
from tests.world import World
from tests.world_till import Cafe, Guest, Till, make_cafe, make_guest

Body = dict[str, Any]
OPERATIONS = (
    "createScan", "lookUpCard", "createScanBatch", "createActivity", "reverseActivity", "createRedemption",
    "useVoucher", "voidVoucher", "burnAccount", "adjustAccount", "createHold", "captureHold",
)  # fmt: skip
KEYLESS = frozenset({"lookUpCard", "createScanBatch"})


@dataclass(frozen=True)
class Counter:
    """A café with one guest who has points, vouchers and a hold: where requests are sent, and by whom."""

    cafe: Cafe
    guest: Guest
    till: Till
    paths: dict[str, str]
    bodies: dict[str, Body]

    def headers(self, operation: str) -> dict[str, str]:
        """Return headers that are right for the operation, with a key of its own."""
        who = "owner" if operation == "adjustAccount" else "till"
        key = {} if operation in KEYLESS else {"Idempotency-Key": ids.new_id().hex}
        return self.cafe.world.as_(who) | key | {"Content-Type": "application/json"}


def make_counter(client: FlaskClient, world: World) -> Counter:
    """Make the café, and let its guest buy, redeem and reserve something."""
    cafe = make_cafe(world)
    guest, till = make_guest(cafe), Till(client, cafe)
    sale = till.scan(guest, "purchase", amount=90_000).json
    account = next(one["id"] for one in sale["accounts"] if one["kind"] == "points")
    cake = ids.show("reward", cafe.cake)
    redemption = {"code": guest.code, "reward_id": cake, "store_id": cafe.store}
    voucher = till.post("/redemptions", redemption).json["code"]
    hold = till.post(f"/accounts/{account}/holds", {"amount": 50, "store_id": cafe.store}).json["id"]
    paths = {
        "createScan": "/scans", "lookUpCard": "/scans/look-up", "createScanBatch": "/scans/batch",
        "createActivity": "/activities", "reverseActivity": f"/activities/{sale['id']}/reverse",
        "createRedemption": "/redemptions", "useVoucher": f"/vouchers/{voucher}/use",
        "voidVoucher": f"/vouchers/{voucher}/void", "burnAccount": f"/accounts/{account}/burn",
        "adjustAccount": f"/accounts/{account}/adjust", "createHold": f"/accounts/{account}/holds",
        "captureHold": f"/holds/{hold}/capture",
    }  # fmt: skip
    return Counter(cafe, guest, till, {name: f"/v1{path}" for name, path in paths.items()}, _bodies(cafe, guest))


def _bodies(cafe: Cafe, guest: Guest) -> dict[str, Body]:
    item = {"sku": "CAF-2", "name": "Café", "category": "boissons", "quantity": 2, "amount": 500}
    activity = {
        "kind": "purchase", "amount": {"amount": 500, "currency": "EUR"}, "items": [item], "receipt": "T1-42",
        "data": {"till": "1"},
    }  # fmt: skip
    scan = {"code": guest.code, "store_id": cafe.store, "activity": activity, "offline": False}
    return {
        "createScan": scan,
        "lookUpCard": {"code": guest.code, "store_id": cafe.store},
        "createScanBatch": {"scans": [{**scan, "key": "till-1-42"}]},
        "createActivity": {
            "member_id": ids.show("member", guest.id), "activity": activity, "external_id": "shop-42",
            "store_id": cafe.store,
        },
        "reverseActivity": {"amount": 100, "reason": "refund", "store_id": cafe.store},
        "createRedemption": {"code": guest.code, "reward_id": ids.show("reward", cafe.cake), "store_id": cafe.store},
        "useVoucher": {"store_id": cafe.store},
        "voidVoucher": {"reason": "mistake", "give_back": True},
        "burnAccount": {"amount": 5, "store_id": cafe.store, "reason": "payment"},
        "adjustAccount": {"amount": 5, "reason": "goodwill"},
        "createHold": {"amount": 5, "store_id": cafe.store, "seconds": 60},
        "captureHold": {"amount": 5},
    }  # fmt: skip
