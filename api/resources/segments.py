"""`/segments`: saved questions about members, static lists of them, and whom a question would find and reach."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, cast
from uuid import UUID

from flask import Response, request
from marshmallow import fields, validate

from api import scopes
from api.fields import Body, Flag, Id, Instant, OptionalBody, Text, Whole
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from api.problems import UnsupportedMediaTypeError
from app import ids
from app.db import Database
from app.errors import invalid_field
from app.segments.schemas import json_schemas
from app.services import audits, segment_lists, segment_previews, segments

blp = Blueprint("segments", __name__, url_prefix="/v1", description="Saved questions about members, and lists of them")

COMPONENTS = json_schemas()
IMPORT_BYTES_MAX = 20_000_000
EXPORT_BATCH = 1000
_KINDS = validate.OneOf(["rule", "list"])
_WHERE = {
    "all": [
        {"kind": "visits", "op": "at_least", "count": 3, "within_days": 90},
        {"kind": "recency", "last": "before", "days": 30},
        {"none": [{"kind": "tag", "tags": ["staff"]}]},
    ]
}
_EXAMPLE = {"name": "Habitués qui s'éloignent", "where": _WHERE}
_SEGMENT = "/segments/<id(segment):segment_id>"


class Where(fields.Raw):
    """A question that the domain reads, with all its faults at once; its schema is the domain's too."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"allOf": [{"$ref": "#/components/schemas/SegmentWhere"}]}, **kwargs)


class SegmentIn(Body):
    """A question to save, or a static list to begin: `list` has no `where`, its members are imported."""

    name = Text(required=True, high=100)
    kind = fields.String(validate=_KINDS, load_default="rule")
    where = Where()


class SegmentChange(Body):
    """What to change of a segment."""

    name = Text(high=100)
    where = Where()


class Segment(Body):
    """A segment. `version` grows with each change of what it means."""

    id = Id("segment", required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True, validate=_KINDS)
    where = Where()
    version = Whole(required=True)
    created_at = Instant(required=True)
    updated_at = Instant()
    archived_at = Instant()


class SegmentQuery(PageQuery):
    """Which segments."""

    kind = fields.String(validate=_KINDS)


class PreviewIn(OptionalBody):
    """What to ask: a question, or a saved segment; neither is everybody."""

    where = Where()
    segment_id = Id("segment")


class SampledMember(Body):
    """A member whom the question finds."""

    id = Id("member", required=True)
    first_name = fields.String()
    last_name = fields.String()
    joined_at = Instant(required=True)


class ChannelReach(Body):
    """How many a channel reaches, and how many it does not for each reason; together they are the count."""

    reachable = Whole(required=True)
    no_device = Whole(metadata={"description": "No app that was heard of in the last 270 days"})
    no_address = Whole(
        metadata={
            "description": "No e-mail address that works; of the inbox, never signed in to the app; of the wallet, no"
            " card in a phone's"
        }
    )
    no_consent = Whole(metadata={"description": "Did not allow offers by this channel"})


class Reach(Body):
    """By channel."""

    push = fields.Nested(ChannelReach)
    email = fields.Nested(ChannelReach)
    inbox = fields.Nested(ChannelReach)
    wallet = fields.Nested(ChannelReach)


class SegmentPreview(Body):
    """How many members the question finds, ten of them, and whom each channel reaches."""

    count = Whole(required=True)
    exact = Flag(required=True, metadata={"description": "False where counting stopped at 100,000"})
    sample = fields.List(fields.Nested(SampledMember), required=True)
    reach = fields.Nested(Reach, required=True)


class ListedMember(Body):
    """A member of a segment."""

    id = Id("member", required=True)
    external_id = fields.String()
    email = fields.String()
    phone = fields.String()
    first_name = fields.String()
    last_name = fields.String()
    joined_at = Instant(required=True)


class ImportQuery(Body):
    """How to import."""

    mode = fields.String(
        validate=validate.OneOf(["add", "replace", "remove"]), load_default="add",
        metadata={"description": "Add the file's members, make them the whole list, or take them off it"},
    )  # fmt: skip
    on_unknown = fields.String(
        validate=validate.OneOf(["refuse", "skip"]), load_default="refuse",
        metadata={"description": "Whether a line that names no member refuses the file or is let be"},
    )  # fmt: skip


class SkippedLine(Body):
    """A line that names no member; the header is line 1."""

    line = Whole(required=True)
    detail = fields.String(required=True)


class ImportAnswer(Body):
    """What the import did; of the lines that were let be, the first hundred."""

    lines = Whole(required=True)
    added = Whole(required=True)
    removed = Whole(required=True)
    members = Whole(required=True, metadata={"description": "On the list now"})
    skipped = fields.List(fields.Nested(SkippedLine), required=True)


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
