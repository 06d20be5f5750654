"""The body of a push, and the private names of firebase-admin that we lean on."""

import inspect
import json
import string

import httpx
from firebase_admin import _utils, exceptions, messaging
from hypothesis import given
from hypothesis import strategies as st

from notifications.channels.push import encode, firebase_error
from notifications.http2 import Response
from notifications.stand_in.answers import FAULTS
from tests.notifications.conftest import make_message

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


@given(
    title=TEXT,
    body=TEXT,
    address=TEXT,
    data=st.dictionaries(st.text(string.ascii_letters, min_size=1), TEXT, max_size=3),
)
def test_every_text_comes_out_as_it_went_in(title: str, body: str, address: str, data: dict[str, str]) -> None:
    message = make_message(address, title=title, body=body, data=data)
    sent = json.loads(encode(message))["message"]
    assert sent["notification"] == {"title": title, "body": body}
    assert sent["token"] == address
    assert sent["data"] == {**data, "message_id": message.delivery_id.hex}


def test_all_three_kinds_of_phone_are_told_how_to_replace_a_copy() -> None:
    message = make_message()
    sent = json.loads(encode(message))["message"]
    assert {
        sent["android"]["collapse_key"],
        sent["android"]["notification"]["tag"],
        sent["apns"]["headers"]["apns-collapse-id"],
        sent["webpush"]["headers"]["Topic"],
        sent["webpush"]["notification"]["tag"],
        sent["data"]["message_id"],
    } == {message.delivery_id.hex}


def test_a_message_is_kept_four_weeks_at_most() -> None:
    sent = json.loads(encode(make_message(ttl_seconds=10**9)))["message"]
    assert (sent["android"]["ttl"], sent["webpush"]["headers"]["TTL"]) == ("2419200s", "2419200")


def test_a_link_of_a_development_server_is_left_to_the_page() -> None:
    sent = json.loads(encode(make_message(link="http://localhost:8000/app/")))["message"]
    assert sent["data"]["link"] == "http://localhost:8000/app/"
    assert "fcm_options" not in sent["webpush"]


def test_firebase_admin_still_has_the_private_names_that_read_errors() -> None:
    assert list(inspect.signature(_utils.handle_platform_error_from_httpx).parameters) == ["error", "handle_func"]
    build = messaging._MessagingService._build_fcm_error_httpx
    assert list(inspect.signature(build).parameters) == ["error", "message", "error_dict"]
    request = httpx.Request("POST", "https://fcm.example/")
    error = httpx.HTTPStatusError("", request=request, response=httpx.Response(404, request=request))
    details = {
        "details": [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "UNREGISTERED"}]
    }
    assert isinstance(build(error, "gone", details), messaging.UnregisteredError)


def test_an_error_is_the_one_that_firebase_admin_would_raise() -> None:
    def error_of(fault: str) -> exceptions.FirebaseError:
        answer = FAULTS[fault]()
        response = Response(status=answer.status, headers=dict(answer.headers), body=answer.body)
        return firebase_error(response, "https://fcm.example/")

    assert isinstance(error_of("unregistered"), messaging.UnregisteredError)
    assert isinstance(error_of("mismatch"), messaging.SenderIdMismatchError)
    assert isinstance(error_of("thirdparty"), messaging.ThirdPartyAuthError)
    assert isinstance(error_of("quota"), messaging.QuotaExceededError)
    assert isinstance(error_of("invalid"), exceptions.InvalidArgumentError)
    assert isinstance(error_of("unavailable"), exceptions.UnavailableError)
    assert error_of("unavailable").http_response.headers["Retry-After"] == "7"
    assert isinstance(error_of("proxypage"), exceptions.UnknownError)
