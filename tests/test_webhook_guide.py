"""The code in the guide to webhooks verifies what we send, and refuses what we did not."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import clock, ids
from app.db import Database
from app.services import webhook_secrets, webhooks
from notifications.webhooks.courier import Courier
from notifications.webhooks.signing import headers_of
from tests.world import World
from tests.world_receiver import Receiver, make_webhook, tell

GUIDE = Path(__file__).parent.parent / "docs" / "how-to" / "receive-webhooks.md"
SECRET = webhook_secrets.new()
BODY = '{"type":"voucher.used","data":{}}'


def code_of_guide() -> Callable[..., Any]:
    [code] = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own document
    verify: Callable[..., Any] = names["verify"]
    return verify


verify = code_of_guide()


@pytest.mark.usefixtures("empty_database")
def test_it_takes_what_a_receiver_is_sent_also_while_secrets_change(
    world: World, database: Database, tmp_path: Path
) -> None:
    receiver = Receiver(tmp_path)
    try:
        webhook_id, old = make_webhook(world, receiver.url)
        with world.database.transaction(world.program_id) as session:
            new = webhooks.rotate_secret(database.keyring, webhooks.hold(session, webhook_id))
        tell(world, webhook_id)
        Courier(database, receiver.client).drain()
    finally:
        receiver.stop()
    [told] = receiver.told
    for secret in (old, new):
        event = verify(secret, told.headers, told.body)
        assert event["type"] == "voucher.used"
        assert event["data"]["program"] == ids.show("program", world.program_id)
    with pytest.raises(ValueError, match="our secret"):
        verify(webhook_secrets.new().text, told.headers, told.body)


@pytest.mark.parametrize("seconds", [-360, 360])
def test_it_refuses_what_is_six_minutes_off(seconds: int) -> None:
    headers = headers_of("evt_1", clock.unix_seconds() + seconds, BODY, [SECRET])

    with pytest.raises(ValueError, match="too old"):
        verify(SECRET.text, headers, BODY.encode())


def test_it_refuses_every_body_and_every_header_in_which_one_byte_differs() -> None:
    now = clock.unix_seconds()
    headers = headers_of("evt_1", now, BODY, [SECRET])
    tried = taken = 0
    for place in range(len(BODY)):
        for difference in range(1, 256):
            changed = bytearray(BODY.encode())
            changed[place] ^= difference
            tried, taken = tried + 1, taken + is_taken(headers, bytes(changed))
    for name, value in headers.items():
        for place in range(len(value)):
            for letter in map(chr, range(33, 127)):
                if letter != value[place]:
                    mutated = headers | {name: value[:place] + letter + value[place + 1 :]}
                    tried, taken = tried + 1, taken + is_taken(mutated, BODY.encode())

    assert is_taken(headers, BODY.encode())
    assert tried > 10_000
    assert taken == 0


def is_taken(headers: dict[str, str], body: bytes) -> bool:
    try:
        verify(SECRET.text, headers, body)
    except ValueError:
        return False
    return True


@given(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text(max_size=60))
def test_it_refuses_headers_that_are_not_ours(name: str, value: str) -> None:
    headers = headers_of("evt_1", clock.unix_seconds(), BODY, [SECRET])
    given_ = headers | {name: value}
    if given_ != headers:
        with pytest.raises(ValueError, match=r"our secret|too old"):
            verify(SECRET.text, given_, BODY.encode())
