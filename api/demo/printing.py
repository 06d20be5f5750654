"""What the terminal says when the demo runs: where to go, whom to sign in as, and a card to scan."""

import sys
from collections.abc import Iterable
from typing import Any

import click

from wallet import qr

_WIDTH = 10


def show(document: dict[str, Any], places: Iterable[tuple[str, str]]) -> None:
    """Print the demo's document for a person, with the QR code of one member's card.

    `places` are the names and paths of the pages that there are.
    """
    base_url = document["base_url"]
    member = document["member"]
    _section(
        "Open",
        [
            *((name, base_url + path) for name, path in places),
            ("phones", f"{document['phone']['url']} (its certificate is the demo's own)"),
        ],
    )
    people = document["staff"].items()
    _section("Sign in as", [(role, f"{who['email']}   {who['password']}") for role, who in people])
    _section("For programs", [("till key", document["till_api_key"]), ("messages", document["outbox"])])
    _section(f"{member['first_name']}'s card in a phone: each link works once, for ten minutes", [
        (wallet, link) for wallet, link in document["wallet"]["links"].items()
    ])  # fmt: skip
    click.echo(
        f"\n{member['first_name']}'s card, {member['code']}: scan it as {document['stores'][0]['name']}'s till\n"
    )
    click.echo(qr.terminal(member["code"], colour=_has_colour()))
    click.echo("\nCtrl-C stops everything; the next start finds the data again.")


def _section(title: str, lines: list[tuple[str, str]]) -> None:
    click.echo(f"\n{title}")
    for name, text in lines:
        click.echo(f"  {name:<{_WIDTH}}{text}")


def _has_colour() -> bool:
    return sys.stdout.isatty()
