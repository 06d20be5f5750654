"""`/segments`: saved questions about members, static lists of them, and whom a question would find and reach."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, cast
from uuid import UUID

from flask import Response, request

from api import scopes
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from api.problems import UnsupportedMediaTypeError
from api.segment_schemas import (
    ImportAnswer,
    ImportQuery,
    ListedMember,
    PreviewIn,
    Segment,
    SegmentChange,
    SegmentIn,
    SegmentPreview,
    SegmentQuery,
)
from app import ids
from app.db import Database
from app.errors import invalid_field
from app.segments.schemas import json_schemas
from app.services import audits, segment_lists, segment_previews, segments

blp = Blueprint("segments", __name__, url_prefix="/v1", description="Saved questions about members, and lists of them")

COMPONENTS = json_schemas()
IMPORT_BYTES_MAX = 20_000_000
EXPORT_BATCH = 1000
_WHERE = {
    "all": [
        {"kind": "visits", "op": "at_least", "count": 3, "within_days": 90},
        {"kind": "recency", "last": "before", "days": 30},
        {"none": [{"kind": "tag", "tags": ["staff"]}]},
    ]
}
_EXAMPLE = {"name": "Habitués qui s'éloignent", "where": _WHERE}
_SEGMENT = "/segments/<id(segment):segment_id>"


@blp.operation(
    "GET", "/segments", scopes=scopes.MARKETING, summary="List the segments", query=SegmentQuery(),
    answer=page_schema(Segment, "SegmentPage"),
)  # fmt: skip
def list_segments(call: Call) -> Any:
    """List the segments that are not archived, oldest first."""
    limit, after = call.query["limit"], decode_id(call.query.get("after"))
    rows = segments.page(call.session, limit=limit, after=after, kind=call.query.get("kind"))
    return page_of(rows, limit, lambda row: encode_id(row.id))


@blp.operation(
    "POST", "/segments", scopes=scopes.MARKETING, summary="Save a segment", status=201, with_etag=True,
    body=SegmentIn(), answer=Segment(), example=_EXAMPLE,
)  # fmt: skip
def create_segment(call: Call) -> Any:
    """Save a question about members, or begin a static list. Campaigns name it by its id."""
    return segments.create(call.session, **call.body)


@blp.operation(
    "GET", _SEGMENT, scopes=scopes.MARKETING, summary="Get a segment", answer=Segment(), with_etag=True
)  # fmt: skip
def get_segment(call: Call, segment_id: UUID) -> Any:
    """Get a segment, also one that is archived."""
    return segments.get(call.session, segment_id)


@blp.operation(
    "PATCH", _SEGMENT, scopes=scopes.MARKETING, summary="Change a segment", with_etag=True, body=SegmentChange(),
    answer=Segment(), example={"name": "Habitués"},
)  # fmt: skip
def change_segment(call: Call, segment_id: UUID) -> Any:
    """Change a segment's name or question. What a campaign is sending stays; its next run asks the new question."""
    segment = segments.hold(call.session, segment_id)
    call.check_match(Segment(), segment)
    return segments.change(call.session, segment, values=call.body)


@blp.operation(
    "DELETE", _SEGMENT, scopes=scopes.MARKETING, summary="Archive a segment", status=204, with_etag=True,
    problems=[409],
)  # fmt: skip
def delete_segment(call: Call, segment_id: UUID) -> None:
    """Archive a segment; refused while a campaign that is not over, or another segment, asks it."""
    segment = segments.hold(call.session, segment_id)
    call.check_match(Segment(), segment)
    segments.archive(call.session, segment)


@blp.operation(
    "POST", "/segments/preview", scopes=scopes.MEMBERS_ALL, summary="Try a question", key="ignored", problems=[404],
    body=PreviewIn(), answer=SegmentPreview(), example={"where": _WHERE},
)  # fmt: skip
def preview_segment(call: Call) -> Any:
    """Count the members whom a question finds now, show ten of them, and say whom each channel would reach."""
    if len(call.body) > 1:
        raise invalid_field("#/segment_id", "Say `where` or `segment_id`, not both.")
    definition: dict[str, Any] = {}
    if "where" in call.body:
        definition["where"] = segments.check_where(call.session, call.body["where"])
    if "segment_id" in call.body:
        definition["segment_id"] = ids.show("segment", call.body["segment_id"])
    return segment_previews.preview(call.session, definition)


@blp.operation(
    "GET", f"{_SEGMENT}/members", scopes=scopes.MEMBERS_ALL, summary="List a segment's members", query=PageQuery(),
    answer=page_schema(ListedMember, "SegmentMemberPage"),
)  # fmt: skip
def list_segment_members(call: Call, segment_id: UUID) -> Any:
    """List who is in the segment now, newest members first."""
    segment = segments.get(call.session, segment_id)
    limit, after = call.query["limit"], decode_id(call.query.get("after"))
    rows = segment_lists.members_page(call.session, segment, limit=limit, after=after)
    return page_of(rows, limit, lambda row: encode_id(row.id))


@blp.operation(
    "POST", f"{_SEGMENT}/members/import", scopes=scopes.MEMBERS_ALL, summary="Import a list's members", key="ignored",
    query=ImportQuery(), answer=ImportAnswer(), takes="text/csv", problems=[409],
    example="external_id\nC-1001\nC-1002\n",
)  # fmt: skip
def import_segment_members(call: Call, segment_id: UUID) -> Any:
    """Put the members that a CSV file names on a static list; to do it again changes nothing more.

    The header names the column that says who: `member_id`, `external_id`, `email` or `phone`. Every line is checked
    before anything is written; `errors` points at `#/<line>/<column>`.
    """
    if request.mimetype != "text/csv":
        raise UnsupportedMediaTypeError("Send CSV in UTF-8, with `Content-Type: text/csv`.")
    request.max_content_length = IMPORT_BYTES_MAX
    segment = segment_lists.hold(call.session, segment_id)
    file = io.BufferedReader(cast("io.RawIOBase", request.stream))
    result = segment_lists.import_csv(
        call.session, segment, cast("BinaryIO", file), mode=call.query["mode"], skip=call.query["on_unknown"] == "skip",
    )  # fmt: skip
    audits.record(
        call.session, action="importSegmentMembers", subject=ids.show("segment", segment_id),
        staff_id=call.principal.staff_id, api_key_id=call.principal.api_key_id,
        data={"mode": call.query["mode"], "added": result.added, "removed": result.removed},
    )  # fmt: skip
    return {
        "lines": result.lines, "added": result.added, "removed": result.removed, "skipped": result.skipped,
        "members": segment_lists.size(call.session, segment),
    }  # fmt: skip


@blp.operation(
    "GET", f"{_SEGMENT}/members/export", scopes=scopes.MEMBERS_ALL, summary="Export a segment's members",
    content_type="text/csv",
)  # fmt: skip
def export_segment_members(call: Call, segment_id: UUID) -> Response:
    """Get who is in the segment now as CSV (RFC 4180, UTF-8), every cell a text to spreadsheets."""
    segment = segments.get(call.session, segment_id)
    audits.record(
        call.session, action="exportSegmentMembers", subject=ids.show("segment", segment_id),
        staff_id=call.principal.staff_id, api_key_id=call.principal.api_key_id, data={},
    )  # fmt: skip
    lines = _lines(call.database, call.session.program, segment.id)
    headers = {"Content-Disposition": f'attachment; filename="segment-{segment.id.hex}.csv"'}
    return Response(lines, mimetype="text/csv", headers=headers)


def _lines(database: Database, program_id: UUID, segment_id: UUID) -> Iterator[str]:
    """Yield the file in transactions of their own, a thousand members each: it may be longer than memory."""
    yield segment_lists.csv_line(segment_lists.EXPORT_HEADER)
    after: UUID | None = None
    while True:
        with database.transaction(program_id) as session:
            segment = segments.get(session, segment_id)
            rows = segment_lists.members_page(session, segment, limit=EXPORT_BATCH, after=after)[:EXPORT_BATCH]
        yield from segment_lists.export_lines(rows)
        if len(rows) < EXPORT_BATCH:
            return
        after = rows[-1].id
