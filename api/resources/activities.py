"""`/activities`: what happened, told by a web shop or any system of record; and taken back."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

from api import idempotent, scanning, scopes, till_answers
from api.operation import Blueprint, Call
from api.till_schemas import Reversal, ReverseIn, Scan, WhoIn
from app import ids
from app.services import activities, happenings, holdings, idempotency, members, pending, reversals, tills, whom
from app.services.activities import Recorded
from app.services.reversals import Refund

blp = Blueprint("activities", __name__, url_prefix="/v1", description="What happened, and what it earned")

_EXAMPLE = {
    "email": "ada@example.com",
    "external_id": "order-10042",
    "activity": {"kind": "purchase", "amount": {"amount": 3490, "currency": "EUR"}},
}


@blp.operation(
    "POST", "/activities", scopes=scopes.TILL | scopes.MEMBERS_ALL, summary="Record an activity", status=201,
    body=WhoIn(), answer=Scan(), key="required", moves_value=True, example=_EXAMPLE, problems=[404],
)  # fmt: skip
def create_activity(call: Call) -> Any:
    """Record what a member did, named by id, your own id, e-mail or phone: a web order, a review, a contest.

    With `external_id` beside that name it counts once for ever, under whichever key.
    """
    body = whom.with_a_name(call.body)
    call.principal.must_work_in(body.get("store_id"))
    config = call.config()
    member = whom.named(call.session, body)
    happening = scanning.happening_of(config, call.principal, body)

    def work() -> str:
        recorded = activities.record(call.session, config, call.database.keyring, member=member, happening=happening)
        return till_answers.scan_text(tills.tell(call.session, config, call.database.keyring, recorded, member, None))

    if happening.external_id is None:
        return idempotent.respond(work())
    print_ = idempotency.fingerprint(member.id.bytes, json.dumps(scanning.said(happening)))
    return idempotent.once(call.session, scope="activity", key=happening.external_id, print_=print_, work=work)


@blp.operation(
    "GET", "/activities/<id(activity):activity_id>", scopes=scopes.TILL | scopes.MEMBERS_ALL,
    summary="Get an activity", answer=Scan(),
)  # fmt: skip
def get_activity(call: Call, activity_id: UUID) -> Any:
    """Get an activity with what it gave and what the member holds now."""
    return get_activity_answer(call, activity_id)


@blp.operation(
    "POST", "/activities/<id(activity):activity_id>/reverse", scopes=scopes.TILL | scopes.MEMBERS_ALL,
    summary="Take an activity back", status=201, body=ReverseIn(), answer=Reversal(), key="required",
    moves_value=True, example={"amount": {"amount": 500, "currency": "EUR"}, "reason": "refund"},
)  # fmt: skip
def reverse_activity(call: Call, activity_id: UUID) -> Any:
    """Take back what a refunded part earned, or all of it: by amount, by items, or whole.

    It is given back in the store of the sale, unless `store_id` names another. What it takes is computed from the
    original grant under the sale's own rules; any split of refunds takes the same total.
    """
    body = call.body
    original = activities.get(call.session, activity_id)
    call.principal.must_work_in(body.get("store_id") or original.store_id)
    config = call.config()
    happenings.check_store(config, body.get("store_id"))
    refund = Refund(
        reason=body["reason"],
        amount=happenings.check_money(body.get("amount"), config, "#/amount"),
        items=tuple(
            {**item, "amount": happenings.check_money(item.get("amount"), config, f"#/items/{place}/amount")}
            for place, item in enumerate(body.get("items", ()))
        ),
        store_id=body.get("store_id"),
        staff_id=call.principal.staff_id,
        api_key_id=call.principal.api_key_id,
    )
    done = reversals.reverse(call.session, config, original, refund)
    return {
        "id": done.activity.id,
        "reverses": done.original.id,
        "reason": done.activity.reason,
        "reclaimed": [
            {"purse_id": ids.show("purse", purse_id), "amount": amount, "shortfall": done.shortfall.get(purse_id, 0)}
            for purse_id, amount in done.reclaimed.items()
        ],
        "accounts": tills.accounts_of(config, done.accounts),
        "vouchers": [tills.voucher_of(call.database.keyring, one) for one in done.vouchers],
    }


@blp.operation(
    "POST", "/activities/<id(activity):activity_id>/confirm", scopes=scopes.TILL | scopes.MEMBERS_ALL,
    summary="Confirm what waits", answer=Scan(), moves_value=True,
)  # fmt: skip
def confirm_activity(call: Call, activity_id: UUID) -> Any:
    """Credit now what an activity earned into a purse that makes credits wait: the goods were kept.

    Without this call they are credited after the purse's `hold_days`; a reversal cancels them.
    """
    activity = activities.get(call.session, activity_id)
    pending.confirm_activity(call.session, call.config(), activity_id=activity.id, member_id=activity.member_id)
    return get_activity_answer(call, activity_id)


def get_activity_answer(call: Call, activity_id: UUID) -> Any:
    """Return an activity as it stands now."""
    config = call.config()
    activity = activities.get(call.session, activity_id)
    recorded = Recorded(activity=activity, effects=activities.effects_of(call.session, config, activity))
    member = members.get(call.session, activity.member_id)
    told = tills.tell(call.session, config, call.database.keyring, recorded, member, None)
    held = holdings.of_members(call.session, [member.id])[member.id]
    return idempotent.respond(till_answers.scan_text(replace(told, accounts=tills.holdings_of(held))), status=200)
