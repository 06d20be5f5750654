"""`/audit-entries`: who did what to whom."""

from typing import Any

from marshmallow import fields

from api import scopes
from api.fields import Body, Id, Instant
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from app.services import audits

blp = Blueprint("audit-entries", __name__, url_prefix="/v1", description="Who did what to whom; never changed")


class AuditEntry(Body):
    """One thing that staff or an API key did."""

    id = Id("audit", required=True)
    action = fields.String(required=True)
    subject = fields.String(required=True)
    staff_id = Id("staff")
    api_key_id = Id("api_key")
    data = fields.Dict(required=True)
    created_at = Instant(required=True)


@blp.operation(
    "GET", "/audit-entries", scopes=scopes.OWNER_IN_PERSON, summary="Read the audit log",
    query=PageQuery(), answer=page_schema(AuditEntry, "AuditEntryPage"),
)  # fmt: skip
def list_audit_entries(call: Call) -> Any:
    """Read the audit log, newest first."""
    limit = call.query["limit"]
    rows = audits.page(call.session, limit=limit, before=decode_id(call.query.get("after")))
    return page_of(rows, limit, lambda row: encode_id(row.id))
