"""`/vouchers`: honoured once, whoever asks twice."""

from typing import Any
from uuid import UUID

from api import scopes
from api.fields import Body, Flag, Id, OptionalBody, Text
from api.operation import Blueprint, Call, edge
from api.resources.redemptions import origin
from api.till_schemas import VoucherOut
from app.models import Voucher
from app.services import redemptions, tills, vouchers
from app.services.happenings import check_store

blp = Blueprint("vouchers", __name__, url_prefix="/v1", description="What members received and tills honour once")


class VoucherUseIn(Body):
    """Where it is used."""

    store_id = Id("store", required=True)


class VoucherVoidIn(OptionalBody):
    """Why it is withdrawn, and whether its price goes back to the member."""

    reason = Text(load_default="withdrawn", high=200)
    give_back = Flag(load_default=True)


@blp.operation("GET", "/vouchers/<string:code>", scopes=scopes.TILL, summary="Get a voucher", answer=VoucherOut())
def get_voucher(call: Call, code: str) -> Any:
    """Get the voucher of a code, as scanned (`V1…`) or typed."""
    return tills.voucher_of(call.database.keyring, _find(call, code))


@blp.operation(
    "POST", "/vouchers/<string:code>/use", scopes=scopes.TILL, summary="Use a voucher", body=VoucherUseIn(),
    answer=VoucherOut(), key="optional", moves_value=True, problems=[409],
    example={"store_id": "sto_" + "0" * 32},
)  # fmt: skip
def use_voucher(call: Call, code: str) -> Any:
    """Honour the voucher: of many tills that ask, one is told yes; the others, when and where it was used."""
    store_id = call.body["store_id"]
    call.principal.must_work_in(store_id)
    config = call.config()
    check_store(config, store_id)
    redemptions.check_open(config)
    voucher = _find(call, code, store_id)
    used = vouchers.use(
        call.session, voucher, store_id=store_id, staff_id=call.principal.staff_id,
        api_key_id=call.principal.api_key_id,
    )  # fmt: skip
    return tills.voucher_of(call.database.keyring, used)


@blp.operation(
    "POST", "/vouchers/<string:code>/void", scopes=scopes.TILL | scopes.MEMBERS_ALL, summary="Withdraw a voucher",
    body=VoucherVoidIn(), answer=VoucherOut(), key="optional", moves_value=True, problems=[409],
    example={"reason": "given by mistake"},
)  # fmt: skip
def void_voucher(call: Call, code: str) -> Any:
    """Withdraw a voucher that nobody used; what was paid for it goes back with its own expiry."""
    voucher = _find(call, code)
    vouchers.void(call.session, voucher, reason=call.body["reason"])
    if call.body["give_back"]:
        redemptions.refund_price(
            call.session, voucher, origin=origin(call.principal, store_id=None, reason=call.body["reason"])
        )
    return tills.voucher_of(call.database.keyring, voucher)


def _find(call: Call, code: str, store_id: UUID | None = None) -> Voucher:
    with edge().guesses.watch(call.principal, store_id, code):
        return vouchers.find(call.session, code)
