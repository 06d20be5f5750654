"""The condition `campaign`."""

from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import ColumnElement, and_, exists, not_, or_, select

from app import ids
from app.models import CampaignDelivery, CampaignRun, Member
from app.parameters import about
from app.segments.kinds import CONDITIONS, Condition, Context


@CONDITIONS.register("campaign")
@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign(Condition):
    """What the member did with an earlier campaign's messages, by any channel."""

    campaign_id: str = field(
        metadata=about("The campaign.", example="cmp_0190163d8694739b8aaa1b7a5f0c1d2e", ref="campaign")
    )
    did: Literal["was_sent", "was_not_sent", "opened", "did_not_open"] = field(
        metadata=about("`did_not_open` is of those who were sent it.", example="did_not_open")
    )

    def clause(self, context: Context) -> ColumnElement[bool]:  # noqa: ARG002 - the same in all programmes
        campaign_id = ids.parse("campaign", self.campaign_id)
        tests = select(CampaignRun.id).where(
            CampaignRun.campaign_id == campaign_id, CampaignRun.definition["test"].is_not(None)
        )
        own = and_(
            CampaignDelivery.program_id == Member.program_id,
            CampaignDelivery.member_id == Member.id,
            CampaignDelivery.campaign_id == campaign_id,
            # Nobody is counted as told who was only shown it.
            CampaignDelivery.run_id.not_in(tests),
        )
        was_opened = or_(CampaignDelivery.state == "opened", CampaignDelivery.opened_at.is_not(None))
        sent = _any(own, CampaignDelivery.state.in_(("sent", "opened")))
        opened = _any(own, was_opened)
        return {
            "was_sent": sent, "was_not_sent": not_(sent), "opened": opened, "did_not_open": and_(sent, not_(opened)),
        }[self.did]  # fmt: skip


def _any(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().select_from(CampaignDelivery).where(*conditions).correlate(Member)
