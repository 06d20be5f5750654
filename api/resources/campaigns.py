"""`/campaigns`: who is told what, when and by which channels."""

from typing import Any
from uuid import UUID

from api import campaign_addresses, scopes
from api.campaign_schemas import (
    Campaign,
    CampaignApprovalIn,
    CampaignChange,
    CampaignCheck,
    CampaignIn,
    CampaignPreview,
    CampaignPreviewIn,
    CampaignQuery,
    CampaignResumeIn,
    CampaignRun,
    CampaignScheduleIn,
    CampaignTest,
    CampaignTestIn,
    GoingCampaign,
)
from api.operation import Blueprint, Call, page_of
from api.pagination import PageQuery, decode_id, encode_id, page_schema
from app import ids
from app.models import Campaign as CampaignRow
from app.offers.schemas import EXAMPLE, components
from app.services import audits, campaign_previews, campaign_states, campaign_trials, campaigns

blp = Blueprint("campaigns", __name__, url_prefix="/v1", description="Offers that reach members")

COMPONENTS = components()
IN_PERSON = frozenset({"owner", "marketer"})
_COLUMNS = ("name", "priority")


def _document(row: CampaignRow) -> dict[str, Any]:
    written = campaigns.document(row)
    return {
        **written, "id": row.id, "kind": row.kind, "status": row.status, "version": row.version,
        "next_run_at": row.next_run_at, "created_by": row.created_by, "scheduled_by": row.scheduled_by,
        "approved_by": row.approved_by, "created_at": row.created_at, "updated_at": row.updated_at,
    }  # fmt: skip


def _audit(call: Call, action: str, campaign_id: UUID, **data: Any) -> None:
    """Note what the edge does not note by itself: it knows only what changes the set-up."""
    audits.record(
        call.session, action=action, subject=ids.show("campaign", campaign_id), staff_id=call.principal.staff_id,
        api_key_id=call.principal.api_key_id, data=data,
    )  # fmt: skip


@blp.operation(
    "GET", "/campaigns", scopes=scopes.SETUP_READ, summary="List the campaigns",
    query=CampaignQuery(), answer=page_schema(Campaign, "CampaignPage"),
)  # fmt: skip
def list_campaigns(call: Call) -> Any:
    """List the campaigns that are not archived, or those of one status, oldest first."""
    limit = call.query["limit"]
    after = decode_id(call.query.get("after"))
    rows = campaigns.page(call.session, limit=limit, after=after, status=call.query.get("status"))
    page = page_of(rows, limit, lambda row: encode_id(row.id))
    return {**page, "data": [_document(row) for row in page["data"]]}


@blp.operation(
    "POST", "/campaigns", scopes=scopes.MARKETING, summary="Write a campaign", status=201, with_etag=True,
    body=CampaignIn(), answer=Campaign(), example=EXAMPLE,
)  # fmt: skip
def create_campaign(call: Call) -> Any:
    """Write a draft; nothing is sent before it is scheduled.

    Who is in the audience is asked when a run begins: by the question that the segment asks then, or of the list as it
    is then. What changes later counts from the next run on. A triggered campaign asks each time that it begins for a
    member.
    """
    call.body.pop("status", None)
    columns = {name: call.body.pop(name) for name in _COLUMNS}
    return _document(campaigns.create(call.session, document=call.body, staff_id=call.principal.staff_id, **columns))


@blp.operation(
    "GET", "/campaigns/<id(campaign):campaign_id>", scopes=scopes.SETUP_READ, summary="Get a campaign",
    answer=Campaign(), with_etag=True,
)  # fmt: skip
def get_campaign(call: Call, campaign_id: UUID) -> Any:
    """Get a campaign, also one that is archived."""
    return _document(campaigns.get(call.session, campaign_id))


@blp.operation(
    "PATCH", "/campaigns/<id(campaign):campaign_id>", scopes=scopes.MARKETING, summary="Change a campaign",
    with_etag=True, problems=[409], body=CampaignChange(), answer=Campaign(), example={"holdout_percent": 20},
)  # fmt: skip
def change_campaign(call: Call, campaign_id: UUID) -> Any:
    """Change a draft, a paused campaign, or one that waits for approval, which is a draft again then."""
    campaign = campaigns.hold(call.session, campaign_id)
    call.check_match(Campaign(), _document(campaign))
    columns = {name: call.body.pop(name) for name in _COLUMNS if name in call.body}
    return _document(
        campaigns.change(call.session, campaign, values=call.body, staff_id=call.principal.staff_id, **columns)
    )


@blp.operation(
    "DELETE", "/campaigns/<id(campaign):campaign_id>", scopes=scopes.MARKETING, summary="Archive a campaign",
    status=204, with_etag=True, problems=[409],
)  # fmt: skip
def delete_campaign(call: Call, campaign_id: UUID) -> None:
    """Put away a draft, or a campaign that is over; its report stays."""
    campaign = campaigns.hold(call.session, campaign_id)
    call.check_match(Campaign(), _document(campaign))
    campaigns.archive(campaign)


@blp.operation(
    "GET", "/campaigns/<id(campaign):campaign_id>/runs", scopes=scopes.SETUP_READ, summary="List a campaign's runs",
    query=PageQuery(), answer=page_schema(CampaignRun, "CampaignRunPage"),
)  # fmt: skip
def list_campaign_runs(call: Call, campaign_id: UUID) -> Any:
    """List the sendings of a campaign, tests among them, oldest first."""
    limit = call.query["limit"]
    campaign = campaigns.get(call.session, campaign_id)
    rows = campaigns.runs(call.session, campaign, limit=limit, after=decode_id(call.query.get("after")))
    page = page_of(rows, limit, lambda row: encode_id(row.id))
    return {
        **page,
        "data": [
            {
                "id": row.id, "state": row.state, "starts_at": row.starts_at, "made_at": row.made_at,
                "finished_at": row.finished_at, "winner": row.winner, "problem": row.problem,
                "test": bool(row.definition.get("test")),
            }
            for row in page["data"]
        ],
    }  # fmt: skip


@blp.operation(
    "POST", "/campaigns/<id(campaign):campaign_id>/preview", scopes=scopes.MARKETING, summary="Preview a campaign",
    key="ignored", body=CampaignPreviewIn(), answer=CampaignPreview(),
    example={"member_id": "mbr_0190163d8694739b8aaa1b7a5f0c1d2e"},
)  # fmt: skip
def preview_campaign(call: Call, campaign_id: UUID) -> Any:
    """Read every text as a member would, in each language, and see which channels would reach them."""
    campaign = campaigns.get(call.session, campaign_id)
    return campaign_previews.preview(call.session, campaign, member_id=call.body.get("member_id"))


@blp.operation(
    "POST", "/campaigns/<id(campaign):campaign_id>/test", scopes=scopes.MARKETING, summary="Send a test",
    status=202, problems=[409], body=CampaignTestIn(), answer=CampaignTest(),
    example={"to": ["mbr_0190163d8694739b8aaa1b7a5f0c1d2e"]},
)  # fmt: skip
def test_campaign(call: Call, campaign_id: UUID) -> Any:
    """Send the campaign as it stands to a few members or staff; no report counts it."""
    campaign = campaigns.hold(call.session, campaign_id)
    messages = campaign_trials.send(
        call.session, call.database, campaign, to=call.body["to"], variant=call.body.get("variant")
    )
    return {"messages": messages}


@blp.operation(
    "POST", "/campaigns/<id(campaign):campaign_id>/check", scopes=scopes.MARKETING,
    summary="Check a campaign's pictures and links", key="ignored", answer=CampaignCheck(), program="own",
)  # fmt: skip
def check_campaign(call: Call, campaign_id: UUID) -> Any:
    """Ask every picture and link of the campaign, for five seconds at most, as scheduling does.

    A picture must answer 200 and be a JPEG, PNG, GIF or WebP, of 1 MB at most where it goes by push; a link must answer
    less than 400. Only https addresses of the public Internet are asked. An installation may have turned this off.
    """
    return campaign_addresses.check(call, campaign_id)


@blp.operation(
    "POST", "/campaigns/<id(campaign):campaign_id>/schedule", scopes=scopes.MARKETING, summary="Schedule a campaign",
    key="required", with_etag=True, problems=[409], body=CampaignScheduleIn(), answer=GoingCampaign(),
    example={"confirm_all": False}, before=campaign_addresses.before_scheduling,
)  # fmt: skip
def schedule_campaign(call: Call, campaign_id: UUID) -> Any:
    """Let a draft go at its time. Above the programme's threshold it waits until another person approves it.

    Its pictures and links are asked first: what nobody could see or open is a problem, what could not be reached is
    among `warnings`.
    """
    campaign = campaigns.hold(call.session, campaign_id)
    call.check_match(Campaign(), _document(campaign))
    asked = campaign_addresses.of_version(call, campaign)
    campaign_states.schedule(
        call.session, campaign, staff_id=call.principal.staff_id, confirm_all=call.body["confirm_all"],
        faults=asked.faults,
    )  # fmt: skip
    _audit(call, "scheduleCampaign", campaign_id, version=campaign.version, status=campaign.status)
    return {**_document(campaign), "warnings": asked.warnings}


@blp.operation(
    "POST", "/campaigns/<id(campaign):campaign_id>/approve", scopes=IN_PERSON, summary="Approve a campaign",
    with_etag=True, problems=[409], body=CampaignApprovalIn(), answer=Campaign(), example={"version": 3},
)  # fmt: skip
def approve_campaign(call: Call, campaign_id: UUID) -> Any:
    """Let the version that you read go: a person does this who neither made, changed nor scheduled the campaign."""
    campaign = campaigns.hold(call.session, campaign_id)
    staff_id = call.principal.staff_id
    assert staff_id is not None
    campaign_states.approve(call.session, campaign, staff_id=staff_id, version=call.body["version"])
    _audit(call, "approveCampaign", campaign_id, version=campaign.version)
    return _document(campaign)


@blp.operation(
    "POST", "/campaigns/<id(campaign):campaign_id>/pause", scopes=scopes.MARKETING, summary="Pause a campaign",
    with_etag=True, problems=[409], answer=Campaign(),
)  # fmt: skip
def pause_campaign(call: Call, campaign_id: UUID) -> Any:
    """Stop a campaign until it is resumed: within two seconds nothing more begins to be sent."""
    return _document(campaign_states.pause(call.session, campaigns.hold(call.session, campaign_id)))


@blp.operation(
    "POST", "/campaigns/<id(campaign):campaign_id>/resume", scopes=scopes.MARKETING, summary="Resume a campaign",
    with_etag=True, problems=[409], body=CampaignResumeIn(), answer=GoingCampaign(), example={"confirm_links": False},
    before=campaign_addresses.before_resuming,
)  # fmt: skip
def resume_campaign(call: Call, campaign_id: UUID) -> Any:
    """Let a paused campaign go on where it was. What was changed meanwhile may wait for approval again.

    Where something was changed, pictures and links are asked as they are before scheduling.
    """
    campaign = campaigns.hold(call.session, campaign_id)
    asked = campaign_addresses.of_version(call, campaign)
    campaign_states.resume(call.session, campaign, staff_id=call.principal.staff_id, faults=asked.faults)
    return {**_document(campaign), "warnings": asked.warnings}


@blp.operation(
    "POST", "/campaigns/<id(campaign):campaign_id>/cancel", scopes=scopes.MARKETING, summary="Cancel a campaign",
    with_etag=True, problems=[409], answer=Campaign(),
)  # fmt: skip
def cancel_campaign(call: Call, campaign_id: UUID) -> Any:
    """Stop a campaign for good: what was not sent yet is not sent any more."""
    return _document(campaign_states.cancel(call.session, campaigns.hold(call.session, campaign_id)))
