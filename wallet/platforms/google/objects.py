"""A card's face as Google says it: a `LoyaltyObject` for each card, with its rotating code.

Names and limits of fields are Google's: https://developers.google.com/wallet/reference/rest/v1/loyaltyobject. Every
document made here is complete: what it does not say the card does not show.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from app import money
from app.codes import totp
from wallet.card_face import CardFace, FaceField
from wallet.platforms.google.words import as_text, labelled, text_module

TEXT_MODULES_MAX = 10
MESSAGES_MAX = 10
INT32_MAX, INT64_MAX = 2**31 - 1, 2**63 - 1
MICROS_PER_MAJOR = 1_000_000
STATIC_PREFIX = "A1"
"""What a face's code begins with; `A2` is the same card's rotating one."""
BALANCES = ("loyaltyPoints", "secondaryLoyaltyPoints")
_PURSES = ("points", "stamps", "money")
_ELSEWHERE = frozenset({"member", "card_number", "message"})
"""Fields that Google has a place of its own for: `accountName`, `accountId`, and messages."""
MANAGED = frozenset({
    "accountId", "accountName", "appLinkData", "barcode", "groupingInfo", "heroImage", "loyaltyPoints",
    "passConstraints", "rotatingBarcode", "secondaryLoyaltyPoints", "state", "textModulesData", "validTimeInterval",
})  # fmt: skip
"""What we say of an object. Whatever of it Google still has and we no longer say has to go: see `leftovers`."""


def loyalty_object(
    face: CardFace, *, object_id: str, class_id: str, totp_key: bytes | None, hero_url: str | None = None
) -> dict[str, Any]:
    """Return the object of a card's face.

    With `totp_key` its code rotates; without, or where a face shows no code (blocked, replaced), there is none that a
    till takes. `hero_url` is the picture of its stamps, where Google can fetch it.
    """
    document: dict[str, Any] = {
        "id": object_id,
        "classId": class_id,
        "state": "INACTIVE" if face.voided else "ACTIVE",
        "passConstraints": {"screenshotEligibility": "INELIGIBLE"},
        "textModulesData": list(_text_modules(face)),
    }
    if face.card_number:
        document["accountId"] = face.card_number
    if face.member_name:
        document["accountName"] = face.member_name
    if face.expires_at is not None:
        document["validTimeInterval"] = {"end": {"date": face.expires_at.isoformat()}}
    if face.grouping:
        document["groupingInfo"] = {"groupingId": face.grouping}
    if hero_url:
        document["heroImage"] = {"sourceUri": {"uri": hero_url}}
    for name, one in zip(BALANCES, amounts(face), strict=False):
        label = labelled(face, one.label, "label", "localizedLabel")
        document[name] = {**label, "balance": _balance(face, one)}
    code = rotating_code(face, totp_key) if totp_key is not None else None
    if code is not None:
        document["rotatingBarcode"] = code
    return document


def erased_object(*, object_id: str, class_id: str) -> dict[str, Any]:
    """Return what replaces the object of a person who was erased: Google deletes none, so it is emptied."""
    return {"id": object_id, "classId": class_id, "state": "EXPIRED"}


def rotating_code(face: CardFace, totp_key: bytes) -> dict[str, Any] | None:
    """Return the code that the phone computes by itself, offline: `A2`, the card's token, 8 digits, and the time.

    There is no static one beside it: a phone would fall back on it, and a picture of it would work for ever.
    """
    text = face.barcode_text
    if text is None or not text.startswith(STATIC_PREFIX):
        return None
    code: dict[str, Any] = {
        "type": {"qr": "QR_CODE", "pdf417": "PDF_417", "aztec": "AZTEC", "code128": "CODE_128"}[face.barcode_format],
        "renderEncoding": "UTF_8",
        "valuePattern": f"A2{text.removeprefix(STATIC_PREFIX)}:{{totp_value_0}}:{{totp_timestamp_seconds}}",
        "totpDetails": {
            "algorithm": "TOTP_SHA1",
            "periodMillis": str(totp.PERIOD_SECONDS * 1000),
            "parameters": [{"key": totp_key.hex().upper(), "valueLength": totp.DIGITS}],
        },
    }
    caption = face.barcode_caption or face.card_number
    if caption:
        code["alternateText"] = caption
    return code


def leftovers(document: Mapping[str, Any], resource: Mapping[str, Any], managed: Collection[str] = MANAGED) -> set[str]:
    """Return the fields that Google still shows and `document` does not say: PATCH takes nothing away."""
    return {name for name in managed if resource.get(name) and name not in document}


def is_on_class(one: FaceField) -> bool:
    """Tell whether a field is the same on all cards, and so a part of the class."""
    return one.key == "issuer" or one.key.startswith(("back_", "contact_"))


def amounts(face: CardFace) -> Sequence[FaceField]:
    """Return the balances that stand on the card, which has room for two: points, stamps, then the rest."""
    found = [one for one in face.fields if one.key in _PURSES or one.key.startswith("purse_")]
    return sorted(found, key=lambda one: _PURSES.index(one.key) if one.key in _PURSES else 9)[: len(BALANCES)]


def _balance(face: CardFace, one: FaceField) -> dict[str, Any]:
    if not isinstance(one.value, int):
        return {"string": as_text(one, face.locale).replace(" / ", "/")}
    if one.kind == "money" and one.currency:
        micros = one.value * MICROS_PER_MAJOR // money.minor_per_major(one.currency)
        if abs(micros) > INT64_MAX:
            return {"string": as_text(one, face.locale)}
        return {"money": {"micros": str(micros), "currencyCode": one.currency}}
    return {"int": one.value} if abs(one.value) <= INT32_MAX else {"string": str(one.value)}


def _text_modules(face: CardFace) -> Iterator[dict[str, Any]]:
    """Yield the texts below the card, as many as Google shows."""
    elsewhere = {one.key for one in amounts(face)} | _ELSEWHERE
    rest = [one for one in face.fields if one.key not in elsewhere and not is_on_class(one) and one.value != ""]
    for one in rest[:TEXT_MODULES_MAX]:
        yield text_module(face, one)
