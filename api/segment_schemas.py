"""What segments look like over HTTP: in requests, in answers, as previews and as lists that are imported."""

from typing import Any

from marshmallow import fields, validate

from api.fields import Body, Flag, Id, Instant, OptionalBody, Text, Whole
from api.pagination import PageQuery

_KINDS = validate.OneOf(["rule", "list"])


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
