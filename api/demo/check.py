"""`assidu demo --check`: the whole main job against the running demo, over real HTTP, step by step."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import click
import httpx

from api.demo.caller import Caller, Failed, expect
from api.demo.journey import Journey
from app.config import Settings

VERIFY_SECONDS = 120


def run(document: dict[str, Any], settings: Settings) -> int:
    """Take every step, in order; print each; return 0, or 1 after the first that fails."""
    with Caller(document) as caller:
        journey = Journey(caller, document)
        steps: list[tuple[str, Callable[[], None]]] = [
            ("The shop's owner signs in", journey.owner_signs_in),
            ("A customer joins from the poster's link", journey.customer_joins),
            ("An independent decoder reads the QR code of their card", journey.code_is_read),
            ("A link hands the card out for a phone's wallet, signed", journey.card_is_a_pass),
            ("The customer signs in with a one-time code and registers a phone", journey.customer_signs_in),
            ("Ten scans by a cashier fill the stamp card: a voucher for a free coffee", journey.card_fills),
            ("The phone gets a push for the voucher", journey.push_arrives),
            ("A purchase of 12.50 EUR earns points by the rule", journey.purchase_earns),
            ("Points are redeemed for a reward", journey.points_are_redeemed),
            ("Each voucher is used once and refused the second time", journey.vouchers_are_used_once),
            ("A refund takes its points back", journey.refund_takes_back),
            ("`assidu verify` finds no drift", lambda: _verify(settings)),
        ]
        for title, take in steps:
            if not _take(title, take):
                return 1
    click.echo("The main job works.")
    return 0


def _take(title: str, take: Callable[[], None]) -> bool:
    began = time.monotonic()
    try:
        take()
    except (Failed, httpx.HTTPError, KeyError, OSError) as error:
        click.echo(f"FAILED  {title}\n        {type(error).__name__}: {error}", err=True)
        return False
    click.echo(f"ok      {title} ({time.monotonic() - began:.1f} s)")
    return True


def _verify(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "api.cli", "verify"],
        env=settings.environment(), capture_output=True, text=True, timeout=VERIFY_SECONDS, check=False,
    )  # fmt: skip
    expect(done.returncode == 0, f"it ended with {done.returncode}: {done.stderr.strip()[-1000:]}")
