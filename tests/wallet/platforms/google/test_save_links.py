"""The link that saves a card says which one, is signed as Google demands, and holds no secret."""

import base64
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import RSAKey

from tests.wallet.platforms.google.samples import CLASS_ID, ISSUER_ID, TOTP_KEY
from wallet.platforms.google import save_links

EMAIL = "wallet@cafe-assidu-app.iam.gserviceaccount.com"
OBJECT_ID = f"{ISSUER_ID}.{'0' * 32}"


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def make(**changes: Any) -> str:
    values: dict[str, Any] = {
        "client_email": EMAIL, "key_id": "0123456789abcdef0123456789abcdef01234567", "class_id": CLASS_ID,
        "object_ids": [OBJECT_ID], "origins": ["https://loyalty.example"], "issued_at": 1_790_000_000,
    }  # fmt: skip
    return save_links.make(key(), **{**values, **changes})


def token_of(link: str) -> str:
    return link.rpartition("/")[2]


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    else:
        yield str(value)


def test_pyjwt_believes_it() -> None:
    claims = jwt.decode(
        token_of(make()), key().public_key(), algorithms=["RS256"], audience="google", issuer=EMAIL,
        options={"require": ["iss", "aud", "iat"], "verify_iat": False},
    )  # fmt: skip

    assert claims["typ"] == "savetowallet"
    assert claims["payload"] == {"loyaltyObjects": [{"id": OBJECT_ID, "classId": CLASS_ID}]}


def test_joserfc_believes_it() -> None:
    pem = key().public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    found = joserfc_jwt.decode(token_of(make()), RSAKey.import_key(pem), algorithms=["RS256"])

    assert found.header["alg"] == "RS256"
    assert (found.claims["iss"], found.claims["aud"], found.claims["iat"]) == (EMAIL, "google", 1_790_000_000)


def test_a_changed_link_is_not_believed() -> None:
    head, payload, signature = token_of(make()).split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["payload"]["loyaltyObjects"][0]["id"] = f"{ISSUER_ID}.another"
    other = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()

    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(f"{head}.{other}.{signature}", key().public_key(), algorithms=["RS256"], audience="google")


def test_it_is_short_enough_for_every_browser_and_mail() -> None:
    link = make()

    assert link.startswith("https://pay.google.com/gp/v/save/")
    assert len(token_of(link)) < save_links.JWT_LENGTH_MAX
    assert len(token_of(link)) < 900


def test_a_link_that_would_be_cut_is_not_made() -> None:
    with pytest.raises(ValueError, match="1800 are safe"):
        make(object_ids=[f"{OBJECT_ID}{place}" for place in range(20)])


def test_it_holds_ids_and_nothing_that_anybody_could_use() -> None:
    claims = json.loads(base64.urlsafe_b64decode(token_of(make()).split(".")[1] + "=="))

    said = set(texts(claims))

    assert said == {
        "iss", EMAIL, "aud", "google", "typ", "savetowallet", "iat", "1790000000", "origins", "https://loyalty.example",
        "payload", "loyaltyObjects", "id", OBJECT_ID, "classId", CLASS_ID,
    }  # fmt: skip
    assert TOTP_KEY.hex().upper() not in json.dumps(claims).upper()
