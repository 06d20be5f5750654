"""Every operation against requests made from its own documentation: it does what it says, whatever it is sent.

`--hypothesis-profile thorough` sends far more by chance; without it, a run is as long as a change can wait for, and the
same each time.
"""

import re

import pytest
from flask import Flask
from hypothesis import settings

from app.db import Database
from tests.fuzz.judged import CHECKS, run
from tests.fuzz.seeded import seed

EXAMPLES = {"thorough": 60}
"""Requests by chance to one operation, by hypothesis profile, beside about 70 systematic ones."""

PARTS = {
    "at the till": "/v1/(scans|activities|redemptions|vouchers|accounts|holds|offline-keys)",
    "members": "/v1/(members|cards|join|audit-entries)",
    "customers": "/v1/(me|customers|auth)",
    "programme": "/v1/(program|partners|stores|staff|api-keys|card-design)",
    "campaigns": r"/v1/(campaigns|deliveries(\.csv)?)",
    "segments": "/v1/segments",
    "what segments ask": "/v1/segments/preview",
    "webhooks and events": "/v1/(webhooks|events)",
    "rules": "/v1/(rules|rewards|purses)|/(healthz|readyz|metrics)",
}
"""What is run on its own, so that the parts may run side by side."""

NARROWED = {"segments": {"SegmentWhere": 1, "SegmentCondition": 3}}
"""Unions of which a part is sent a few kinds: making up trees of conditions takes the longest, and one operation that
takes whole trees is a part of its own. So here a question is one condition."""

KEYED = {f"{method} /v1/program/push-credentials" for method in ("GET", "PUT", "DELETE")}
KEYED |= {"DELETE /v1/program/wallet-credentials"}
"""What no made-up body gets past: it wants a service account's true key, or a certificate
(`tests/api/test_push_credentials.py`, `tests/api/test_wallet_credentials.py`)."""


@pytest.mark.parametrize("part", PARTS)
def test_the_api_does_what_its_document_says(application: Flask, database: Database, part: str) -> None:
    examples = EXAMPLES.get(settings.get_current_profile_name(), 4)

    narrowed = NARROWED.get(part)
    report = run(
        application, seed(application, database), paths=f"^{PARTS[part]}(/|$)", examples=examples, narrowed=narrowed
    )

    print(f"\n{part}: {report.requests.total()} requests to {len(report.operations)} operations: {report.requests}")  # noqa: T201
    findings = [f"{what}\n    {sample}" for what, sample in report.failures.items()]
    assert not findings, f"{len(findings)} findings:\n" + "\n".join(findings)
    assert report.checks >= CHECKS
    assert report.operations - report.succeeded() - KEYED == set()


def test_every_path_is_in_a_part(application: Flask) -> None:
    paths = application.test_client().get("/openapi.json").json["paths"]

    assert [path for path in paths if not re.match(f"^({'|'.join(PARTS.values())})(/|$)", path)] == []
