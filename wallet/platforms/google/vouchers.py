"""A voucher as Google says it: a `GenericObject` of the kind "voucher", and the class that a programme's share.

Names and limits of fields are Google's: https://developers.google.com/wallet/reference/rest/v1/genericobject. An offer
of Google's would have its title on the class, and so a class for each reward: here what a voucher is worth stands on
the voucher. Its code does not rotate: it is honoured once, whoever shows it.
"""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from wallet.card_face import CardFace
from wallet.platforms.google.objects import TEXT_MODULES_MAX
from wallet.platforms.google.words import localized, text_module

TITLE: Final = "voucher"
"""The key of the field that says what the voucher is."""
MANAGED: Final = frozenset(
    {"barcode", "groupingInfo", "linksModuleData", "subheader", "textModulesData", "validTimeInterval"}
)
CLASS_MANAGED: Final = frozenset({"callbackOptions"})
_TYPES: Final = {"qr": "QR_CODE", "pdf417": "PDF_417", "aztec": "AZTEC", "code128": "CODE_128"}


def class_id(issuer_id: str, program_id: UUID) -> str:
    """Return the id of the class of a programme's vouchers."""
    return f"{issuer_id}.{program_id.hex}-vouchers"


def voucher_class(*, class_id: str, callback_url: str | None = None) -> dict[str, Any]:
    """Return that class: generic ones say next to nothing."""
    # Who has the link saves the voucher once, as with cards.
    document: dict[str, Any] = {"id": class_id, "multipleDevicesAndHoldersAllowedStatus": "ONE_USER_ALL_DEVICES"}
    return {**document, "callbackOptions": {"url": callback_url}} if callback_url else document


def voucher_object(face: CardFace, *, object_id: str, class_id: str, logo_url: str) -> dict[str, Any]:
    """Return the object of a voucher's face; one that no till honours is inactive and shows no code."""
    document: dict[str, Any] = {
        "id": object_id,
        "classId": class_id,
        "genericType": "GENERIC_VOUCHER",
        "state": "INACTIVE" if face.voided else "ACTIVE",
        "cardTitle": localized(face, face.program_name),
        "header": localized(face, next((str(one.value) for one in face.fields if one.key == TITLE), face.description)),
        "logo": {"sourceUri": {"uri": logo_url}},
        "hexBackgroundColor": face.colours.background,
    }
    return document | {name: value for name, value in _parts(face) if value}


def erased_voucher(*, object_id: str, class_id: str) -> dict[str, Any]:
    """Return what replaces the voucher of a person who was erased: Google deletes none, and wants a title."""
    nothing = {"defaultValue": {"language": "en", "value": "-"}}
    return {"id": object_id, "classId": class_id, "state": "EXPIRED", "cardTitle": nothing, "header": nothing}


def _parts(face: CardFace) -> Iterator[tuple[str, Any]]:
    """Yield what a voucher may do without; empty where it does."""
    if face.barcode_text is not None and not face.voided:
        caption = {"alternateText": face.barcode_caption} if face.barcode_caption else {}
        yield "barcode", {"type": _TYPES[face.barcode_format], "value": face.barcode_text, **caption}
    if face.expires_at is not None:
        yield "validTimeInterval", {"end": {"date": face.expires_at.isoformat()}}
    if face.grouping:
        yield "groupingInfo", {"groupingId": face.grouping}
    texts = [one for one in face.fields if one.key != TITLE and one.value != ""]
    yield "textModulesData", [text_module(face, one) for one in texts[:TEXT_MODULES_MAX]]
    if face.links:
        uris = [
            {"id": f"link_{place}", "uri": link.url, "localizedDescription": localized(face, link.label)}
            for place, link in enumerate(face.links)
        ]
        yield "linksModuleData", {"uris": uris}
