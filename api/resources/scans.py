"""`/scans`: a card's code at a till."""

import json
from typing import Any

from flask import Response
from marshmallow import ValidationError

from api import idempotent, scanning, scopes, till_answers
from api.fields import error_list
from api.operation import Blueprint, Call, edge
from api.problems import from_error
from api.reading import read_key
from api.till_schemas import BatchIn, BatchOut, BatchScanIn, LookUp, LookUpIn, Scan, ScanIn
from app import ids
from app.errors import AssiduError, InvalidError
from app.services import holdings, my_cards, redemptions, scans, tills, vouchers
from app.services.happenings import check_store

blp = Blueprint("scans", __name__, url_prefix="/v1", description="A card's code at a till")

_CODE = "A1" + "0" * 17
_STORE = "sto_" + "0" * 32
_EXAMPLE = {
    "code": _CODE,
    "store_id": _STORE,
    "activity": {"kind": "purchase", "amount": {"amount": 1250, "currency": "EUR"}, "receipt": "T1-000042"},
}
_BATCH_SCAN = BatchScanIn()


@blp.operation(
    "POST", "/scans", scopes=scopes.TILL, summary="Scan a card", status=201, body=ScanIn(), answer=Scan(),
    key="own", moves_value=True, program="own", example=_EXAMPLE, problems=[404],
)  # fmt: skip
def create_scan(call: Call) -> Response:
    """Recognise a card, write down what happened and give what it earns: stamps, points, cash-back, vouchers.

    Send your own `Idempotency-Key` for each scan and keep it until you have the answer: a repeat gives the first
    answer again and never counts twice, however late it comes.
    """
    key = read_key(required=True)
    assert key is not None
    answer = scanning.scan(edge(), call.principal, call.body, key=key)
    return idempotent.respond(answer.text, replayed=answer.replayed)


@blp.operation(
    "POST", "/scans/batch", scopes=scopes.TILL, summary="Send scans kept while offline", body=BatchIn(),
    answer=BatchOut(), key="ignored", program="own",
    example={"scans": [{**_EXAMPLE, "key": "till-1-000042", "offline": True, "occurred_at": "2026-11-22T09:30:00Z"}]},
)  # fmt: skip
def create_scan_batch(call: Call) -> Any:
    """Send up to 500 scans, each with its own key, in the order in which they happened; an answer for each, in order.

    Each scan is a transaction of its own: one that is refused says why and stops no other. Safe to repeat whole.
    """
    answers = [_one_of_batch(call, item) for item in call.body["scans"]]
    # In ASCII: a refusal may repeat a key or a name that no encoding can write, such as half of a surrogate pair.
    return Response(json.dumps({"data": answers}), 200, mimetype="application/json")


@blp.operation(
    "POST", "/scans/look-up", scopes=scopes.TILL, summary="Look a card up", body=LookUpIn(), answer=LookUp(),
    key="ignored", example={"code": _CODE, "store_id": _STORE}, problems=[404, 409],
)  # fmt: skip
def look_up_card(call: Call) -> Any:
    """Say whose card a code is, what is on it and what can be redeemed now. Writes nothing; spends no code."""
    call.principal.must_work_in(call.body["store_id"])
    config = call.config()
    check_store(config, call.body["store_id"])
    keyring = call.database.keyring
    code = scans.read(call.body["code"])
    with edge().guesses.watch(call.principal, call.body["store_id"], call.body["code"]):
        found = scans.recognise(call.session, keyring, code, spend=False, keys=my_cards.verifying_keys(keyring))
    held = holdings.of_members(call.session, [found.member.id])[found.member.id]
    rewards = redemptions.redeemable(config, held)
    open_vouchers = vouchers.of_member(call.session, found.member.id)
    member = {"id": ids.show("member", found.member.id)}
    if found.member.first_name:
        member["first_name"] = found.member.first_name
    document = {
        "member": member,
        "card": {"id": ids.show("card", found.card.id), "number": found.card.number},
        "accounts": [till_answers.account(one) for one in tills.holdings_of(held)],
        "redeemable": [till_answers.reward(one, config.locale) for one in rewards],
        "vouchers": [till_answers.voucher(tills.voucher_of(keyring, one)) for one in open_vouchers],
    }
    return Response(json.dumps(document, ensure_ascii=False), 200, mimetype="application/json")


def _one_of_batch(call: Call, item: Any) -> dict[str, Any]:
    key = item.get("key") if isinstance(item, dict) else None
    found: dict[str, Any] = {"key": key} if isinstance(key, str) else {}
    try:
        body = dict(_BATCH_SCAN.load(item))
        key = body.pop("key")
        answer = scanning.scan(edge(), call.principal, body, key=key)
    except ValidationError as error:
        refusal: AssiduError = InvalidError("This scan is not valid.", errors=error_list(error.messages))
    except AssiduError as error:
        refusal = error
    else:
        return {**found, "status": 201, "replayed": answer.replayed, "scan": json.loads(answer.text)}
    problem = from_error(refusal)
    return {**found, "status": problem.status_code, "replayed": False, "problem": json.loads(problem.get_data())}
