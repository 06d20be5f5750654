"""The stand-in is strict where Google is: what it refuses, what it shows, and how it is started."""

import json
import signal
import ssl
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from app import clock
from notifications.channels.push import PushChannel
from notifications.stand_in import StandIn
from notifications.stand_in.fcm import SCOPES
from tests.notifications.conftest import make_message
from wire.stand_in.oauth import GRANT_TYPE


def client_of(stand_in: StandIn, *, http2: bool = True) -> httpx.Client:
    trust = ssl.create_default_context(cafile=str(stand_in.ca_file))
    return httpx.Client(base_url=stand_in.url, verify=trust, http2=http2, trust_env=False)


def assertion(stand_in: StandIn, **changes: Any) -> str:
    account, now = stand_in.service_account_info, clock.unix_seconds()
    claims = {
        "iss": account["client_email"],
        "aud": account["token_uri"],
        "iat": now,
        "exp": now + 3600,
        "scope": min(SCOPES),
        **changes,
    }
    return jwt.encode(claims, account["private_key"], algorithm="RS256")


def ask_for_token(stand_in: StandIn, signed: str, grant_type: str = GRANT_TYPE) -> httpx.Response:
    with client_of(stand_in, http2=False) as client:
        return client.post("/token", data={"grant_type": grant_type, "assertion": signed})


def test_a_signed_assertion_is_worth_a_token(stand_in: StandIn) -> None:
    answer = ask_for_token(stand_in, assertion(stand_in))
    assert stand_in.tokens.accepts("Bearer " + answer.json()["access_token"])


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example/token"},
        {"exp": 1},
        {"iat": 4_000_000_000},
        {"iss": "somebody@else.example"},
        {"scope": "https://www.googleapis.com/auth/userinfo.email"},
    ],
)
def test_an_assertion_that_is_not_right_is_worth_nothing(stand_in: StandIn, changes: dict[str, Any]) -> None:
    assert ask_for_token(stand_in, assertion(stand_in, **changes)).status_code == 400


def test_an_assertion_that_was_changed_after_signing_is_worth_nothing(stand_in: StandIn) -> None:
    head, claims, signature = assertion(stand_in).split(".")
    other = assertion(stand_in, exp=clock.unix_seconds() + 9999).split(".")[1]
    assert ask_for_token(stand_in, f"{head}.{other}.{signature}").status_code == 400
    assert ask_for_token(stand_in, f"{head}.{claims}.{signature}", "password").status_code == 400


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"notification": {"title": "to nobody"}}, "message"),
        ({"token": "a", "topic": "b"}, "message"),
        ({"token": "a", "titel": "x"}, "message"),
        ({"token": "a", "data": {"n": 1}}, "message.data"),
        ({"token": "a", "data": {"from": "x"}}, "message.data[from]"),
        ({"token": "a", "data": {"gcm_key": "x"}}, "message.data[gcm_key]"),
        ({"token": "a", "data": {"text": "x" * 4096}}, "message"),
        ({"token": "a", "android": {"ttl": "2419201s"}}, "message.android.ttl"),
        ({"token": "a", "apns": {"headers": {"apns-collapse-id": "x" * 65}}}, "message.apns.headers"),
    ],
)
def test_a_wrong_message_is_refused_by_its_field(stand_in: StandIn, message: dict[str, Any], field: str) -> None:
    token = ask_for_token(stand_in, assertion(stand_in)).json()["access_token"]
    with client_of(stand_in) as client:
        answer = client.post(
            stand_in.messages.path, json={"message": message}, headers={"authorization": f"Bearer {token}"}
        )
    violations = answer.json()["error"]["details"][1]["fieldViolations"]
    assert (answer.status_code, violations[0]["field"]) == (400, field)
    assert stand_in.phones.arrivals == 0


def test_a_dry_run_is_answered_and_not_shown(stand_in: StandIn) -> None:
    token = ask_for_token(stand_in, assertion(stand_in)).json()["access_token"]
    with client_of(stand_in) as client:
        answer = client.post(
            stand_in.messages.path,
            json={"message": {"token": "a"}, "validate_only": True},
            headers={"authorization": f"Bearer {token}"},
        )
    assert answer.json()["name"].startswith(f"projects/{stand_in.project_id}/messages/")
    assert stand_in.phones.arrivals == 0


@pytest.mark.parametrize("http2", [True, False])
def test_a_page_can_ask_what_a_phone_shows(stand_in: StandIn, channel: PushChannel, *, http2: bool) -> None:
    # Enough of them that the answer is larger than HTTP/2's first window.
    channel.send([make_message("phone-1", body=f"{number} " + "x" * 2000) for number in range(60)])
    with client_of(stand_in, http2=http2) as client:
        screen = client.get("/phone", params={"token": "phone-1"}).json()
        overview = client.get("/phone").json()
    assert len(screen["messages"]) == 50
    assert overview == {"arrivals": 60, "addresses": {"phone-1": 50}}


def test_every_arrival_is_a_line_in_the_phones_log(stand_in: StandIn, channel: PushChannel) -> None:
    message = make_message()
    channel.send([message])
    channel.send([message])
    lines = [json.loads(line) for line in (stand_in.home / "phone.jsonl").read_text("utf-8").splitlines()]
    assert [(line["replaced"], line["copies"]) for line in lines] == [(False, 1), (True, 2)]


def test_a_token_expires(stand_in: StandIn) -> None:
    with clock.held(clock.now()):
        token = "Bearer " + ask_for_token(stand_in, assertion(stand_in)).json()["access_token"]
        assert stand_in.tokens.accepts(token)
        clock.advance(timedelta(hours=1))
        assert not stand_in.tokens.accepts(token)


def test_it_runs_alone_and_says_how_to_reach_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "notifications.stand_in", "--home", str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    settings = json.loads(process.stdout.readline())
    channel = PushChannel(
        json.loads(Path(settings["ASSIDU_FIREBASE_CREDENTIALS"]).read_text("utf-8")),
        endpoint=settings["ASSIDU_FIREBASE_ENDPOINT"],
        ca_file=Path(settings["ASSIDU_FIREBASE_CA_FILE"]),
    )
    [result] = channel.send([make_message()])
    channel.close()
    process.send_signal(signal.SIGTERM)
    process.stdout.close()
    assert (result.outcome, process.wait(60)) == ("sent", 0)
