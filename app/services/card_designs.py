"""Use cases of a programme's card design: how its cards look in wallets, in the app and on paper."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from app.errors import InvalidError
from app.models import Program
from app.services import programs

_COMPRESSED = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
"""What a SubjectPublicKeyInfo of P-256 with a compressed point begins with (RFC 5480, section 2)."""
_POINT_BYTES = 33


def change(program: Program, *, values: Mapping[str, Any], whole: bool) -> dict[str, Any]:
    """Set the held programme's design: the `whole`, or its given parts, where None takes a part away.

    Raises InvalidError for parts that do not go together, and for a key that Wallet does not take.
    """
    design = programs.merged({} if whole else program.card_design, values)
    errors = [{"pointer": pointer, "detail": detail} for pointer, detail in _problems(design)]
    if errors:
        raise InvalidError("Some parts do not go together; `errors` names each.", errors=errors)
    program.card_design = design
    return program.card_design


def _problems(design: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [
        (f"#/relevant/{place}/end", "Must be later than `start`.")
        for place, one in enumerate(design.get("relevant") or ())
        if one.get("end") and datetime.fromisoformat(one["end"]) <= datetime.fromisoformat(one["start"])
    ]
    app = design.get("app") or {}
    if "launch_url" in app and "apple_store_id" not in app:
        found.append(("#/app/apple_store_id", "Is needed for `launch_url`."))
    if design.get("strip_style") == "image" and not design.get("strip_url"):
        found.append(("#/strip_url", "Is needed for the strip style `image`."))
    nfc = design.get("nfc")
    if nfc and not _is_compressed_p256(nfc["public_key"]):
        how = "openssl ec -pubin -pubout -conv_form compressed -outform DER"
        found.append(
            (
                "#/nfc/public_key",
                f"Not the base 64 of a P-256 public key with a compressed point, as `{how}` writes it.",
            )
        )
    return found


def _is_compressed_p256(text: str) -> bool:
    try:
        content = base64.b64decode(text, validate=True)
        load_der_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return len(content) == len(_COMPRESSED) + _POINT_BYTES and content.startswith(_COMPRESSED)
