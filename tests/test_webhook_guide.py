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


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_it_refuses_a_body_in_which_one_byte_differs(place: int, difference: int) -> None:
    headers = headers_of("evt_1", clock.unix_seconds(), BODY, [SECRET])
    changed = bytearray(BODY.encode())
    changed[place] ^= difference

    with pytest.raises(ValueError, match="our secret"):
        verify(SECRET.text, headers, bytes(changed))


@given(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text(max_size=60))
def test_it_refuses_headers_that_are_not_ours(name: str, value: str) -> None:
    headers = headers_of("evt_1", clock.unix_seconds(), BODY, [SECRET])
    given_ = headers | {name: value}
    if given_ != headers:
        with pytest.raises(ValueError, match=r"our secret|too old"):
            verify(SECRET.text, given_, BODY.encode())
