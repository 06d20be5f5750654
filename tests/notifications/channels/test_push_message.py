"""The body of a push, and the private names of firebase-admin that we lean on."""

import inspect
import json
import string

import httpx
import pytest
from firebase_admin import _utils, exceptions, messaging
from hypothesis import given
from hypothesis import strategies as st

from app import clock
from notifications.channels.push import firebase_error
from notifications.channels.push_bodies import TooLargeError, encode, encode_alone
from notifications.stand_in.answers import FAULTS
from tests.notifications.conftest import make_message
from wire.exchanges import Response

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


# Texts that look like the marks, escapes, quotes, controls, lone surrogates and astral characters among them.
NASTY = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(["Q", "Z", "ZZ", "0", "1", "E", '"', "\\", "\\u0000", "\n", "\x00", "é", "\ud800", "🎁"])
    ).map("".join),
)
LINKS = st.none() | NASTY.map("https://shop.example/{}".format)


@given(
    address=NASTY.filter(bool), title=NASTY, body=NASTY, kind=st.sampled_from(["token", "fid"]),
    data=st.dictionaries(NASTY, NASTY, max_size=3), link=LINKS, image=LINKS,
    label=st.sampled_from([None, "spring", "QZ0E", "QZZ1E"]), priority=st.sampled_from(["high", "normal"]),
)  # fmt: skip
def test_splicing_gives_the_bytes_that_encoding_one_by_one_gives(
    address: str, title: str, body: str, kind: str, data: dict[str, str], link: str | None, image: str | None,
    label: str | None, priority: str,
) -> None:  # fmt: skip
    message = make_message(
        address, title=title, body=body, address_kind=kind, data=data, link=link, image_url=image,
        analytics_label=label, priority=priority,
    )  # fmt: skip
    with clock.held(clock.now()):
        assert encode(message) == encode_alone(message)


def test_the_size_is_that_of_the_text_and_not_of_its_escapes() -> None:
    assert len(encode(make_message("a" * 300, body="é" * 1600))) > 4096 * 2
    with pytest.raises(TooLargeError):
        encode(make_message(body="é" * 2000))


def test_an_image_a_link_and_a_label_are_where_each_kind_of_phone_looks() -> None:
    picture, page = "https://shop.example/cup.png", "https://shop.example/cup"
    message = make_message(image_url=picture, link=page, analytics_label="spring", priority="normal")
    sent = json.loads(encode(message))["message"]
    assert sent["notification"]["image"] == picture
    assert sent["apns"]["fcm_options"]["image"] == picture
    assert sent["apns"]["payload"]["aps"]["mutable-content"] == 1
    assert sent["webpush"]["notification"]["image"] == picture
    assert (sent["data"]["link"], sent["webpush"]["fcm_options"]["link"]) == (page, page)
    assert sent["fcm_options"] == {"analytics_label": "spring"}
    assert (sent["android"]["priority"], sent["apns"]["headers"]["apns-priority"]) == ("normal", "5")


@pytest.mark.parametrize("fields", [{"analytics_label": "two words"}, {"title": 7}, {"data": {"a": None}}])
def test_what_firebase_admin_refuses_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode(make_message(**fields))  # type: ignore[arg-type]


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
