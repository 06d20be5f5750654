"""Google's stand-in is strict where Google is: what it refuses, what it counts, and what a person does with a link."""

import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from app import clock
from tests.wallet.platforms.google.documents import discovery
from wallet.stand_in.google import ISSUER_ID, SCOPE, GoogleStandIn

CLASS_ID, OBJECT_ID = f"{ISSUER_ID}.cafe", f"{ISSUER_ID}.card"
LOGO = {"sourceUri": {"uri": "https://cafe.example/logo.png"}}
CLASS: dict[str, Any] = {
    "id": CLASS_ID, "issuerName": "Café", "programName": "Café", "programLogo": LOGO, "reviewStatus": "UNDER_REVIEW",
}  # fmt: skip
OBJECT: dict[str, Any] = {"id": OBJECT_ID, "classId": CLASS_ID, "state": "ACTIVE"}
TOTP = {
    "algorithm": "TOTP_SHA1",
    "periodMillis": "30000",
    "parameters": [{"key": "3132333435363738393031323334353637383930", "valueLength": 8}],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("google-wallet")


@pytest.fixture
def google(home: Path) -> Iterator[GoogleStandIn]:
    with GoogleStandIn(home, discovery=discovery()) as stand_in:
        yield stand_in


@pytest.fixture
def http(google: GoogleStandIn) -> Iterator[httpx.Client]:
    """A client with a token."""
    trust = ssl.create_default_context(cafile=str(google.ca_file))
    with httpx.Client(base_url=google.url, verify=trust, trust_env=False) as client:
        client.headers["authorization"] = f"Bearer {token(google, client)}"
        yield client


def token(google: GoogleStandIn, client: httpx.Client, **changes: Any) -> str:
    account, now = google.service_account_info, clock.unix_seconds()
    claims = {
        "iss": account["client_email"], "aud": account["token_uri"], "iat": now, "exp": now + 600, "scope": SCOPE,
        **changes,
    }  # fmt: skip
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assertion = jwt.encode(claims, account["private_key"], algorithm="RS256")
    answer = client.post("/token", data={"grant_type": grant, "assertion": assertion})
    return str(answer.json().get("access_token", answer.json().get("error")))


def send(http: httpx.Client, method: str, path: str, document: Any = None) -> tuple[int, str]:
    answer = http.request(method, f"/walletobjects/v1/{path}", json=document)
    error = answer.json().get("error", {})
    return answer.status_code, error["errors"][0]["reason"] if error else ""


@pytest.fixture
def made(http: httpx.Client) -> httpx.Client:
    """A client of a Google that has a class and an object."""
    assert send(http, "POST", "loyaltyClass", CLASS) == (200, "")
    assert send(http, "POST", "loyaltyObject", OBJECT) == (200, "")
    return http


def test_a_token_is_given_for_its_own_scope_alone(google: GoogleStandIn, http: httpx.Client) -> None:
    wanted = "https://www.googleapis.com/auth/firebase.messaging"
    assert token(google, http, scope=wanted) == "invalid_scope"


@pytest.mark.parametrize("authorization", ["", "Bearer nonsense", "Basic eDp5"])
def test_nothing_is_told_without_a_token(http: httpx.Client, authorization: str) -> None:
    http.headers["authorization"] = authorization
    assert send(http, "GET", f"loyaltyClass/{CLASS_ID}") == (401, "authError")


@pytest.mark.parametrize(
    ("method", "path", "document", "answer"),
    [
        ("POST", "loyaltyClass", CLASS, (409, "existingResource")),
        ("POST", "loyaltyObject", OBJECT, (409, "existingResource")),
        ("POST", "loyaltyClass", CLASS | {"id": "1234567890.cafe"}, (403, "permissionDenied")),
        ("POST", "loyaltyClass", CLASS | {"id": f"{ISSUER_ID}.café"}, (400, "invalid")),
        ("POST", "loyaltyClass", CLASS | {"id": ISSUER_ID}, (400, "invalid")),
        ("POST", "loyaltyClass", CLASS | {"id": f"{CLASS_ID}2", "reviewStatus": "APPROVED"}, (400, "invalid")),
        ("POST", "loyaltyClass", CLASS | {"id": f"{CLASS_ID}2", "programLogo": {}}, (400, "invalid")),
        ("POST", "loyaltyClass", {"id": f"{CLASS_ID}2"}, (400, "invalid")),
        ("POST", "loyaltyClass", CLASS | {"id": f"{CLASS_ID}2", "colour": "red"}, (400, "invalid")),
        ("POST", "loyaltyObject", OBJECT | {"id": f"{OBJECT_ID}2", "classId": f"{ISSUER_ID}.x"},
         (404, "classNotFound")),
        ("PATCH", f"loyaltyObject/{OBJECT_ID}2", {"state": "ACTIVE"}, (404, "resourceNotFound")),
        ("PATCH", f"loyaltyClass/{CLASS_ID}2", {"programName": "x"}, (404, "classNotFound")),
        ("PATCH", f"loyaltyClass/{CLASS_ID}", {"reviewStatus": "DRAFT"}, (400, "invalid")),
        ("PATCH", f"loyaltyClass/{CLASS_ID}", {"merchantLocations": [{"latitude": 1, "longitude": 2}] * 11},
         (400, "invalid")),
        ("PATCH", f"loyaltyClass/{CLASS_ID}", {"merchantLocations": [{"latitude": 91, "longitude": 2}]},
         (400, "invalid")),
        ("PATCH", f"loyaltyObject/{OBJECT_ID}", {"id": f"{OBJECT_ID}2"}, (400, "invalid")),
        ("PATCH", f"loyaltyObject/{OBJECT_ID}", {"state": "GONE"}, (400, "invalid")),
        ("PATCH", f"loyaltyObject/{OBJECT_ID}", {"loyaltyPoints": {"balance": {"int": 1, "string": "1"}}},
         (400, "invalid")),
        ("PATCH", f"loyaltyObject/{OBJECT_ID}", {"heroImage": {"sourceUri": {"uri": "logo.png"}}}, (400, "invalid")),
        ("PATCH", f"loyaltyObject/{OBJECT_ID}", {"rotatingBarcode": {"valuePattern": "x", "totpDetails": TOTP}},
         (400, "invalid")),
        ("PATCH", f"loyaltyObject/{OBJECT_ID}",
         {"rotatingBarcode": {"valuePattern": "{totp_value_0}", "totpDetails": TOTP | {"periodMillis": "0"}}},
         (400, "invalid")),
        ("PATCH", f"loyaltyObject/{OBJECT_ID}", {"messages": [{"body": "x"}] * 11}, (400, "invalid")),
        ("PUT", f"loyaltyObject/{OBJECT_ID}", {"state": "ACTIVE"}, (400, "invalid")),
        ("POST", f"loyaltyObject/{OBJECT_ID}/addMessage", {"message": {"header": "x"}}, (400, "invalid")),
        ("POST", f"loyaltyObject/{OBJECT_ID}2/addMessage", {"message": {"body": "x"}}, (404, "resourceNotFound")),
        ("DELETE", f"loyaltyObject/{OBJECT_ID}", None, (404, "notFound")),
        ("POST", "offerObject", OBJECT, (404, "notFound")),
    ],
)  # fmt: skip
def test_what_google_refuses_is_refused(
    made: httpx.Client, method: str, path: str, document: Any, answer: tuple[int, str]
) -> None:
    assert send(made, method, path, document) == answer


def test_a_draft_has_no_objects(http: httpx.Client) -> None:
    send(http, "POST", "loyaltyClass", CLASS | {"reviewStatus": "DRAFT"})
    assert send(http, "POST", "loyaltyObject", OBJECT) == (400, "invalid")


def test_patch_keeps_what_it_does_not_name_and_put_does_not(made: httpx.Client, google: GoogleStandIn) -> None:
    send(made, "PATCH", f"loyaltyObject/{OBJECT_ID}", {"accountName": "Inès", "notifyPreference": "NOTIFY_ON_UPDATE"})
    send(made, "PATCH", f"loyaltyObject/{OBJECT_ID}", {"accountId": "1"})
    assert google.objects[OBJECT_ID] == OBJECT | {"accountName": "Inès", "accountId": "1", "hasUsers": False}

    send(made, "PUT", f"loyaltyObject/{OBJECT_ID}", OBJECT)
    assert google.objects[OBJECT_ID] == OBJECT | {"hasUsers": False}


def test_three_messages_sound_in_any_24_hours(made: httpx.Client) -> None:
    def add(kind: str) -> tuple[int, str]:
        message = {"body": "x", "messageType": kind}
        return send(made, "POST", f"loyaltyObject/{OBJECT_ID}/addMessage", {"message": message})

    now = clock.now()
    with clock.held(now):
        assert [add("TEXT_AND_NOTIFY")[0] for _ in range(4)] == [200, 200, 200, 429]
        assert add("TEXT") == (200, "")
    with clock.held(now + timedelta(minutes=9)):
        assert add("TEXT_AND_NOTIFY") == (429, "quotaExceeded")


def test_the_twenty_first_request_of_a_second_is_refused(made: httpx.Client, google: GoogleStandIn) -> None:
    answers = [send(made, "GET", f"loyaltyClass/{CLASS_ID}")[1] for _ in range(60)]

    assert "rateLimitExceeded" in answers
    assert google.refused[429] == answers.count("rateLimitExceeded")


def test_a_key_that_does_not_sign_saves_nothing(made: httpx.Client, google: GoogleStandIn) -> None:
    account = google.service_account_info
    claims = {
        "iss": account["client_email"], "aud": "google", "typ": "savetowallet", "iat": clock.unix_seconds(),
        "origins": [], "payload": {"loyaltyObjects": [{"id": OBJECT_ID}]},
    }  # fmt: skip
    changes: list[dict[str, Any]] = [
        {"aud": "someone"}, {"iss": "someone"}, {"typ": "JWT"}, {"payload": {}}, {"origins": None},
        {"payload": {"loyaltyObjects": [{"id": f"{OBJECT_ID}2"}]}}, {"padding": "x" * 2000},
    ]  # fmt: skip
    for change in changes:
        wrong = jwt.encode(claims | change, account["private_key"], algorithm="RS256")
        assert made.get(f"/gp/v/save/{wrong}").status_code == 400
    by_secret = jwt.encode(claims, "x" * 32, algorithm="HS256")
    assert made.get(f"/gp/v/save/{by_secret}").status_code == 400
    assert google.objects[OBJECT_ID]["hasUsers"] is False

    right = jwt.encode(claims, account["private_key"], algorithm="RS256")
    assert made.get(f"/gp/v/save/{right}").status_code == 200
    assert google.objects[OBJECT_ID]["hasUsers"] is True


@pytest.mark.parametrize(("at", "digits"), [(59, "94287082"), (1111111109, "07081804"), (20000000000, "65353130")])
def test_the_phone_computes_codes_as_the_standard_does(
    made: httpx.Client, google: GoogleStandIn, at: int, digits: str
) -> None:
    """RFC 6238, appendix B."""
    code = {"valuePattern": "{totp_value_0}:{totp_timestamp_seconds}", "totpDetails": TOTP}
    assert send(made, "PATCH", f"loyaltyObject/{OBJECT_ID}", {"rotatingBarcode": code}) == (200, "")

    assert google.shown_code(OBJECT_ID, at) == f"{digits}:{at}"
