"""A programme as Google says it: the `LoyaltyClass` that all its cards share.

Names and limits of fields are Google's: https://developers.google.com/wallet/reference/rest/v1/loyaltyclass. It is made
of any card's face, of what is the same on all of them.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from wallet.card_face import CardFace
from wallet.platforms.google.objects import TEXT_MODULES_MAX, is_on_class
from wallet.platforms.google.words import labelled, text_module

LOCATIONS_MAX = 10
"""Google refuses a class that has more."""
MANAGED = frozenset({
    "appLinkData", "callbackOptions", "linksModuleData", "localizedIssuerName", "localizedProgramName",
    "merchantLocations", "textModulesData",
})  # fmt: skip
"""What we say of a class only sometimes: see `objects.leftovers`."""


def class_id(issuer_id: str, program_id: UUID) -> str:
    """Return the id of a programme's class: the issuer's number, and ours after the dot."""
    return f"{issuer_id}.{program_id.hex}"


def loyalty_class(face: CardFace, *, class_id: str, logo_url: str, callback_url: str | None = None) -> dict[str, Any]:
    """Return the class of the programme that a face is of.

    `logo_url` is where Google can fetch the logo, which it demands; `callback_url` where it says who saved the card.
    """
    document: dict[str, Any] = {
        "id": class_id,
        **labelled(face, face.program_name, "issuerName", "localizedIssuerName"),
        **labelled(face, face.title or face.program_name, "programName", "localizedProgramName"),
        "programLogo": _image(logo_url),
        # Platform's own states are never sent: every write asks for review, which an approved class passes at once.
        "reviewStatus": "UNDER_REVIEW",
        "hexBackgroundColor": face.colours.background,
        # Who has the link saves the card once; the same person's other phones get it, nobody else's.
        "multipleDevicesAndHoldersAllowedStatus": "ONE_USER_ALL_DEVICES",
        "classTemplateInfo": TEMPLATE,
    }
    document |= {name: value for name, value in _parts(face, callback_url) if value}
    return document


def _parts(face: CardFace, callback_url: str | None) -> Iterator[tuple[str, Any]]:
    """Yield what a programme may do without; empty where it does."""
    back = [one for one in face.fields if is_on_class(one) and one.value != ""]
    yield "textModulesData", [text_module(face, one) for one in back[:TEXT_MODULES_MAX]]
    yield "linksModuleData", _links(face)
    places = face.locations[:LOCATIONS_MAX]
    yield "merchantLocations", [{"latitude": one.latitude, "longitude": one.longitude} for one in places]
    yield "callbackOptions", {"url": callback_url} if callback_url else None
    if face.app is not None and face.app.android_package:
        target = {"packageName": face.app.android_package}
        yield "appLinkData", {"androidAppLinkInfo": {"appTarget": target}}


def _links(face: CardFace) -> dict[str, Any] | None:
    uris = []
    for place, link in enumerate(face.links):
        words = labelled(face, link.label, "description", "localizedDescription")
        uris.append({"id": f"link_{place}", "uri": link.url, **words})
    return {"uris": uris} if uris else None


def _text(key: str) -> str:
    return f"object.textModulesData['{key}']"


def _item(*paths: str) -> dict[str, Any]:
    """Return a place on the card, where the first of these fields stands that is not empty."""
    return {"firstValue": {"fields": [{"fieldPath": path} for path in paths]}}


def _row(start: dict[str, Any], end: dict[str, Any]) -> dict[str, Any]:
    return {"twoItems": {"startItem": start, "endItem": end}}


TEMPLATE: dict[str, Any] = {
    "cardTemplateOverride": {
        "cardRowTemplateInfos": [
            _row(_item("object.loyaltyPoints.balance"), _item("object.secondaryLoyaltyPoints.balance")),
            _row(_item(_text("state"), _text("tier"), _text("vouchers")), _item(_text("next_reward"), _text("expiry"))),
        ]
    }
}
"""Which fields stand on the card itself: what there is of balances, tier, next reward. The same for all, so that two
cards of one programme never ask for different classes."""


def _image(url: str) -> dict[str, Any]:
    return {"sourceUri": {"uri": url}}
