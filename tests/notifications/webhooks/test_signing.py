"""Signatures are those of the standard's own library, whatever the body and however many secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from app import clock
from app.services import webhook_secrets
from notifications.webhooks.signing import headers_of


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.integers(1, 4))
def test_every_secret_in_force_verifies(text: str, count: int) -> None:
    secrets = [webhook_secrets.new() for _ in range(count)]
    headers = headers_of("evt_1", clock.unix_seconds(), text, secrets)
    for one in secrets:
        assert Verifier(one.text).sign("evt_1", clock.now(), text) in headers["webhook-signature"].split()


def test_another_secret_another_body_and_an_old_time_do_not() -> None:
    secret = webhook_secrets.new()
    headers = headers_of("evt_1", clock.unix_seconds(), "{}", [secret])
    old = headers_of("evt_1", clock.unix_seconds() - 360, "{}", [secret])
    Verifier(secret.text).verify("{}", headers)
    for verifier, body, sent in (
        (Verifier(webhook_secrets.new().text), "{}", headers),
        (Verifier(secret.text), "{ }", headers),
        (Verifier(secret.text), "{}", old),
        (Verifier(secret.text), "{}", headers | {"webhook-id": "evt_2"}),
    ):
        with pytest.raises(WebhookVerificationError):
            verifier.verify(body, sent)
