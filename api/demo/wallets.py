"""The demo's wallets: an authority in Apple's place, stand-ins of APNs and of Google Wallet, and links to a card."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from app.db import Database, Session
from app.models import Card
from app.services import pass_links, wallet_credentials
from wallet import handing
from wallet.platforms.apple.authority import Authority
from wallet.stand_in.apns import ApnsStandIn
from wallet.stand_in.google import GoogleStandIn

PASS_TYPE_ID = "pass.example.cafe-assidu"  # noqa: S105 - an identifier
WALLETS = ("apple", "google")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallets:
    """What stands in for Apple and Google, and the links that hand the demo's card out, by wallet."""

    links: dict[str, str]
    authority: Path
    apns_url: str
    google_url: str
    google_ca_file: Path

    def document(self) -> dict[str, Any]:
        """Return what the demo's document says of them."""
        return {
            "links": self.links,
            "authority_file": str(self.authority),
            "apns_url": self.apns_url,
            "google_url": self.google_url,
            "google_ca_file": str(self.google_ca_file),
        }


def start(stack: ExitStack, database: Database, program_id: UUID, card: Card) -> Wallets:
    """Start the stand-ins, give the programme credentials for them, and make a link to the card for each wallet."""
    settings = database.settings
    authority = Authority.kept(Path(settings.wallet_authority_file).parent)
    trusted = (authority.root_pem + authority.intermediate_pem).decode()
    apns = ApnsStandIn(Path(settings.apns_ca_file).parent, trusted, port=_port(settings.apns_endpoint))
    google = GoogleStandIn(Path(settings.google_wallet_ca_file).parent, port=_port(settings.google_wallet_endpoint))
    stack.enter_context(apns)
    stack.enter_context(google)
    with database.transaction(program_id) as session:
        if not wallet_credentials.live(session, "apple"):
            identity = authority.issue(PASS_TYPE_ID, organization="Café Assidu")
            _keep(
                session,
                database,
                "apple",
                {"certificate": identity.certificate_pem.decode(), "private_key": identity.key_pem.decode()},
            )
        # Where the stand-in is changes with each start, and the account says it.
        _keep(session, database, "google", google.upload)
        links = {kind: _link(session, database, kind, card) for kind in WALLETS}
    return Wallets(
        links=links,
        authority=Path(settings.wallet_authority_file),
        apns_url=apns.url,
        google_url=google.url,
        google_ca_file=google.ca_file,
    )


def _keep(session: Session, database: Database, kind: str, document: dict[str, Any]) -> None:
    handing.set_up(session, database, handing.platform_of(kind), document)


def _link(session: Session, database: Database, kind: str, card: Card) -> str:
    handing.prepare(session, database, handing.platform_of(kind), card)
    return handing.link_url(database.settings, pass_links.make(session, card, platform=kind).token)


def _port(address: str) -> int:
    return urlsplit(address).port or 0
