"""The main job as its people live it: an owner, a customer with a phone, a cashier at a till."""

import io
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from api.demo.caller import Caller, expect
from app import ids

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 20
STAMPS = 10


class Journey:
    """One customer's way through the programme; each method is a step and builds on those before."""

    def __init__(self, caller: Caller, document: dict[str, Any]) -> None:
        self._caller = caller
        self._staff: dict[str, dict[str, str]] = document["staff"]
        self._slug = document["join_url"].rpartition("/")[2]
        self._store_id: str = document["stores"][0]["id"]
        self._rewards: list[dict[str, Any]] = document["rewards"]
        self._purse_ids = {purse["kind"]: purse["id"] for purse in document["purses"]}
        self._outbox = Path(document["outbox"])
        self._authority = Path(document["wallet"]["authority_file"])
        self._email = f"check-{ids.new_id().hex}@example.com"
        self._phone = f"phone-{ids.new_id().hex}"
        self._cashier = ""
        self._card: dict[str, Any] = {}
        self._code = ""
        self._vouchers: list[dict[str, Any]] = []

    def owner_signs_in(self) -> None:
        """The owner signs in and sees their programme."""
        token = self._sign_in("owner")
        program = self._caller.get("/v1/program", token).json()
        expect(program["slug"] == self._slug, f"the owner sees another programme, {program['slug']}")

    def customer_joins(self) -> None:
        """The customer sees the offer behind the poster's link, joins, and has a card at once."""
        offer = self._caller.get(f"/v1/join/{self._slug}").json()
        expect(offer["program"]["slug"] == self._slug, "the link offers another programme")
        body = {"email": self._email, "first_name": "Ada", "locale": "fr"}
        self._card = self._caller.post(f"/v1/join/{self._slug}", body)["card"]

    def code_is_read(self) -> None:
        """The image of the card's code is read by zxing-cpp, which shares nothing with what drew it."""
        import zxingcpp
        from PIL import Image

        self._cashier = self._sign_in("cashier")
        picture = self._caller.get(f"/v1/cards/{self._card['id']}/qr.png", self._cashier).content
        read = [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))]
        expect(read == [self._card["code"]], f"the image reads {read}")
        self._code = read[0]

    def card_is_a_pass(self) -> None:
        """A link hands the card out for a phone's wallet, as a signed file that every check lets pass."""
        from wallet.platforms.apple import certificates, diagnosis

        made = self._caller.post(f"/v1/cards/{self._card['id']}/pass-links", {"platform": "apple"}, self._cashier)
        package = self._caller.press(urlsplit(made["url"]).path)
        authority = certificates.read_certificate(self._authority.read_bytes())
        wrong = diagnosis.stopping(diagnosis.of_package(package, authorities=[authority]))
        expect(not wrong, f"phones would refuse it: {[finding.says for finding in wrong]}")

    def customer_signs_in(self) -> None:
        """The customer proves the address, finds the card in the app, and registers the phone for pushes."""
        self._caller.post("/v1/customers/codes", {"email": self._email, "locale": "fr"})
        signed_in = self._caller.post(
            "/v1/customers/sessions", {"email": self._email, "code": self._code_from_outbox()}
        )
        token = signed_in["access_token"]
        self._caller.post("/v1/me/devices", {"token": self._phone, "platform": "android", "locale": "fr"}, token)
        cards = [card["id"] for card in self._caller.get("/v1/me/cards", token).json()["data"]]
        expect(cards == [self._card["id"]], f"the app shows the cards {cards}")

    def card_fills(self) -> None:
        """Nine visits give a stamp each; the tenth gives the voucher and begins the next card."""
        for visit in range(1, STAMPS + 1):
            answer = self._scan({"kind": "visit"})
            given = [effect["voucher"] for effect in answer["effects"] if effect["kind"] == "voucher"]
            expect(bool(given) == (visit == STAMPS), f"visit {visit} gave {len(given)} vouchers")
            balance = self._balance(answer, "stamps")
            expect(balance == visit % STAMPS, f"after visit {visit} the card has {balance} stamps")
            self._vouchers += given

    def push_arrives(self) -> None:
        """The worker tells the phone of the voucher, through Firebase's stand-in."""
        wanted = self._vouchers[0]["id"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while wanted not in (told := [one["data"].get("voucher_id") for one in self._caller.phone(self._phone)]):
            expect(time.monotonic() < deadline, f"no push in {PATIENCE_SECONDS} s; the phone shows {told}")
            time.sleep(POLL_SECONDS)
        expect(told == [wanted], f"the phone shows {told}")

    def purchase_earns(self) -> None:
        """A point for each whole euro."""
        before = self._look_up("points")
        answer = self._scan(_purchase(1250))
        expect(self._balance(answer, "points") == before + 12, f"12.50 EUR made {answer['accounts']}")

    def points_are_redeemed(self) -> None:
        """The cheapest reward's price is burnt and its voucher is there."""
        points = self._purse_ids["points"]
        price, reward_id = min(
            (reward["price"], reward["id"]) for reward in self._rewards if reward.get("purse_id") == points
        )
        before = self._look_up("points")
        body = {"code": self._code, "reward_id": reward_id, "store_id": self._store_id}
        self._vouchers.append(self._caller.post("/v1/redemptions", body, self._cashier))
        after = self._look_up("points")
        expect(after == before - price, f"a reward of {price} points took the balance from {before} to {after}")

    def vouchers_are_used_once(self) -> None:
        """The first till is told yes, the second that it was used."""
        expect(len(self._vouchers) == 2, f"there are {len(self._vouchers)} vouchers")  # noqa: PLR2004 - coffee, reward
        for voucher in self._vouchers:
            path, body = f"/v1/vouchers/{voucher['code']}/use", {"store_id": self._store_id}
            used = self._caller.post(path, body, self._cashier)
            expect(used["status"] == "used", f"the voucher is {used['status']}")
            refused = self._caller.post(path, body, self._cashier, status=409)
            expect(refused["type"].endswith("voucher-used"), f"the second time it was {refused['type']}")

    def refund_takes_back(self) -> None:
        """A part of a sale is refunded, then the rest: the points are as if it had never been."""
        before = self._look_up("points")
        sale = self._scan(_purchase(2000))
        path = f"/v1/activities/{sale['id']}/reverse"
        part = {"amount": {"amount": 750, "currency": "EUR"}, "reason": "refund", "store_id": self._store_id}
        left = self._balance(self._caller.post(path, part, self._cashier), "points")
        expect(left == before + 12, f"12.50 EUR of 20.00 were kept, and {left - before} points")
        self._caller.post(path, {"reason": "refund", "store_id": self._store_id}, self._cashier)
        after = self._look_up("points")
        expect(after == before, f"the balance went from {before} to {after}")

    def _sign_in(self, role: str) -> str:
        body = {"email": self._staff[role]["email"], "password": self._staff[role]["password"]}
        token: str = self._caller.post("/v1/auth/token", body)["access_token"]
        return token

    def _code_from_outbox(self) -> str:
        lines = [json.loads(line) for line in self._outbox.read_text("utf-8").splitlines()]
        codes = [str(line["code"]) for line in lines if line.get("to") == self._email]
        expect(codes, "no one-time code is in the outbox")
        return codes[-1]

    def _scan(self, activity: dict[str, Any]) -> dict[str, Any]:
        body = {"code": self._code, "store_id": self._store_id, "activity": activity}
        return self._caller.post("/v1/scans", body, self._cashier)

    def _look_up(self, kind: str) -> int:
        body = {"code": self._code, "store_id": self._store_id}
        return self._balance(self._caller.post("/v1/scans/look-up", body, self._cashier), kind)

    def _balance(self, answer: dict[str, Any], kind: str) -> int:
        balances = [int(one["balance"]) for one in answer["accounts"] if one["purse_id"] == self._purse_ids[kind]]
        expect(len(balances) == 1, f"there are {len(balances)} accounts of {kind}")
        return balances[0]


def _purchase(cents: int) -> dict[str, Any]:
    return {"kind": "purchase", "amount": {"amount": cents, "currency": "EUR"}}
