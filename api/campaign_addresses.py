"""A campaign's pictures and links, asked by the request of who lets it go: between two transactions, never in one."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.operation import Call, edge
from app import clock
from app.models import Campaign
from app.offers.addresses import Finding
from app.parameters import Errors
from app.services import campaigns
from app.services.campaign_states import CampaignChangedError


@dataclass(frozen=True, slots=True)
class Asked:
    """What the addresses of one version answered."""

    version: int
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class Told:
    """What keeps a campaign from being let go, and what whoever lets it go is told; None for nothing."""

    faults: Errors
    warnings: list[dict[str, Any]] | None


def check(call: Call, campaign_id: UUID) -> dict[str, Any]:
    """Ask the addresses of a campaign as it stands; raise NotFoundError. For a call without a session."""
    with call.database.transaction(call.principal.program_id) as session:
        campaign = campaigns.get(session, campaign_id)
    asked = _ask(campaign)
    return {
        "version": asked.version, "checked_at": clock.now(), "addresses": [_shown(one) for one in asked.findings],
    }  # fmt: skip


def before_scheduling(call: Call, campaign_id: UUID) -> Asked | None:
    """Ask the addresses of a draft; None of what is none, which the view has a word for."""
    return _before(call, campaign_id, "draft")


def before_resuming(call: Call, campaign_id: UUID) -> Asked | None:
    """Ask the addresses of a paused campaign that was changed since it was let go; None of any other."""
    return _before(call, campaign_id, "paused")


def of_version(call: Call, campaign: Campaign) -> Told:
    """Return what was found before the transaction; raise CampaignChangedError when it says something else by now."""
    asked: Asked | None = call.found
    if asked is None:
        return Told([], None)
    if asked.version != campaign.version:
        detail = f"It was changed while its links were asked, and is at version {campaign.version} now: do it again."
        raise CampaignChangedError(detail, version=campaign.version)
    stops = () if call.body["confirm_links"] else ("problem",)
    faults = [
        {"pointer": one.place.pointer, "detail": one.detail or ""} for one in asked.findings if one.result in stops
    ]
    return Told(faults, [_shown(one) for one in asked.findings if one.result in {"warning", "problem"}] or None)


def _before(call: Call, campaign_id: UUID, status: str) -> Asked | None:
    with call.database.transaction(call.principal.program_id) as session:
        campaign = campaigns.get(session, campaign_id)
    let_go = campaign.approved_version == campaign.version
    return None if campaign.status != status or let_go else _ask(campaign)


def _ask(campaign: Campaign) -> Asked:
    return Asked(campaign.version, edge().asker.findings(campaign.definition))


def _shown(finding: Finding) -> dict[str, Any]:
    place = finding.place
    return {
        "pointer": place.pointer, "step": place.step, "variant": place.variant, "locale": place.locale,
        "field": place.field, "url": place.url, "result": finding.result, "reason": finding.reason,
        "detail": finding.detail, "status": finding.status,
    }  # fmt: skip
