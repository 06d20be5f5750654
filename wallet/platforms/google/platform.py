"""Google Wallet as one of our platforms: credentials, links that save, complaints, and the courier."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from app import clock
from app.config import Settings
from wallet.platforms import PLATFORMS, Asked, CheckedCredential, Courier, Credential, Handout
from wallet.platforms.google import accounts, classes, objects, pictures, save_links, vouchers
from wallet.platforms.google.accounts import Addresses
from wallet.platforms.google.client import ENDPOINT
from wallet.platforms.google.courier import GoogleCourier

NAME_SHOWN_MAX = 20
UNREACHABLE = (
    "Google fetches pictures and tells of saved cards over https from the Internet alone: set ASSIDU_BASE_URL to the "
    "address under which it reaches this server."
)


class GooglePlatform:
    """Cards as loyalty objects, which name the member's vouchers; one that is wanted for itself as a generic object."""

    kind = "google"
    batch = 20
    carries_face = False

    def check(self, settings: Settings, document: Mapping[str, Any], now: datetime) -> CheckedCredential:
        """Check `issuer_id` and `service_account` (its JSON file); raise InvalidError naming everything wrong."""
        del now  # such an account has no end
        kept = accounts.check(document, token_uris=Addresses.of(settings).token_uris)
        account = kept["service_account"]
        shown = {name: account[name] for name in ("client_email", "project_id", "private_key_id") if name in account}
        return CheckedCredential(facts={"issuer_id": kept["issuer_id"], **shown}, secret=accounts.sealed_form(kept))

    def type_of(self, credential: Credential) -> str:
        """Return the issuer, whose number and our serial are the object's id."""
        return str(credential.facts["issuer_id"])

    def hand_out(self, settings: Settings, credentials: Sequence[Credential], asked: Asked) -> Handout:
        """Return the link that saves the card or the voucher, once a worker has told Google of it."""
        row = asked.row
        if row.google_inserted_at is None:
            return Handout(ready=False)
        credential = next((one for one in credentials if self.type_of(one) == row.pass_type_id), credentials[0])
        account = accounts.opened(credential.secret)
        named, kind = classes.class_id, "loyaltyObjects"
        if row.voucher_id is not None:
            named, kind = vouchers.class_id, "genericObjects"
        link = save_links.make(
            account.key,
            client_email=account.client_email,
            key_id=account.key_id,
            class_id=named(account.issuer_id, row.program_id),
            object_ids=[f"{row.pass_type_id}.{row.serial}"],
            origins=pictures.origins(settings),
            issued_at=clock.unix_seconds(),
            save_url=Addresses.of(settings).save,
            kind=kind,
        )
        return Handout(link=link)

    def complaints(
        self, settings: Settings, credentials: Sequence[Credential], asked: Asked | None, now: datetime
    ) -> list[str]:
        """Say what would stop a card from being saved, or what it would look like without."""
        del now
        found = list(_address_complaints(settings))
        for credential in credentials:
            try:
                accounts.opened(credential.secret)
            except (ValueError, KeyError, TypeError):
                found.append("Its service account cannot be read: upload it again.")
        if asked is not None and asked.row.voucher_id is None:
            found += _face_complaints(asked)
        return found

    def open(self, settings: Settings) -> Courier:
        """Open the courier; it connects when it is used."""
        return GoogleCourier(settings)


def _address_complaints(settings: Settings) -> list[str]:
    if settings.google_wallet_endpoint != ENDPOINT:
        return []
    if urlsplit(pictures.public_url(settings)).scheme == "https":
        return []
    return [UNREACHABLE]


def _face_complaints(asked: Asked) -> list[str]:
    face = asked.face
    found = []
    for what, text in (("programme's name", face.program_name), ("title", face.title)):
        if len(text) > NAME_SHOWN_MAX:
            found.append(f"The {what} is longer than {NAME_SHOWN_MAX} letters: Google may cut it on small screens.")
    texts = [one for one in face.fields if objects.is_on_class(one)]
    if len(texts) > objects.TEXT_MODULES_MAX:
        found.append(f"The design has more than {objects.TEXT_MODULES_MAX} texts for the back: Google shows the first.")
    if len(face.locations) > classes.LOCATIONS_MAX:
        found.append(f"The design has more than {classes.LOCATIONS_MAX} places: Google takes the first.")
    return found


PLATFORMS.register("google")(GooglePlatform())
