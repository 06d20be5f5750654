"""Bodies for FCM: a kind of message encoded once by firebase-admin, what is personal spliced in for each person.

firebase-admin takes 80 us to check and encode a message, splicing takes a few. The result is the same to the byte.
"""

import json
import re
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple

from firebase_admin import messaging

from app import clock
from notifications.channels.protocol import AddressKind, OutgoingMessage, Priority

TTL_SECONDS_MAX = 2_419_200
"""Four weeks, the longest that FCM keeps a message for a phone that is off."""
PAYLOAD_BYTES_MAX = 4096
"""FCM's limit for a message to one address."""
SHAPES_MAX = 512
ADDRESS, TITLE, BODY, COLLAPSE_ID, EXPIRES_AT, FIRST_VALUE = range(6)
"""Places that are filled for each message; the values of `data` follow, in the order of their keys."""


class TooLargeError(ValueError):
    """The message is larger than FCM takes."""


class Shape(NamedTuple):
    """What messages have in common that may be encoded once: all but their personal texts."""

    address_kind: AddressKind
    link: str | None
    image_url: str | None
    analytics_label: str | None
    priority: Priority
    ttl_seconds: int
    keys: tuple[str, ...]


def encode(message: OutgoingMessage) -> bytes:
    """Return the body of FCM's `messages:send`; raise ValueError where firebase-admin does, and TooLargeError."""
    shape = shape_of(message)
    constants, places = _encoded(shape)
    values = _values(message, shape.ttl_seconds)
    parts = [constants[0]]
    for place, constant in zip(places, constants[1:], strict=True):
        parts += (values[place], constant)
    body = "".join(parts).encode("ascii")
    if len(body) > PAYLOAD_BYTES_MAX:
        _check_size(body)
    return body


def encode_alone(message: OutgoingMessage) -> bytes:
    """Return the same body, the whole message encoded by firebase-admin: the reference, and what explains a refusal."""
    shape = shape_of(message)
    texts = [
        message.address,
        message.title,
        message.body,
        message.collapse_id,
        str(clock.unix_seconds() + shape.ttl_seconds),
        *(message.data[key] for key in shape.keys),
    ]
    return _whole(shape, texts)


def shape_of(message: OutgoingMessage) -> Shape:
    """Return what the message shares with others."""
    return Shape(
        message.address_kind,
        message.link,
        message.image_url,
        message.analytics_label,
        message.priority,
        min(max(message.ttl_seconds, 0), TTL_SECONDS_MAX),
        tuple(message.data),
    )


def _values(message: OutgoingMessage, ttl_seconds: int) -> list[str]:
    """Return the escaped texts for the places; raise ValueError for what firebase-admin would refuse."""
    if not message.address:
        raise ValueError("an address that is empty")
    texts = (
        message.address,
        message.title,
        message.body,
        message.collapse_id,
        str(clock.unix_seconds() + ttl_seconds),
        *message.data.values(),
    )
    try:
        return [quoted(text)[1:-1] for text in texts]
    except TypeError as error:
        raise ValueError("a text that is none") from error


@lru_cache(SHAPES_MAX)
def _encoded(shape: Shape) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Encode a shape with marks for texts; return the constant parts and which text stands between each two.

    A mark is a run of Z that is longer than any in the shape's own texts, between a Q and a number: so no link, label
    or key can hold one. Personal texts are not there yet. JSON's escapes hold no capital letters, so neither can they.
    """
    own = " ".join([shape.link or "", shape.image_url or "", shape.analytics_label or "", *map(str, shape.keys)])
    run = "Z" * (1 + max((len(found) for found in re.findall("Z+", own)), default=0))
    marks = [f"Q{run}{place}E" for place in range(FIRST_VALUE + len(shape.keys))]
    pieces = re.split(f"Q{run}(\\d+)E", _whole(shape, marks).decode("ascii"))
    return tuple(pieces[0::2]), tuple(int(place) for place in pieces[1::2])


def _whole(shape: Shape, texts: list[str]) -> bytes:
    """Have firebase-admin check and encode a message of this shape; raise ValueError when it refuses it."""
    collapse_id = texts[COLLAPSE_ID]
    data = dict(zip(shape.keys, texts[FIRST_VALUE:], strict=True))
    link = {"link": shape.link} if shape.link else {}
    label = shape.analytics_label
    push = messaging.Message(
        data={**data, **link, "message_id": collapse_id},
        notification=messaging.Notification(title=texts[TITLE], body=texts[BODY], image=shape.image_url),
        android=messaging.AndroidConfig(
            collapse_key=collapse_id,
            # `high` wakes a sleeping phone; FCM asks that such a message shows something, as all of ours do.
            priority=shape.priority,
            ttl=shape.ttl_seconds,
            notification=messaging.AndroidNotification(tag=collapse_id),
        ),
        apns=_apns(shape, collapse_id, texts[EXPIRES_AT]),
        webpush=_webpush(shape, collapse_id),
        fcm_options=messaging.FCMOptions(analytics_label=label) if label else None,
    )
    # Set after making it: passing `token` warns that fids are coming, to a user who can do nothing about it.
    setattr(push, shape.address_kind, texts[ADDRESS])
    return b'{"message":' + str(push).encode() + b"}"


def _apns(shape: Shape, collapse_id: str, expires_at: str) -> messaging.APNSConfig:
    image = shape.image_url
    headers = {"apns-collapse-id": collapse_id, "apns-expiration": expires_at}
    if shape.priority == "normal":
        headers["apns-priority"] = "5"
    return messaging.APNSConfig(
        headers=headers,
        # An iPhone fetches an image only when the app may change the message before it is shown.
        payload=messaging.APNSPayload(messaging.Aps(mutable_content=True)) if image else None,
        fcm_options=messaging.APNSFCMOptions(image=image) if image else None,
    )


def _webpush(shape: Shape, collapse_id: str) -> messaging.WebpushConfig:
    # A link of a development server is not https: firebase-admin refuses it here; the page finds it in `data`.
    link = shape.link if shape.link and shape.link.startswith("https://") else None
    return messaging.WebpushConfig(
        headers={"TTL": str(shape.ttl_seconds), "Topic": collapse_id},
        notification=messaging.WebpushNotification(tag=collapse_id, image=shape.image_url),
        fcm_options=messaging.WebpushFCMOptions(link=link) if link else None,
    )


def _check_size(body: bytes) -> None:
    """Raise TooLargeError unless the payload fits as FCM counts it: in UTF-8, without the address."""
    message = json.loads(body)["message"]
    payload = {key: value for key, value in message.items() if key not in {"token", "fid"}}
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode("utf-8", "surrogatepass")) > PAYLOAD_BYTES_MAX:
        raise TooLargeError("larger than FCM takes")
