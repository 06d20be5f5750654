"""What campaigns look like over HTTP: in requests, in answers, as previews and tests."""

from typing import Any

from marshmallow import fields, validate

from api.fields import Body, Flag, Id, Instant, OptionalBody, Text, Whole
from api.pagination import PageQuery
from app.offers.schemas import properties
from app.services import campaign_trials

_PARTS = properties()
_STATUS = validate.OneOf(
    ["draft", "awaiting_approval", "scheduled", "running", "paused", "finished", "cancelled", "archived"]
)
_KIND = validate.OneOf(["once", "recurring", "triggered"])
PRIORITY_MAX = 1000


class CampaignPart(fields.Raw):
    """A part of a campaign that the domain reads, with all its faults at once; its schema is the domain's too."""

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(allow_none=True, metadata=dict(_PARTS[name]), **kwargs)


class _Definition(Body):
    segment_id = CampaignPart("segment_id")
    where = CampaignPart("where")
    channels = CampaignPart("channels")
    fallback = CampaignPart("fallback")
    schedule = CampaignPart("schedule")
    trigger = CampaignPart("trigger")
    steps = CampaignPart("steps")
    variants = CampaignPart("variants")
    winner = CampaignPart("winner")
    holdout_percent = CampaignPart("holdout_percent")
    caps = CampaignPart("caps")
    quiet_hours = CampaignPart("quiet_hours")
    send_window = CampaignPart("send_window")
    rate_per_minute = CampaignPart("rate_per_minute")
    ramp_minutes = CampaignPart("ramp_minutes")
    reward_id = CampaignPart("reward_id")
    purpose = CampaignPart("purpose")
    attribution_days = CampaignPart("attribution_days")


class CampaignIn(_Definition):
    """A campaign to write: a draft, which may lack parts. Without `segment_id` and `where` it is for all members."""

    name = Text(required=True)
    priority = Whole(low=-PRIORITY_MAX, high=PRIORITY_MAX, load_default=0)
    status = fields.String(
        validate=validate.OneOf(["draft"]),
        metadata={"description": "What a new campaign is; operations of their own schedule, pause and cancel it"},
    )


class CampaignChange(_Definition):
    """What to change of a campaign; null takes a part away."""

    name = Text()
    priority = Whole(low=-PRIORITY_MAX, high=PRIORITY_MAX)


class Campaign(_Definition):
    """A campaign. `version` grows with each change; `approved_by` is who let that version go."""

    id = Id("campaign", required=True)
    name = Text(required=True)
    kind = fields.String(required=True, validate=_KIND)
    status = fields.String(required=True, validate=_STATUS)
    priority = Whole(required=True, low=-PRIORITY_MAX, high=PRIORITY_MAX)
    version = Whole(required=True)
    next_run_at = Instant()
    created_by = Id("staff")
    scheduled_by = Id("staff")
    approved_by = Id("staff")
    created_at = Instant(required=True)
    updated_at = Instant()


class CampaignQuery(PageQuery):
    """Which campaigns."""

    status = fields.String(validate=_STATUS)


class CampaignRun(Body):
    """One sending of a campaign. `problem` says why it does not go on."""

    id = Id("campaign_run", required=True)
    state = fields.String(
        required=True, validate=validate.OneOf(["making", "running", "paused", "finished", "cancelled"])
    )
    starts_at = Instant(required=True)
    made_at = Instant()
    finished_at = Instant()
    winner = fields.String()
    problem = fields.String()
    test = Flag(required=True)


class CampaignPreviewIn(OptionalBody):
    """Whose eyes to read with; without `member_id` those of somebody made up."""

    member_id = Id("member")


class PreviewedWords(Body):
    """A text as it would be read. `defaults` names what the member has no value for."""

    title = fields.String(required=True)
    body = fields.String(required=True)
    image_url = fields.String()
    link = fields.String()
    defaults = fields.List(fields.String(), required=True)


class PreviewedVariant(Body):
    """A variant in every language; `locale` is the one that this member would get."""

    name = fields.String(required=True)
    locale = fields.String(required=True)
    content = fields.Dict(keys=fields.String(), values=fields.Nested(PreviewedWords), required=True)


class PreviewedStep(Body):
    """A later message of a journey."""

    wait_seconds = Whole(required=True)
    variants = fields.List(fields.Nested(PreviewedVariant), required=True)


class PreviewedChannel(Body):
    """Whether a channel would reach the member, and why not."""

    channel = fields.String(required=True)
    reached = Flag(required=True)
    reason = fields.String()


class CampaignPreview(Body):
    """What a member would read. `in_audience`, `held_out` and `variant` are of a member who exists.

    Without `variant` such a member is held out, or waits for the winner.
    """

    locale = fields.String(required=True)
    variants = fields.List(fields.Nested(PreviewedVariant), required=True)
    steps = fields.List(fields.Nested(PreviewedStep), required=True)
    channels = fields.List(fields.Nested(PreviewedChannel), required=True)
    member_id = Id("member")
    in_audience = Flag()
    held_out = Flag()
    variant = fields.String()


class CampaignTestIn(Body):
    """Who gets a test: members by the campaign's channels, staff by e-mail. Without `variant` all variants."""

    to = fields.List(
        Text(high=40, metadata={"pattern": "^(mbr|stf)_[0-9a-f]{32}$"}), required=True,
        validate=validate.Length(min=1, max=campaign_trials.TO_MAX),
    )  # fmt: skip
    variant = Text()


class CampaignTestMessage(Body):
    """One test message, on its way or skipped."""

    to = fields.String(required=True)
    variant = fields.String(required=True)
    channel = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["queued", "skipped"]))
    reason = fields.String()


class CampaignTest(Body):
    """What goes to whom."""

    messages = fields.List(fields.Nested(CampaignTestMessage), required=True)


class CampaignScheduleIn(OptionalBody):
    """`confirm_all` says that a campaign to all members is meant; `confirm_links`, that its addresses are, as they are.

    A page that opens on the day of the campaign answers 404 before.
    """

    confirm_all = Flag(load_default=False)
    confirm_links = Flag(load_default=False)


class CampaignResumeIn(OptionalBody):
    """`confirm_links` says that the addresses of what was changed are meant, as they are."""

    confirm_links = Flag(load_default=False)


class AskedAddress(Body):
    """What an address of a campaign answered. `step` is of a journey, from 1; 0 is its first message.

    A `problem` is what no member could see or open, a `warning` what may be otherwise on a phone, or in an hour.
    """

    pointer = fields.String(required=True, metadata={"example": "#/variants/0/content/fr/image_url"})
    step = Whole(required=True)
    variant = fields.String(required=True)
    locale = fields.String(required=True)
    field = fields.String(required=True, validate=validate.OneOf(["image_url", "link"]))
    url = fields.String(required=True)
    result = fields.String(required=True, validate=validate.OneOf(["ok", "warning", "problem", "not_asked"]))
    reason = fields.String(metadata={"example": "not_there"})
    detail = fields.String()
    status = Whole(metadata={"description": "What its server answered, after redirects", "example": 404})


class CampaignCheck(Body):
    """What each picture and link of a version answered."""

    version = Whole(required=True)
    checked_at = Instant(required=True)
    addresses = fields.List(fields.Nested(AskedAddress), required=True)


class GoingCampaign(Campaign):
    """A campaign that was let go. `warnings` are addresses that did not answer as they should."""

    beside = frozenset({"warnings"})
    """What is no part of the campaign's version, and of its `ETag`."""

    warnings = fields.List(fields.Nested(AskedAddress))


class CampaignApprovalIn(Body):
    """The version that was read."""

    version = Whole(required=True, low=1)
