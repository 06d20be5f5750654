"""The contract of every channel, whichever is registered."""

import dataclasses
from pathlib import Path

import pytest

from app.config import Settings
from notifications.channels.protocol import CHANNELS, Channel, open_channel
from notifications.stand_in import StandIn
from tests.notifications.conftest import make_message

CHANNELS.load("notifications.channels")


@pytest.fixture
def settings(tmp_path: Path, stand_in: StandIn) -> Settings:
    return Settings(
        home=tmp_path,
        firebase_credentials=str(stand_in.service_account_file),
        firebase_endpoint=stand_in.url,
        firebase_ca_file=str(stand_in.ca_file),
    )


UNWIRED = {"wallet"}
"""What refuses everything, and says so, until there is something behind it."""


@pytest.mark.parametrize("kind", sorted(set(CHANNELS) - UNWIRED))
def test_a_channel_opens_from_settings_and_answers_for_each_message_in_order(kind: str, settings: Settings) -> None:
    channel: Channel = CHANNELS[kind](settings)
    results = channel.send([make_message(f"phone-{number}") for number in range(3)])
    channel.close()
    assert channel.kind == kind
    assert [result.outcome for result in results] == ["sent"] * 3
    assert len({result.provider_id for result in results}) == 3


@pytest.mark.parametrize("kind", sorted(UNWIRED))
def test_a_channel_that_is_not_wired_refuses_and_says_so(kind: str, settings: Settings) -> None:
    [result] = CHANNELS[kind](settings).send([make_message()])

    assert (result.outcome, result.reason) == ("refused", "not_wired")


@pytest.mark.parametrize("kind", list(CHANNELS))
def test_a_channel_with_nothing_to_send_does_nothing(kind: str, settings: Settings) -> None:
    channel = CHANNELS[kind](settings)
    assert channel.send([]) == []
    channel.close()


def test_the_console_is_the_default_and_push_is_asked_for(settings: Settings) -> None:
    assert open_channel(settings).kind == "console"
    push = open_channel(dataclasses.replace(settings, push_channel="push"))
    assert push.kind == "push"
    push.close()


def test_push_without_a_service_account_says_which_setting_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ASSIDU_FIREBASE_CREDENTIALS"):
        open_channel(Settings(home=tmp_path, push_channel="push"))
