"""Pushes to Wallet against the stand-in of APNs, over real TLS: whom it lets in, and what each answer means."""

import dataclasses
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app import clock
from wallet.platforms.apple.authority import Authority, Identity
from wallet.platforms.apple.provider_tokens import ProviderTokens, TokenLogin
from wallet.platforms.apple.push import (
    CREDENTIAL_PAUSE_SECONDS,
    SENT,
    ApnsClient,
    CertificateLogin,
    PushResult,
    read_answer,
)
from wallet.stand_in.apns import REFUSALS, ApnsStandIn
from wire.exchanges import Response
from wire.stand_in.certificates import make_tls
from wire.transport import TransportLimits

TOPIC = "pass.example.cafe"
PHONE = "a1" * 32
LIMITS = TransportLimits(
    timeout_seconds=30, connect_timeout_seconds=20, streams=1000, connections=1, messages_per_minute=None
)


def phones(count: int) -> list[str]:
    return [f"{number:064x}" for number in range(count)]


# Whom APNs lets in.


def test_the_pass_types_own_certificate_is_let_in(client: ApnsClient, apns: ApnsStandIn) -> None:
    assert client.push_many([PHONE]) == [SENT]
    [push] = apns.wait_for(1)
    assert (push.topic, push.token) == (TOPIC, PHONE)


def test_a_phone_that_is_off_for_weeks_is_told_when_it_comes_back(client: ApnsClient, apns: ApnsStandIn) -> None:
    client.push_many([PHONE])
    [push] = apns.wait_for(1)
    assert push.expires_at is not None
    assert timedelta(days=28) < push.expires_at - clock.now() < timedelta(days=31)


def test_many_pushes_share_one_connection(client: ApnsClient, apns: ApnsStandIn) -> None:
    assert client.push_many(phones(400)) == [SENT] * 400
    assert client.push_many(phones(400)) == [SENT] * 400
    assert apns.connections_opened == 1
    assert [push.token for push in apns.pushes] == phones(400) * 2


def test_a_certificate_of_another_pass_type_may_not_speak_for_this_one(apns: ApnsStandIn, authority: Authority) -> None:
    client = open_client(apns, authority.issue("pass.example.other"), authority)
    [result] = client.push_many([PHONE])
    client.close()
    assert result == PushResult(
        outcome="retry", reason="topic_disallowed", retry_after_seconds=CREDENTIAL_PAUSE_SECONDS
    )
    assert list(apns.pushes) == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("wrong", ["expired", "of a stranger"])
def test_a_certificate_that_is_refused_is_told_from_a_server_that_is_away(
    tmp_path: Path, authority: Authority, wrong: str, version: ssl.TLSVersion
) -> None:
    chain = Authority.make() if wrong == "of a stranger" else authority
    identity = chain.issue(TOPIC, at=clock.now() - timedelta(days=400 if wrong == "expired" else 0))
    with Gatekeeper(tmp_path, authority, version) as gatekeeper:
        client = open_client(gatekeeper, identity, chain)
        [refused] = client.push_many([PHONE])
        client.close()
    away = open_client(gatekeeper, authority.issue(TOPIC), authority)
    [unreachable] = away.push_many([PHONE])
    away.close()
    assert (refused.outcome, refused.reason) == ("retry", "bad_certificate")
    assert (unreachable.outcome, unreachable.reason) == ("retry", "unreachable")


def test_a_stranger_reaches_no_phone(apns: ApnsStandIn) -> None:
    stranger = Authority.make()
    client = open_client(apns, stranger.issue(TOPIC), stranger)
    [result] = client.push_many([PHONE])
    client.close()
    assert result.outcome == "retry"
    assert apns.posts_count == 0


def test_a_key_of_another_certificate_is_no_login(apns: ApnsStandIn, authority: Authority) -> None:
    one, other = authority.issue(TOPIC), authority.issue(TOPIC)
    with pytest.raises(ValueError, match="key"):
        open_client(apns, Identity(certificate_pem=one.certificate_pem, key_pem=other.key_pem), authority)


def test_no_private_key_is_left_on_the_disk(
    apns: ApnsStandIn, identity: Identity, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    open_client(apns, identity, authority).close()
    with pytest.raises(ValueError, match="key"):
        open_client(apns, Identity(certificate_pem=identity.certificate_pem, key_pem=other_key(authority)), authority)
    assert list(folder.iterdir()) == []


def test_a_teams_token_is_let_in_on_one_stream_at_first_and_many_later(apns: ApnsStandIn) -> None:
    client = token_client(apns, known_key(apns))
    assert client.push_many(phones(300)) == [SENT] * 300
    client.close()
    assert apns.connections_opened == 1
    assert list(apns.refusals) == []


def test_a_key_that_apple_does_not_know_is_refused_and_apns_is_left_alone(apns: ApnsStandIn) -> None:
    client = token_client(apns, ec.generate_private_key(ec.SECP256R1()))
    [refused] = client.push_many([PHONE])
    posts = apns.posts_count
    [paused] = client.push_many([PHONE])
    client.close()
    assert (refused.outcome, refused.reason) == ("retry", "invalid_provider_token")
    assert (paused.outcome, paused.reason) == ("retry", "invalid_provider_token")
    assert apns.posts_count == posts


def test_after_the_pause_apns_is_asked_again(apns: ApnsStandIn) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    client = token_client(apns, key)
    now = clock.now()
    with clock.held(now):
        client.push_many([PHONE])
        apns.add_team(key.public_key(), key_id="KEY0000001", team_id="TEAM000001", topics=[TOPIC])
        clock.advance(timedelta(seconds=CREDENTIAL_PAUSE_SECONDS + 1))
        assert client.push_many([PHONE]) == [SENT]
    client.close()


def test_a_token_of_a_team_without_this_pass_type_forgets_no_phone(apns: ApnsStandIn) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    apns.add_team(key.public_key(), key_id="KEY0000001", team_id="TEAM000001", topics=["pass.example.other"])
    client = token_client(apns, key)
    [result] = client.push_many([PHONE])
    client.close()
    assert (result.outcome, result.reason) == ("retry", "topic_disallowed")


def test_a_provider_token_is_kept_for_three_quarters_of_an_hour_and_no_longer() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    tokens = ProviderTokens(login_of(key))
    with clock.held(datetime(2026, 11, 22, 8, tzinfo=UTC)):
        first = tokens.current()
        clock.advance(timedelta(minutes=44))
        assert tokens.current() == first
        clock.advance(timedelta(minutes=1))
        second = tokens.current()
        assert second != first
        tokens.forget(second)
        clock.advance(timedelta(seconds=1))
        assert tokens.current() not in {first, second}
    claims = jwt.decode(
        second, key.public_key(), algorithms=["ES256"], options={"require": ["iss", "iat"], "verify_iat": False}
    )
    assert claims == {"iss": "TEAM000001", "iat": int(datetime(2026, 11, 22, 8, 45, tzinfo=UTC).timestamp())}
    assert jwt.get_unverified_header(second)["kid"] == "KEY0000001"


def test_a_token_older_than_an_hour_is_made_anew(apns: ApnsStandIn) -> None:
    client = token_client(apns, known_key(apns))
    now = clock.now()
    with clock.held(now - timedelta(minutes=70)):
        assert client.push_many([PHONE]) == [SENT]
    with clock.held(now):
        assert client.push_many([PHONE]) == [SENT]
    client.close()
    assert list(apns.refusals) == []


def test_a_signing_key_on_another_curve_is_no_login() -> None:
    with pytest.raises(ValueError, match="P-256"):
        ProviderTokens(login_of(ec.generate_private_key(ec.SECP384R1())))


# What answers mean.


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("BadDeviceToken", "gone"), ("Unregistered", "gone"), ("ExpiredToken", "gone"),
        ("DeviceTokenNotForTopic", "refused"), ("TooManyRequests", "retry"), ("InternalServerError", "retry"),
        ("ServiceUnavailable", "retry"), ("Shutdown", "retry"), ("IdleTimeout", "retry"), ("Forbidden", "retry"),
        ("BadCertificate", "retry"), ("cut", "unknown"), ("reset", "unknown"),
        ("midbody", "unknown"),
    ],
)  # fmt: skip
def test_each_answer_becomes_an_outcome(client: ApnsClient, apns: ApnsStandIn, said: str, outcome: str) -> None:
    apns.script(PHONE, [said])
    [result] = client.push_many([PHONE])
    assert result.outcome == outcome
    assert (result.retry_after_seconds is not None) == (outcome in {"retry", "unknown"})


def test_silence_may_have_been_a_push(apns: ApnsStandIn, identity: Identity, authority: Authority) -> None:
    client = open_client(apns, identity, authority, limits=dataclasses.replace(LIMITS, timeout_seconds=3))
    apns.script(PHONE, ["hang"])
    [result] = client.push_many([PHONE])
    client.close()
    assert (result.outcome, result.reason) == ("unknown", "timeout")


def test_every_refusal_that_a_script_may_name_is_tried() -> None:
    for said, status in REFUSALS.items():
        assert read_answer(Response(status, {}, b'{"reason": "%s"}' % said.encode())).outcome != "sent"


def test_a_phone_that_went_says_since_when(client: ApnsClient, apns: ApnsStandIn) -> None:
    since = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
    apns.unregister(PHONE, since)
    assert client.push_many([PHONE]) == [PushResult(outcome="gone", reason="unregistered", gone_at=since)]


def test_one_phones_trouble_is_not_the_others(client: ApnsClient, apns: ApnsStandIn) -> None:
    apns.script(phones(9)[4], ["BadDeviceToken"])
    apns.script(phones(9)[6], ["reset"])
    outcomes = [result.outcome for result in client.push_many(phones(9))]
    assert outcomes == ["sent"] * 4 + ["gone", "sent", "unknown", "sent", "sent"]


def test_an_address_that_is_none_never_leaves(client: ApnsClient, apns: ApnsStandIn) -> None:
    results = client.push_many(["", "../../3/device/a1", "é" * 32, PHONE + "\r\n", "x" * 64])
    assert {(result.outcome, result.reason) for result in results} == {("gone", "bad_device_token")}
    assert apns.posts_count == 0


@pytest.mark.parametrize("said", ["refuse", "goaway"])
def test_what_apns_certainly_did_not_take_is_sent_once_more(client: ApnsClient, apns: ApnsStandIn, said: str) -> None:
    apns.script(phones(40)[20], [said])
    assert client.push_many(phones(40)) == [SENT] * 40
    assert sorted(push.token for push in apns.pushes) == phones(40)


def test_an_apns_that_takes_nothing_ends_as_retry(client: ApnsClient, apns: ApnsStandIn) -> None:
    apns.script(PHONE, ["refuse"] * 10)
    [result] = client.push_many([PHONE])
    assert (result.outcome, result.reason) == ("retry", "stream_refused")
    assert apns.posts_count == 3


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"reason": 7}', b'{"reason": "X", "timestamp": 1e99}', b"[" * 5000]
)
def test_an_answer_that_nobody_understands_is_no_crash(body: bytes) -> None:
    assert read_answer(Response(410, {}, body)).outcome == "gone"
    assert read_answer(Response(400, {}, body)).outcome == "refused"
    assert read_answer(Response(502, {}, body)).outcome == "retry"


class Gatekeeper:
    """A server that wants a certificate and says with an alert what it does not like, which asyncio's does not."""

    def __init__(self, home: Path, authority: Authority, version: ssl.TLSVersion) -> None:
        self.ca_file = home / "ca.pem"
        self._tls = make_tls(home)
        self._tls.minimum_version = self._tls.maximum_version = version
        self._tls.verify_mode = ssl.CERT_REQUIRED
        self._tls.load_verify_locations(cadata=authority.root_pem.decode())
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._refuse_one)

    def _refuse_one(self) -> None:
        accepted, _ = self._socket.accept()
        with accepted, pytest.raises(ssl.SSLError), self._tls.wrap_socket(accepted, server_side=True):
            pass

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(5)
        self._socket.close()


def other_key(authority: Authority) -> bytes:
    return authority.issue(TOPIC).key_pem


def login_of(key: ec.EllipticCurvePrivateKey) -> TokenLogin:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return TokenLogin(key_pem=pem, key_id="KEY0000001", team_id="TEAM000001")


def known_key(apns: ApnsStandIn) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    apns.add_team(key.public_key(), key_id="KEY0000001", team_id="TEAM000001", topics=[TOPIC])
    return key


def token_client(apns: ApnsStandIn, key: ec.EllipticCurvePrivateKey) -> ApnsClient:
    return ApnsClient(login_of(key), TOPIC, url=apns.url, ca_file=apns.ca_file, limits=LIMITS)


def open_client(
    apns: ApnsStandIn | Gatekeeper, identity: Identity, authority: Authority, *, limits: TransportLimits = LIMITS
) -> ApnsClient:
    login = CertificateLogin(
        certificate_pem=identity.certificate_pem, key_pem=identity.key_pem, chain_pem=authority.intermediate_pem
    )
    return ApnsClient(login, TOPIC, url=apns.url, ca_file=apns.ca_file, limits=limits)


@pytest.fixture(scope="module")
def authority() -> Authority:
    """An authority in Apple's place."""
    return Authority.make()


@pytest.fixture(scope="module")
def identity(authority: Authority) -> Identity:
    """The certificate of the pass type."""
    return authority.issue(TOPIC)


@pytest.fixture
def apns(tmp_path: Path, authority: Authority) -> Iterator[ApnsStandIn]:
    """A stand-in that trusts the authority."""
    server = ApnsStandIn(tmp_path, authority.root_pem.decode()).start()
    yield server
    server.stop()


@pytest.fixture
def client(apns: ApnsStandIn, identity: Identity, authority: Authority) -> Iterator[ApnsClient]:
    """A client with the pass type's certificate."""
    opened = open_client(apns, identity, authority)
    yield opened
    opened.close()
