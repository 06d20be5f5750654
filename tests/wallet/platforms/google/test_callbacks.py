"""Google's callbacks are believed when Google signed them, for us, and not long ago; nothing else is."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from app import clock
from tests.wallet.platforms.google.samples import CLASS_ID, ISSUER_ID
from wallet.platforms.google import callbacks
from wallet.platforms.google.callbacks import CallbackRefusedError, RootKey
from wallet.stand_in.google_callbacks import Callbacks

OBJECT_ID = f"{ISSUER_ID}.0123"
GOOGLE = Callbacks()
BODY = GOOGLE.make(class_id=CLASS_ID, object_id=OBJECT_ID, event="save", nonce="n1")


def keys(google: Callbacks = GOOGLE) -> list[RootKey]:
    return callbacks.read_root_keys(google.root_keys())


def verify(body: bytes, issuer_id: str = ISSUER_ID, **values: Any) -> callbacks.Callback:
    return callbacks.verify(body, values.get("keys", keys()), issuer_id=issuer_id, at=values.get("at", clock.now()))


def changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(BODY), **changes}).encode()


def test_a_save_is_heard() -> None:
    heard = verify(BODY)

    assert (heard.event, heard.object_id, heard.class_id, heard.nonce) == ("save", OBJECT_ID, CLASS_ID, "n1")
    assert callbacks.issuer_of(BODY) == ISSUER_ID


@pytest.mark.parametrize("name", ["é", "カード", "💳" * 20])
def test_lengths_are_counted_in_bytes(name: str) -> None:
    object_id = f"{ISSUER_ID}.{name}"
    body = GOOGLE.make(class_id=f"{ISSUER_ID}.{name}", object_id=object_id, event="del")

    assert verify(body).object_id == object_id


def test_lengths_in_bytes_are_what_the_documentation_shows() -> None:
    assert callbacks.signed_bytes(("é", "ab")) == b"\x02\x00\x00\x00\xc3\xa9\x02\x00\x00\x00ab"


FORGED = {
    "another event": changed(signedMessage=json.loads(BODY)["signedMessage"].replace("save", "del")),
    "another signature": changed(signature=base64.b64encode(b"nothing").decode()),
    "no base 64": changed(signature="é"),
    "encrypted": changed(protocolVersion="ECv2"),
    "old": changed(protocolVersion="ECv1"),
    "no key": changed(intermediateSigningKey=None),
    "an empty key": changed(intermediateSigningKey={"signedKey": "{}", "signatures": []}),
    "half a character": changed(signedMessage="\ud800"),
    "a number": changed(signedMessage=3),
    "nothing": b"",
    "a list": b"[]",
    "no text": b"\xff",
    "open braces": b"{" * 10_000,
    "open brackets": b"[" * 10_000,
    "much": b"{}" + b" " * 20_000,
}


@pytest.mark.parametrize("name", sorted(FORGED))
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(CallbackRefusedError):
        verify(FORGED[name])


def test_a_message_to_another_issuer_is_refused() -> None:
    with pytest.raises(CallbackRefusedError):
        verify(BODY, issuer_id="3388000000099999999")


def test_a_message_about_anothers_object_is_refused() -> None:
    """Signed for the issuer of its object alone: whoever claims to be that issuer is somebody else."""
    body = GOOGLE.make(class_id=CLASS_ID, object_id="3388000000099999999.0123", event="save")

    with pytest.raises(CallbackRefusedError):
        verify(body)


def test_keys_of_another_are_worth_nothing() -> None:
    with pytest.raises(CallbackRefusedError, match="no root key"):
        verify(BODY, keys=keys(Callbacks()))


def test_nobody_can_vouch_for_his_own_key() -> None:
    """An intermediate key that signs itself, and a message with it, is a forgery of whoever has any key."""
    forger = Callbacks()
    forged = json.loads(forger.make(class_id=CLASS_ID, object_id=OBJECT_ID, event="save"))
    forged["intermediateSigningKey"]["signatures"] = json.loads(BODY)["intermediateSigningKey"]["signatures"]

    with pytest.raises(CallbackRefusedError, match="no root key"):
        verify(json.dumps(forged).encode())


def test_old_messages_keys_and_root_keys_are_refused() -> None:
    for step, why in (
        (timedelta(hours=1), "message has expired"),
        (timedelta(days=8), "intermediate signing key has expired"),
        (timedelta(days=3651), "no root key"),
    ):
        with pytest.raises(CallbackRefusedError, match=why):
            verify(BODY, at=clock.now() + step)


def test_the_other_name_that_google_gives_itself_is_known() -> None:
    root, intermediate = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    later = int((clock.now() + timedelta(hours=1)).timestamp() * 1000)
    signed_key = json.dumps({"keyValue": public(intermediate), "keyExpiration": str(later)})
    facts = {"classId": CLASS_ID, "objectId": OBJECT_ID, "eventType": "del", "count": 2, "nonce": "x"}
    message = json.dumps({**facts, "expTimeMillis": later})
    sender, protocol = "GoogleWalletPasses", callbacks.PROTOCOL
    body = {
        "protocolVersion": protocol,
        "signedMessage": message,
        "signature": sign(intermediate, sender, ISSUER_ID, protocol, message),
        "intermediateSigningKey": {"signedKey": signed_key, "signatures": [sign(root, sender, protocol, signed_key)]},
    }
    roots = {"keys": [{"keyValue": public(root), "protocolVersion": protocol}]}

    assert verify(json.dumps(body).encode(), keys=callbacks.read_root_keys(roots)).count == 2


def test_root_keys_of_other_protocols_are_left_out() -> None:
    document = GOOGLE.root_keys()
    document["keys"].append({**document["keys"][0], "protocolVersion": "ECv2"})

    assert len(callbacks.read_root_keys(document)) == 1


BAD_KEY = {"protocolVersion": "ECv2SigningOnly", "keyValue": "AA=="}


@pytest.mark.parametrize("document", [{}, [], {"keys": [{}]}, {"keys": "x"}, None, {"keys": [BAD_KEY]}])
def test_a_page_that_is_no_list_of_keys_is_not_taken_for_one(document: Any) -> None:
    with pytest.raises(ValueError, match="no list of root keys"):
        callbacks.read_root_keys(document)


@given(st.data())
def test_no_mutant_is_heard_and_none_breaks_the_verifier(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(BODY) - 1))
    body = bytearray(BODY)
    body[place] ^= data.draw(st.integers(1, 255))
    try:
        heard = verify(bytes(body))
    except CallbackRefusedError:
        return
    assert heard == verify(BODY)  # whitespace of the envelope, or the like


def public(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def sign(key: ec.EllipticCurvePrivateKey, *parts: str) -> str:
    return base64.b64encode(key.sign(callbacks.signed_bytes(parts), ec.ECDSA(hashes.SHA256()))).decode()
