"""Google's stand-in, strict by Google's own description, and clients of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Settings
from app.crypto import new_secret_key
from tests.wallet.platforms.google.documents import discovery
from wallet.platforms.google import accounts
from wallet.platforms.google.accounts import Account
from wallet.platforms.google.client import GoogleWallet
from wallet.platforms.google.pacing import Backoff, Window
from wallet.stand_in.google import GoogleStandIn


@pytest.fixture(scope="session")
def google_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the service account's key is kept: making one takes a while."""
    return tmp_path_factory.mktemp("google-wallet")


@pytest.fixture
def google(google_home: Path) -> Iterator[GoogleStandIn]:
    with GoogleStandIn(google_home, discovery=discovery(), requests_per_second=1000) as stand_in:
        yield stand_in


@pytest.fixture
def settings(google: GoogleStandIn, tmp_path: Path) -> Settings:
    """Settings of a worker that speaks to the stand-in."""
    return Settings(
        home=tmp_path,
        secret_key=new_secret_key(),
        base_url="https://loyalty.example",
        google_wallet_endpoint=google.url,
        google_wallet_ca_file=str(google.ca_file),
        google_wallet_requests_per_second=1000,
    )


@pytest.fixture
def account(google: GoogleStandIn, settings: Settings) -> Account:
    token_uris = accounts.Addresses.of(settings).token_uris
    return accounts.opened(accounts.sealed_form(accounts.check(google.upload, token_uris=token_uris)))


@pytest.fixture
def wallet(google: GoogleStandIn, account: Account) -> Iterator[GoogleWallet]:
    """A client whose pauses never end: how long they last is tried where time can be held."""
    made = GoogleWallet(
        account.tokens(google.ca_file), endpoint=google.url, ca_file=google.ca_file, window=Window(1000),
        backoff=Backoff(monotonic=lambda: 1000.0),
    )  # fmt: skip
    yield made
    made.close()
