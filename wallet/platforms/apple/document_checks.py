"""`pass.json` and the languages of a finished pass: what Wallet refuses, and what it shows otherwise than meant."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from wallet.platforms.apple import certificates, pass_json
from wallet.platforms.apple.findings import Finding

STYLES: Final = ("boardingPass", "coupon", "eventTicket", "generic", "storeCard", "posterGeneric")
TEXTS: Final = ("passTypeIdentifier", "serialNumber", "teamIdentifier", "organizationName", "description")
AREAS: Final = ("headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields")
DATES: Final = ("expirationDate", "relevantDate")
COLOURS: Final = ("backgroundColor", "foregroundColor", "labelColor")
BARCODES: Final = frozenset(pass_json.BARCODE_FORMATS.values())
NEW_BARCODES: Final = frozenset(f"PKBarcodeFormat{name}" for name in ("Code39", "Codabar", "EAN13", "I2of5"))
"""Known since iOS 27 only."""
CONTACT: Final = re.compile(r"@|https?://|\+?\d[\d ()./-]{5,}")
_COLOUR: Final = re.compile(r"rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_COMPRESSED_P256: Final = (33, 0x02, 0x03)


def of_document(pass_: Any, signer: x509.Certificate | None) -> list[Finding]:
    """Return everything that is wrong with a `pass.json`, given whose certificate signed it."""
    if not isinstance(pass_, dict):
        return [_found("pass-unreadable", "`pass.json` is not a JSON object.")]
    found = [
        *_required(pass_),
        *_identity(pass_, signer),
        *_looks(pass_),
        *_app(pass_),
        *_service(pass_),
        *_nfc(pass_, signer),
    ]
    styles = [name for name in STYLES if name in pass_]
    if len(styles) != 1 or not isinstance(pass_[styles[0]], dict):
        says = f"`pass.json` has {len(styles)} styles where it must have one, an object: {', '.join(STYLES)}."
        return [*found, _found("style", says)]
    return [*found, *_fields(pass_[styles[0]])]


def _required(pass_: Mapping[str, Any]) -> Iterator[Finding]:
    if pass_.get("formatVersion") != 1 or isinstance(pass_.get("formatVersion"), bool):
        yield _found("format-version", "`formatVersion` must be the number 1.")
    for name in TEXTS:
        if not isinstance(pass_.get(name), str) or not pass_[name]:
            yield _found("text-missing", f"`{name}` is missing, or not a text: Wallet opens no pass without it.")
    for name in DATES:
        if name in pass_ and not is_instant(pass_[name]):
            says = f"`{name}` is not an instant with its zone (such as 2026-12-24T18:00:00Z)."
            yield _found("date", says)


def _identity(pass_: Mapping[str, Any], signer: x509.Certificate | None) -> Iterator[Finding]:
    if signer is None:
        return
    facts = certificates.facts_of(signer)
    if pass_.get("passTypeIdentifier") != facts.pass_type_id:
        says = (
            f"The pass is of the type `{pass_.get('passTypeIdentifier')}`, its certificate of `{facts.pass_type_id}`."
        )
        yield _found("other-pass-type", says)
    if pass_.get("teamIdentifier") != facts.team_id:
        says = f"The pass is of the team `{pass_.get('teamIdentifier')}`, its certificate of `{facts.team_id}`."
        yield _found("other-team", says)


def _looks(pass_: Mapping[str, Any]) -> Iterator[Finding]:
    for name in COLOURS:
        if name in pass_ and not _COLOUR.fullmatch(str(pass_[name])):
            yield _found("colour", f"`{name}` is not written as `rgb(0, 0, 0)`: Wallet ignores it.", stops=False)
    barcodes = pass_.get("barcodes", [])
    for one in barcodes if isinstance(barcodes, list) else [None]:
        yield from _barcode(one)
    formats = [one.get("format") for one in barcodes if isinstance(one, dict)] if isinstance(barcodes, list) else []
    if formats and not BARCODES.intersection(formats):
        says = "No barcode of the pass is known before iOS 27: put a QR code behind it."
        yield _found("barcode-new", says, stops=False)
    places = pass_.get("locations", [])
    if not isinstance(places, list) or len(places) > pass_json.PLACES_MAX:
        yield _found("locations", f"`locations` must be a list of {pass_json.PLACES_MAX} places at most.")


def _app(pass_: Mapping[str, Any]) -> Iterator[Finding]:
    url = pass_.get("appLaunchURL")
    if url is None:
        return
    if not isinstance(url, str) or not _URL.fullmatch(url):
        yield _found("app-link", "`appLaunchURL` is not an address with a scheme: no app opens.", stops=False)
    if not pass_.get("associatedStoreIdentifiers"):
        says = "`appLaunchURL` has no effect without `associatedStoreIdentifiers`."
        yield _found("app-unknown", says, stops=False)


def _barcode(one: Any) -> Iterator[Finding]:
    if not isinstance(one, dict) or not all(
        isinstance(one.get(part), str) for part in ("format", "message", "messageEncoding")
    ):
        yield _found("barcode", "A barcode needs `format`, `message` and `messageEncoding`, all texts.")
        return
    if one["format"] not in BARCODES | NEW_BARCODES:
        yield _found("barcode-format", f"Wallet knows no barcode `{one['format']}`.")
    try:
        one["message"].encode(one["messageEncoding"])
    except (LookupError, UnicodeError):
        says = f"The barcode's text cannot be written in `{one['messageEncoding']}`."
        yield _found("barcode-encoding", says)


def _service(pass_: Mapping[str, Any]) -> Iterator[Finding]:
    url, token = pass_.get("webServiceURL"), pass_.get("authenticationToken")
    if url is None and token is None:
        yield _found("no-service", "The pass has no web service: it never changes once it is added.", stops=False)
        return
    if url is None or token is None:
        yield _found("half-service", "`webServiceURL` and `authenticationToken` need each other.")
    if not isinstance(token, str) or len(token) < pass_json.TOKEN_LENGTH_MIN:
        says = f"`authenticationToken` needs {pass_json.TOKEN_LENGTH_MIN} characters at least."
        yield _found("token-short", says)
    if isinstance(url, str) and not url.startswith("https://"):
        says = f"`webServiceURL` ({url}) is not https: phones ask only there, and the pass never changes."
        yield _found("service-not-https", says, stops=False)
    if isinstance(url, str) and url.rstrip("/").endswith("/v1"):
        yield _found("service-v1", "`webServiceURL` must end before `/v1`: Wallet appends it.", stops=False)


def _nfc(pass_: Mapping[str, Any], signer: x509.Certificate | None) -> Iterator[Finding]:
    if (nfc := pass_.get("nfc")) is None:
        return
    if not isinstance(nfc, dict) or not isinstance(nfc.get("message"), str):
        yield _found("nfc", "`nfc` needs a `message`.")
        return
    if len(nfc["message"].encode()) > pass_json.NFC_BYTES_MAX:
        says = f"The NFC message has more than {pass_json.NFC_BYTES_MAX} bytes: the phone cuts it."
        yield _found("nfc-long", says)
    if not is_nfc_key(nfc.get("encryptionPublicKey")):
        says = "`encryptionPublicKey` is not the base 64 of a P-256 key with a compressed point (SubjectPublicKeyInfo)."
        yield _found("nfc-key", says)
    if signer is not None and not certificates.facts_of(signer).nfc:
        says = "The certificate is not one with NFC: Apple grants it on request, and phones ignore `nfc` without it."
        yield _found("nfc-not-granted", says, stops=False)


def _fields(style: Mapping[str, Any]) -> Iterator[Finding]:
    fields = [(area, one) for area in AREAS for one in style.get(area, ()) or ()]
    keys = [one.get("key") for _, one in fields if isinstance(one, dict)]
    for key in sorted({str(key) for key in keys if keys.count(key) > 1}):
        yield _found("key-twice", f"Two fields have the key `{key}`.")
    for area, one in fields:
        yield from _field(area, one)
    if sum(area in {"secondaryFields", "auxiliaryFields"} for area, _ in fields) > pass_json.ROW_ROOM:
        yield _found(
            "row-full", f"More than {pass_json.ROW_ROOM} secondary and auxiliary fields: some are cut.", stops=False
        )
    backs = [f"{one.get('value')}" for area, one in fields if area == "backFields" and isinstance(one, dict)]
    if not any(CONTACT.search(text) for text in backs):
        says = "The back names no way to reach the issuer (a page, an address, a number), which Apple asks for."
        yield _found("no-contact", says, stops=False)


def _field(area: str, one: Any) -> Iterator[Finding]:
    if not isinstance(one, dict) or not isinstance(one.get("key"), str):
        yield _found("field-key", f"A field of `{area}` has no `key`.")
        return
    name = f"The field `{one['key']}`"
    value = one.get("value")
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        yield _found("field-value", f"{name} has no value: a text or a number.")
    if ("dateStyle" in one or "timeStyle" in one) and not is_instant(value):
        yield _found("field-date", f"{name} is shown as a date and is none (such as 2026-12-24T18:00:00Z).")
    if ("currencyCode" in one or "numberStyle" in one) and isinstance(value, str):
        yield _found("field-number", f"{name} is shown as a number and is a text.")
    if "changeMessage" in one and "%@" not in str(one["changeMessage"]):
        says = f"{name} has a change message without `%@`: the phone says nothing when it changes."
        yield _found("change-message", says, stops=False)
    if "textAlignment" in one and area in {"primaryFields", "backFields"}:
        yield _found("field-alignment", f"{name} cannot be aligned where it stands.", stops=False)


def is_instant(value: Any) -> bool:
    """Say whether it is an instant in ISO 8601 with its zone."""
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def is_nfc_key(text: Any) -> bool:
    """Say whether it is the base 64 of a P-256 SubjectPublicKeyInfo with a compressed point."""
    try:
        encoded = base64.b64decode(text, validate=True)
        key = load_der_public_key(encoded)
    except (TypeError, ValueError, binascii.Error):
        return False
    size, *leads = _COMPRESSED_P256
    is_p256 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    return is_p256 and encoded[-size] in leads and encoded[-size - 1] == 0


def _found(code: str, says: str, *, stops: bool = True) -> Finding:
    return Finding(code=code, about="pass", says=says, stops=stops)
