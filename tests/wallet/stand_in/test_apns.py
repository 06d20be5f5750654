"""The stand-in of APNs, asked by another client of HTTP/2 than ours: it refuses what APNs refuses, in APNs' words."""

import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app import clock
from tests.world_passkit import OTHER, SHARED, apple, identity_of
from wallet.stand_in.apns import ApnsStandIn

PHONE = "ab" * 32
RIGHT = {"apns-topic": SHARED, "apns-push-type": "background", "apns-priority": "5"}


def test_a_push_to_wallet_is_taken_and_named(client: httpx.Client, apns: ApnsStandIn) -> None:
    answer = client.post(f"/3/device/{PHONE}", headers=RIGHT, content=b"{}")
    assert (answer.status_code, answer.http_version, answer.content) == (200, "HTTP/2", b"")
    assert len(answer.headers["apns-id"]) == 36
    assert [(push.topic, push.token) for push in apns.pushes] == [(SHARED, PHONE)]


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"method": "GET"}, 405, "MethodNotAllowed"),
        ({"path": "/3/devices/ab"}, 404, "BadPath"),
        ({"path": "/3/device/"}, 400, "MissingDeviceToken"),
        ({"path": "/3/device/not-hex"}, 400, "BadDeviceToken"),
        ({"headers": {"apns-topic": ""}}, 400, "MissingTopic"),
        ({"headers": {"apns-topic": OTHER}}, 400, "TopicDisallowed"),
        ({"headers": {"apns-priority": "7"}}, 400, "BadPriority"),
        ({"headers": {"apns-priority": "10"}}, 400, "BadPriority"),
        ({"headers": {"apns-push-type": "wallet"}}, 400, "InvalidPushType"),
        ({"headers": {"apns-id": "7"}}, 400, "BadMessageId"),
        ({"headers": {"apns-expiration": "soon"}}, 400, "BadExpirationDate"),
        ({"content": b""}, 400, "PayloadEmpty"),
        ({"content": b"{"}, 400, "PayloadEmpty"),
        ({"content": b"{" + b" " * 5000 + b"}"}, 413, "PayloadTooLarge"),
        ({"content": b'{"aps": {}}'}, 400, "PayloadNotForWallet"),
        ({"headers": {"authorization": "Bearer x"}}, 403, "MissingProviderToken"),
        ({"headers": {"authorization": "bearer x"}}, 403, "InvalidProviderToken"),
    ],
)
def test_what_is_wrong_with_a_push_is_said(
    client: httpx.Client, apns: ApnsStandIn, change: dict[str, object], status: int, reason: str
) -> None:
    headers = RIGHT | change.get("headers", {})  # type: ignore[operator]
    answer = client.request(
        str(change.get("method", "POST")), str(change.get("path", f"/3/device/{PHONE}")), headers=headers,
        content=change.get("content", b"{}"),
    )  # fmt: skip
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert list(apns.pushes) == []
    assert list(apns.refusals) == [reason]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ({}, None), ({"kid": "OTHER00000"}, "InvalidProviderToken"), ({"iss": "OTHER00000"}, "InvalidProviderToken"),
        ({"iat": -3601}, "ExpiredProviderToken"), ({"key": "other"}, "InvalidProviderToken"),
        ({"topic": OTHER}, "TopicDisallowed"),
    ],
)  # fmt: skip
def test_a_teams_token_is_checked_whole(apns: ApnsStandIn, spoil: dict[str, object], reason: str | None) -> None:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    apns.add_team(key.public_key(), key_id="KEY0000001", team_id="TEAM000001", topics=[SHARED])
    made_at = clock.now() + timedelta(seconds=int(str(spoil.get("iat", 0))))
    token = jwt.encode(
        {"iss": spoil.get("iss", "TEAM000001"), "iat": int(made_at.timestamp())},
        other if spoil.get("key") else key, algorithm="ES256", headers={"kid": str(spoil.get("kid", "KEY0000001"))},
    )  # fmt: skip
    headers = RIGHT | {"apns-topic": str(spoil.get("topic", SHARED)), "authorization": f"bearer {token}"}
    with httpx.Client(http2=True, base_url=apns.url, verify=trusting(apns)) as nameless:
        answer = nameless.post(f"/3/device/{PHONE}", headers=headers, content=b"{}")
    assert (answer.status_code == 200) == (reason is None)
    assert reason is None or answer.json()["reason"] == reason


def test_whoever_shows_neither_certificate_nor_token_is_refused(apns: ApnsStandIn) -> None:
    with httpx.Client(http2=True, base_url=apns.url, verify=trusting(apns)) as nameless:
        answer = nameless.post(f"/3/device/{PHONE}", headers=RIGHT, content=b"{}")
    assert (answer.status_code, answer.json()["reason"]) == (403, "MissingProviderToken")


def test_http_1_is_not_spoken(apns: ApnsStandIn, identity_file: Path) -> None:
    with httpx.Client(http2=False, base_url=apns.url, verify=trusting(apns, identity_file)) as old:
        answer = old.post(f"/3/device/{PHONE}", headers=RIGHT, content=b"{}")
    assert answer.json()["reason"] == "BadPath"


def test_a_phone_that_went_is_answered_with_the_time(client: httpx.Client, apns: ApnsStandIn) -> None:
    apns.unregister(PHONE)
    answer = client.post(f"/3/device/{PHONE}", headers=RIGHT, content=b"{}")
    assert (answer.status_code, answer.json()["reason"]) == (410, "Unregistered")
    assert abs(answer.json()["timestamp"] / 1000 - clock.now().timestamp()) < 60


def trusting(apns: ApnsStandIn, identity_file: Path | None = None) -> ssl.SSLContext:
    tls = ssl.create_default_context(cafile=str(apns.ca_file))
    if identity_file is not None:
        tls.load_cert_chain(identity_file)
    return tls


@pytest.fixture
def apns(tmp_path: Path) -> Iterator[ApnsStandIn]:
    with ApnsStandIn(tmp_path / "apns", apple().root_pem.decode()) as stand_in:
        yield stand_in


@pytest.fixture
def identity_file(tmp_path: Path) -> Path:
    """Certificate, chain and key of the pass type."""
    identity = identity_of(SHARED)
    path = tmp_path / "identity.pem"
    path.write_bytes(b"\n".join((identity.certificate_pem, apple().intermediate_pem, identity.key_pem)))
    return path


@pytest.fixture
def client(apns: ApnsStandIn, identity_file: Path) -> Iterator[httpx.Client]:
    with httpx.Client(http2=True, base_url=apns.url, verify=trusting(apns, identity_file)) as opened:
        yield opened
