"""`GET /members/{id}/export`: everything that the programme holds about one member, for who asks the shop for it."""

from typing import Any
from uuid import UUID

from api import scopes
from api.customer_export import MemberExport
from api.operation import Blueprint, Call
from app import clock, ids
from app.services import audits, members, memberships

blp = Blueprint("member_exports", __name__, url_prefix="/v1", description="What a programme holds about a member")


@blp.operation(
    "GET", "/members/<id(member):member_id>/export", scopes=scopes.MEMBERS_ALL,
    summary="Get everything that is held about a member", answer=MemberExport(), program="own",
)  # fmt: skip
def export_member(call: Call, member_id: UUID) -> Any:
    """Get the member with cards, accounts and their entries, activities, vouchers, passes, consents; no secrets.

    For a member who asks the shop rather than the app; it is written into the audit log.
    """
    assert call.principal.program_id is not None
    with memberships.read_once(call.database, call.principal.program_id) as session:
        member = members.get(session, member_id)
        audits.record(
            session, action="member.exported", subject=ids.show("member", member_id),
            staff_id=call.principal.staff_id, api_key_id=call.principal.api_key_id,
        )  # fmt: skip
        return memberships.held(session, member) | {"exported_at": clock.now()}
