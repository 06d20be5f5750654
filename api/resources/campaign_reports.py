"""`/campaigns/{id}/report`: what became of a campaign's messages, and what came of them."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from marshmallow import fields

from api import csv_files, scopes
from api.fields import Body, Id, Instant
from api.operation import Blueprint, Call
from app import ids
from app.services import kept_reports
from app.services.campaign_arms import Arm, Uplift
from app.services.campaign_reports import Counts, Line, Report
from app.services.intervals import Interval

blp = Blueprint("campaign_reports", __name__, url_prefix="/v1", description="The truth about campaigns")

LINES_TOGETHER = 1_000
_COLUMNS = ("run_id", "hour", "channel", "variant", "state", "reason", "deliveries")


class ReportQuery(Body):
    """Of which run; without it of all of them."""

    run_id = Id("campaign_run")


class DeliveryCounts(Body):
    """How many messages are in each state; `targeted` is the sum of all states, and reasons add up to theirs."""

    targeted = fields.Integer(required=True)
    held_out = fields.Integer(required=True)
    skipped = fields.Integer(required=True)
    queued = fields.Integer(required=True)
    sending = fields.Integer(required=True)
    sent = fields.Integer(required=True, metadata={"description": "Sent and, so far, not opened"})
    opened = fields.Integer(required=True)
    delivered = fields.Integer(
        required=True,
        metadata={
            "description": "`sent` and `opened` together: what Firebase, the mail server, the wallet or the inbox took."
            " Whether a screen showed it, nobody tells"
        },
    )
    failed = fields.Integer(required=True)
    not_known = fields.Integer(
        required=True,
        # A schema's own attribute has the name of the field.
        attribute="unknown",
        data_key="unknown",
        metadata={"description": "Sent or not: the answer never came"},
    )
    cancelled = fields.Integer(required=True)
    skipped_by_reason = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    failed_by_reason = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class RunCounts(DeliveryCounts):
    """The counts of one run."""

    run_id = Id("campaign_run", required=True)
    starts_at = Instant(required=True)
    state = fields.String(required=True)
    step = fields.Integer(metadata={"description": "Of a journey: which of its messages, from 0"})
    winner = fields.String()


class ChannelCounts(DeliveryCounts):
    """The counts of one channel."""

    channel = fields.String(required=True)
    opens_are_counted = fields.Boolean(
        required=True, metadata={"description": "False of e-mail: nobody's reading of mails is watched"}
    )


class HourCounts(DeliveryCounts):
    """The counts of one variant in an hour, by when messages were sent, or were due; without `hour`, all before."""

    hour = Instant(metadata={"description": "When the hour of the programme's clock began"})
    variant = fields.String()


class ReportMoney(Body):
    """An amount of money in minor units."""

    amount = fields.Integer(required=True)
    currency = fields.String(required=True)


class DifferenceOfRates(Body):
    """A difference between two shares, with its 95 % confidence interval (Newcombe's method 10)."""

    difference = fields.Float(required=True)
    low = fields.Float(required=True)
    high = fields.Float(required=True)
    is_clear = fields.Boolean(required=True, metadata={"description": "Whether the interval leaves out 0"})


class DifferenceOfMoney(Body):
    """A difference in minor units a member, with its 95 % confidence interval (Welch's)."""

    difference = fields.Float(required=True)
    low = fields.Float(required=True)
    high = fields.Float(required=True)
    is_clear = fields.Boolean(required=True, metadata={"description": "Whether the interval leaves out 0"})
    currency = fields.String(required=True)


class ReportUplift(Body):
    """What members did more than those held out; where it cannot be told, `why` says why not."""

    visit_rate = fields.Nested(DifferenceOfRates)
    revenue_per_member = fields.Nested(DifferenceOfMoney)
    why = fields.String()


class ReportArm(Body):
    """What a group of members did in the window: all that chance put into it, reached or not."""

    members = fields.Integer(required=True)
    reached = fields.Integer(required=True, metadata={"description": "Members to whom a message was sent"})
    visited = fields.Integer(required=True, metadata={"description": "Members who came within the window"})
    reached_visited = fields.Integer(required=True)
    visit_rate = fields.Float(required=True)
    revenue = fields.Nested(ReportMoney, required=True)
    revenue_per_member = fields.Float(required=True, metadata={"description": "In minor units"})


class VariantReport(Body):
    """One variant: its messages, its members, and what they did more than those held out."""

    variant = fields.String(metadata={"description": "Absent for those held out and those not yet assigned one"})
    deliveries = fields.Nested(DeliveryCounts, required=True)
    outcome = fields.Nested(ReportArm)
    uplift = fields.Nested(ReportUplift)


class CampaignReport(Body):
    """A campaign's truth: every total is the sum of its parts, and each part of rows of `GET /v1/deliveries`."""

    campaign_id = Id("campaign", required=True)
    status = fields.String(required=True)
    counted_at = Instant(required=True)
    timezone = fields.String(required=True)
    attribution_days = fields.Integer(required=True)
    complete_at = Instant(metadata={"description": "When the last attribution window closes"})
    totals = fields.Nested(DeliveryCounts, required=True)
    runs = fields.List(fields.Nested(RunCounts), required=True, metadata={"description": "The latest, newest first"})
    earlier_runs = fields.Nested(DeliveryCounts)
    variants = fields.List(fields.Nested(VariantReport), required=True)
    channels = fields.List(fields.Nested(ChannelCounts), required=True)
    hours = fields.List(fields.Nested(HourCounts), required=True)
    treated = fields.Nested(ReportArm, required=True, metadata={"description": "All variants together"})
    held_out = fields.Nested(ReportArm, required=True)
    uplift = fields.Nested(ReportUplift, required=True)


@blp.operation(
    "GET", "/campaigns/<id(campaign):campaign_id>/report", scopes=scopes.MARKETING,
    summary="Get the report of a campaign", query=ReportQuery(), answer=CampaignReport(),
)  # fmt: skip
def get_campaign_report(call: Call, campaign_id: UUID) -> Any:
    """Count what became of the messages, and compare what members did with what those held out did.

    Visits and revenue count in the attribution window: from when the message was sent, or was due for those who got
    none, for `attribution_days`. Refunds are taken off. The report of a large campaign is of some minutes ago, as
    `counted_at` says: two at most while something is being sent.
    """
    return _document(kept_reports.report(call.session, campaign_id, run_id=call.query.get("run_id")))


@blp.operation(
    "GET", "/campaigns/<id(campaign):campaign_id>/report.csv", scopes=scopes.MARKETING,
    summary="Download the report of a campaign", query=ReportQuery(), content_type=csv_files.TYPE,
)  # fmt: skip
def download_campaign_report(call: Call, campaign_id: UUID) -> Any:
    """Download the counts as CSV: a line for each run, hour, channel, variant, state and reason."""
    lines = list(kept_reports.lines(call.session, campaign_id, run_id=call.query.get("run_id")))
    return csv_files.answer(f"{ids.show('campaign', campaign_id)}.csv", _COLUMNS, _cells(lines))


def _cells(lines: list[Line]) -> Iterator[list[list[Any]]]:
    for start in range(0, len(lines), LINES_TOGETHER):
        yield [
            [ids.show("campaign_run", line.run_id), *(getattr(line, name) for name in _COLUMNS[1:])]
            for line in lines[start : start + LINES_TOGETHER]
        ]


def _document(found: Report) -> dict[str, Any]:
    outcomes, currency = found.outcomes, found.currency
    return {
        "campaign_id": found.campaign.id,
        "status": found.campaign.status,
        "counted_at": found.counted_at,
        "timezone": found.timezone,
        "attribution_days": found.attribution_days,
        "complete_at": outcomes.complete_at,
        "totals": _counts(found.totals),
        "runs": [
            {
                "run_id": run.id, "starts_at": run.starts_at, "state": run.state, "step": run.definition.get("step"),
                "winner": run.winner, **_counts(counts),
            }
            for run, counts in found.runs
        ],
        "earlier_runs": _counts(found.earlier_runs) if found.earlier_runs else None,
        "variants": [_variant(found, name, counts) for name, counts in found.variants.items()],
        "channels": [
            {"channel": channel, "opens_are_counted": channel != "email", **_counts(counts)}
            for channel, counts in found.channels.items()
        ],
        "hours": [{"hour": hour, "variant": name, **_counts(counts)} for (hour, name), counts in found.hours.items()],
        "treated": _arm(outcomes.treated, currency),
        "held_out": _arm(outcomes.held_out, currency),
        "uplift": _uplift(outcomes.uplift(outcomes.treated), currency),
    }  # fmt: skip


def _counts(counts: Counts) -> dict[str, Any]:
    return {
        "targeted": counts.targeted, **counts.states, "delivered": counts.delivered,
        "skipped_by_reason": counts.skipped_by_reason, "failed_by_reason": counts.failed_by_reason,
    }  # fmt: skip


def _variant(found: Report, name: str | None, counts: Counts) -> dict[str, Any]:
    arm = found.outcomes.variants.get(name)
    told = {} if arm is None else {
        "outcome": _arm(arm, found.currency),
        "uplift": _uplift(found.outcomes.uplift(arm), found.currency),
    }  # fmt: skip
    return {"variant": name, "deliveries": _counts(counts), **told}


def _arm(arm: Arm, currency: str) -> dict[str, Any]:
    return {
        "members": arm.members, "reached": arm.reached, "visited": arm.visited,
        "reached_visited": arm.reached_visited, "visit_rate": arm.visit_rate,
        "revenue": {"amount": arm.revenue.total, "currency": currency}, "revenue_per_member": arm.revenue.mean,
    }  # fmt: skip


def _uplift(uplift: Uplift, currency: str) -> dict[str, Any]:
    money = _interval(uplift.revenue_per_member)
    return {
        "visit_rate": _interval(uplift.visit_rate), "why": uplift.why,
        "revenue_per_member": {**money, "currency": currency} if money else None,
    }  # fmt: skip


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    return {
        "difference": interval.difference, "low": interval.low, "high": interval.high, "is_clear": interval.is_clear,
    }  # fmt: skip
