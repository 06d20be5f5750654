"""`…/apple.pkpasses`, `…/vouchers/{id}/apple.pkpass` and `/google`: vouchers in wallets, alone or with the card."""

from typing import Any
from uuid import UUID

from api import scopes
from api.operation import Blueprint, Call
from api.resources.passes import PKPASS, GooglePass, file_of, link_of
from app.services import my_cards
from wallet import bundles

blp = Blueprint("voucher passes", __name__, url_prefix="/v1", description="Vouchers in Apple Wallet and Google Wallet")

PKPASSES = "application/vnd.apple.pkpasses"
_CARD = "/cards/<id(card):card_id>"
_MY_CARD = f"/me{_CARD}"
_VOUCHER = "vouchers/<id(voucher):voucher_id>/apple.pkpass"
_GOOGLE_VOUCHER = "vouchers/<id(voucher):voucher_id>/google"


@blp.operation(
    "GET", f"{_CARD}/apple.pkpasses", scopes=scopes.MEMBERS, summary="Get a card with its vouchers for Apple Wallet",
    content_type=PKPASSES, program="own", problems=[409],
)  # fmt: skip
def get_card_apple_passes(call: Call, card_id: UUID) -> Any:
    """Get the card and its member's newest usable vouchers, ten passes at most, in one file that Safari opens."""
    program_id = call.principal.program_id
    assert program_id is not None
    return file_of(bundles.hand_out(call.database, program_id, card_id))


@blp.operation(
    "GET", f"{_CARD}/{_VOUCHER}", scopes=scopes.MEMBERS, summary="Get a voucher for Apple Wallet", content_type=PKPASS,
    program="own", problems=[409],
)  # fmt: skip
def get_voucher_apple_pass(call: Call, card_id: UUID, voucher_id: UUID) -> Any:
    """Get a voucher of the card's member as a coupon. Once it is used or ended, the phone shows so by itself."""
    program_id = call.principal.program_id
    assert program_id is not None
    return file_of(bundles.hand_out_voucher(call.database, program_id, card_id, voucher_id))


@blp.operation(
    "GET", f"{_CARD}/{_GOOGLE_VOUCHER}", scopes=scopes.MEMBERS, summary="Get a voucher's link to Google Wallet",
    answer=GooglePass(), also=202, program="own", problems=[409],
)  # fmt: skip
def get_voucher_google_pass(call: Call, card_id: UUID, voucher_id: UUID) -> Any:
    """Get the link that saves a voucher of the card's member; 202 and `preparing` until Google knows of it.

    Once it is used or ended, Google shows so by itself.
    """
    program_id = call.principal.program_id
    assert program_id is not None
    return link_of(bundles.hand_out_voucher(call.database, program_id, card_id, voucher_id, kind="google"))


@blp.operation(
    "GET", f"{_MY_CARD}/apple.pkpasses", scopes=scopes.CUSTOMER, summary="Get my card with its vouchers",
    content_type=PKPASSES, program="own", problems=[409],
)  # fmt: skip
def get_my_apple_passes(call: Call, card_id: UUID) -> Any:
    """Get the card and its newest usable vouchers, ten passes at most, in one file that Safari opens."""
    customer_id = call.principal.customer_id
    program_id = my_cards.program_of(call.database, customer_id, card_id)
    return file_of(bundles.hand_out(call.database, program_id, card_id, customer_id=customer_id))


@blp.operation(
    "GET", f"{_MY_CARD}/{_VOUCHER}", scopes=scopes.CUSTOMER, summary="Get my voucher for Apple Wallet",
    content_type=PKPASS, program="own", problems=[409],
)  # fmt: skip
def get_my_voucher_apple_pass(call: Call, card_id: UUID, voucher_id: UUID) -> Any:
    """Get a voucher of mine as a coupon that an iPhone or a Mac opens."""
    customer_id = call.principal.customer_id
    program_id = my_cards.program_of(call.database, customer_id, card_id)
    found = bundles.hand_out_voucher(call.database, program_id, card_id, voucher_id, customer_id=customer_id)
    return file_of(found)


@blp.operation(
    "GET", f"{_MY_CARD}/{_GOOGLE_VOUCHER}", scopes=scopes.CUSTOMER, summary="Get my voucher's link to Google Wallet",
    answer=GooglePass(), also=202, program="own", problems=[409],
)  # fmt: skip
def get_my_voucher_google_pass(call: Call, card_id: UUID, voucher_id: UUID) -> Any:
    """Get the link that saves a voucher of mine to Google Wallet; 202 and `preparing` until Google knows of it."""
    customer_id = call.principal.customer_id
    program_id = my_cards.program_of(call.database, customer_id, card_id)
    found = bundles.hand_out_voucher(
        call.database, program_id, card_id, voucher_id, kind="google", customer_id=customer_id
    )
    return link_of(found)
