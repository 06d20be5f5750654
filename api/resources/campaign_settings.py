"""`/program/campaign-settings`: the programme's own rules for its campaigns."""

from typing import Any

from marshmallow import fields

from api import scopes
from api.fields import Body
from api.operation import Blueprint, Call
from app import ids, parameter_schemas
from app.offers.parts import Caps, Hours
from app.services import audits, campaign_settings, programs
from app.services.campaign_settings import CAPPED_CHANNELS, Sender, Threshold

blp = Blueprint("campaign_settings", __name__, url_prefix="/v1", description="The programme's rules for its campaigns")

_CAPS = {
    "type": "object", "additionalProperties": False,
    "properties": {channel: parameter_schemas.json_schema(Caps) for channel in CAPPED_CHANNELS},
    "description": "By channel: messages to a member in days, over all campaigns.",
}  # fmt: skip
_EXAMPLE = {"approval_above": 5000, "caps": {"push": {"messages": 3, "days": 7}}}


class CampaignSettings(Body):
    """Without `approval_above` nobody has to approve. `quiet_hours` are of each member's own clock."""

    approval_above = fields.Raw(
        allow_none=True, metadata=parameter_schemas.json_schema(Threshold)["properties"]["approval_above"]
    )
    caps = fields.Raw(allow_none=True, metadata=_CAPS)
    quiet_hours = fields.Raw(allow_none=True, metadata=parameter_schemas.json_schema(Hours))
    sender = fields.Raw(allow_none=True, metadata=parameter_schemas.json_schema(Sender))


class CampaignSettingsChange(CampaignSettings):
    """What to change; null takes a setting away, and `approval_above` with it the need for a second person."""


@blp.operation(
    "GET", "/program/campaign-settings", scopes=scopes.MARKETING, summary="Get the rules for campaigns",
    answer=CampaignSettings(), with_etag=True,
)  # fmt: skip
def get_campaign_settings(call: Call) -> Any:
    """Get when a second person approves, how often and when members are written to, and who e-mails come from."""
    return campaign_settings.get(call.session)


@blp.operation(
    "PATCH", "/program/campaign-settings", scopes=scopes.OWNER_IN_PERSON, summary="Change the rules for campaigns",
    with_etag=True, body=CampaignSettingsChange(), answer=CampaignSettings(), example=_EXAMPLE,
)  # fmt: skip
def change_campaign_settings(call: Call) -> Any:
    """Change what is given. An owner does this in person: no key lifts the need for a second person."""
    program = programs.hold(call.session)
    call.check_match(CampaignSettings(), campaign_settings.shown(program))
    changed = campaign_settings.change(program, values=call.body)
    audits.record(
        call.session, action="changeCampaignSettings", subject=ids.show("program", program.id),
        staff_id=call.principal.staff_id, data={"fields": sorted(call.body)},
    )  # fmt: skip
    return changed
