"""A face as Apple's `pass.json`: a store card, or a coupon for a voucher.

Source: Apple's Wallet Passes, "Pass" and the objects below it. What Wallet would cut off (a fifth field in the rows of
a store card) goes to the back instead, where there is room for everything.
"""

import html
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from app.money import as_decimal
from wallet.card_face import VALUE_PLACE, CardFace, FaceField

TOKEN_LENGTH_MIN: Final = 16
BARCODE_FORMATS: Final = {
    "qr": "PKBarcodeFormatQR",
    "pdf417": "PKBarcodeFormatPDF417",
    "aztec": "PKBarcodeFormatAztec",
    "code128": "PKBarcodeFormatCode128",
}
STYLES: Final = {"card": "storeCard", "voucher": "coupon"}
ROOM: Final = {"header": 3, "primary": 1}
ROW_ROOM: Final = 4
"""Secondary and auxiliary fields of a store card or a coupon share one row of four."""
PLACES_MAX: Final = 10
NFC_BYTES_MAX: Final = 64
BARCODE_ENCODING: Final = "iso-8859-1"


@dataclass(frozen=True, kw_only=True)
class Particulars:
    """What a pass has that its face has not: who signs it, its name to the world, where it asks for news.

    `serial` and `token` never change during a pass's life. Without `service_url` the phone never asks again, and needs
    no token; Wallet appends `/v1/…` to it. `nfc` says whether Apple granted NFC to the certificate.
    """

    pass_type_id: str
    team_id: str
    organization: str
    serial: str
    token: str = field(default="", repr=False)
    service_url: str | None = None
    nfc: bool = False


def document(face: CardFace, particulars: Particulars) -> dict[str, Any]:
    """Return the face as `pass.json`; raise ValueError for a token that Wallet would refuse."""
    pass_: dict[str, Any] = {
        "formatVersion": 1,
        "passTypeIdentifier": particulars.pass_type_id,
        "teamIdentifier": particulars.team_id,
        "serialNumber": particulars.serial,
        "organizationName": particulars.organization,
        "description": face.description,
        "backgroundColor": colour(face.colours.background),
        "foregroundColor": colour(face.colours.foreground),
        "labelColor": colour(face.colours.label),
        "sharingProhibited": face.sharing_prohibited,
        STYLES[face.style]: _areas(face),
    }
    if particulars.service_url:
        if len(particulars.token) < TOKEN_LENGTH_MIN:
            raise ValueError(f"an authentication token has {TOKEN_LENGTH_MIN} characters at least")
        pass_ |= {"webServiceURL": particulars.service_url, "authenticationToken": particulars.token}
    if face.title:
        pass_["logoText"] = face.title
    if face.barcode_text is not None and not face.voided:
        pass_["barcodes"] = _barcodes(face)
    return pass_ | _validity(face) | _relevance(face) | _links(face) | (_nfc(face) if particulars.nfc else {})


def colour(text: str) -> str:
    """Return `#rrggbb` as the triple that Wallet reads."""
    red, green, blue = bytes.fromhex(text[1:])
    return f"rgb({red}, {green}, {blue})"


def strings(face: CardFace) -> dict[str, dict[str, str]]:
    """Return each language's words by the face's own; empty for a face of one language.

    The face's own language stands among them, word for itself: a phone takes one of the languages that are there, and
    would take a foreign one for want of its own. All have the same keys, as Wallet wants.
    """
    languages = {tag: words for tag, words in face.strings.items() if words and tag != face.locale}
    if not languages:
        return {}
    keys = sorted(set().union(*languages.values()))
    found = {tag: {key: words.get(key, key) for key in keys} for tag, words in languages.items()}
    return {face.locale: {key: key for key in keys}, **found}


def _areas(face: CardFace) -> dict[str, Any]:
    areas: dict[str, list[FaceField]] = {area: [] for area in ("header", "primary", "secondary", "auxiliary", "back")}
    for one in face.fields:
        areas[_area_with_room(one, areas)].append(one)
    shown = {f"{area}Fields": [_field(one) for one in fields] for area, fields in areas.items()}
    shown["backFields"] += [
        {
            "key": f"link_{place}",
            "label": link.label,
            "value": link.url,
            "attributedValue": _anchor(link.url, link.label),
        }
        for place, link in enumerate(face.links, 1)
    ]
    return {area: fields for area, fields in shown.items() if fields}


def _area_with_room(one: FaceField, areas: dict[str, list[FaceField]]) -> str:
    if one.area in ROOM:
        return one.area if len(areas[one.area]) < ROOM[one.area] else "back"
    if one.area in {"secondary", "auxiliary"}:
        return one.area if len(areas["secondary"]) + len(areas["auxiliary"]) < ROW_ROOM else "back"
    return one.area


def _field(one: FaceField) -> dict[str, Any]:
    shown = {"key": one.key, "label": one.label, **_value(one)}
    if one.change_message is not None and VALUE_PLACE in one.change_message:
        shown["changeMessage"] = one.change_message
    return shown


def _value(one: FaceField) -> dict[str, Any]:
    if one.kind == "number":
        return {"value": one.value, "numberStyle": "PKNumberStyleDecimal"}
    if one.kind == "money":
        assert isinstance(one.value, int)
        currency = one.currency or "EUR"
        amount = as_decimal(one.value, currency)
        return {"value": int(amount) if amount == int(amount) else float(amount), "currencyCode": currency}
    if one.kind == "date":
        # Noon, and in the zone that is written: it is the same day wherever the phone is.
        day = {"dateStyle": "PKDateStyleMedium", "timeStyle": "PKDateStyleNone", "ignoresTimeZone": True}
        return {"value": f"{_iso(one.value)}T12:00:00Z", **day}
    if one.kind == "instant":
        return {"value": _iso(one.value), "dateStyle": "PKDateStyleMedium", "timeStyle": "PKDateStyleShort"}
    return {"value": one.value}


def _barcodes(face: CardFace) -> list[dict[str, str]]:
    """Return the programme's kind of barcode first, and a QR code for devices that cannot show it (watches)."""
    caption = {"altText": face.barcode_caption} if face.barcode_caption else {}
    shown = {"message": face.barcode_text or "", "messageEncoding": BARCODE_ENCODING, **caption}
    kinds = dict.fromkeys((face.barcode_format, "qr"))
    return [{"format": BARCODE_FORMATS[kind], **shown} for kind in kinds]


def _validity(face: CardFace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if face.expires_at is not None:
        found["expirationDate"] = instant(face.expires_at)
    if face.voided:
        found["voided"] = True
    if face.grouping:
        found["groupingIdentifier"] = face.grouping
    return found


def _relevance(face: CardFace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if face.locations:
        found["locations"] = [
            {"latitude": place.latitude, "longitude": place.longitude}
            | ({"relevantText": place.text} if place.text else {})
            for place in face.locations[:PLACES_MAX]
        ]
        if face.max_distance_m is not None:
            found["maxDistance"] = face.max_distance_m
    if face.relevant:
        # iOS 18 reads `relevantDate` of a single instant, iOS 26 `date`; older ones only the top level's.
        found["relevantDate"] = instant(face.relevant[0].start)
        found["relevantDates"] = [
            {"startDate": instant(span.start), "endDate": instant(span.end)}
            if span.end
            else {"date": instant(span.start), "relevantDate": instant(span.start)}
            for span in face.relevant
        ]
    return found


def _links(face: CardFace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if face.app is not None and face.app.apple_store_id is not None:
        found["associatedStoreIdentifiers"] = [face.app.apple_store_id]
        if face.app.launch_url:
            found["appLaunchURL"] = face.app.launch_url
    return found


def _nfc(face: CardFace) -> dict[str, Any]:
    if face.nfc is None:
        return {}
    authentication = {"requiresAuthentication": True} if face.nfc.requires_authentication else {}
    nfc = {"message": face.nfc.message, "encryptionPublicKey": face.nfc.public_key, **authentication}
    # A pass whose holder has to unlock it is not to be shared: Apple asks for both together.
    return {"nfc": nfc, **({"sharingProhibited": True} if face.nfc.requires_authentication else {})}


def instant(at: datetime) -> str:
    """Return an aware instant as Wallet reads it: ISO 8601 to the second, with its zone."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _iso(value: Any) -> str:
    return instant(value) if isinstance(value, datetime) else str(value)


def _anchor(url: str, label: str) -> str:
    return f"<a href='{html.escape(url)}'>{html.escape(label)}</a>"
