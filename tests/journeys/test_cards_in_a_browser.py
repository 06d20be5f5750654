"""A poster's page and a pass's link in a real browser: who joins presses a button and has the card in a wallet."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import select
from werkzeug.serving import make_server

from app.config import Settings
from app.models import PassLink
from app.services import wallet_credentials
from tests import tools
from tests.browser import PROGRAM, Browser, Page, browser
from tests.world import World
from tests.world_apple import WalletServer, authority, pass_in, wallet_server
from wallet.platforms.apple import diagnosis

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 Version/26.0 Mobile/15E148 Safari"
ANDROID = "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/150.0.0.0 Mobile Safari/537.36"
APPLE, GOOGLE = "form[data-wallet=apple] button", "form[data-wallet=google] button"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    tools.need(PROGRAM)
    with browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WalletServer]:
    with wallet_server(settings, tmp_path_factory.mktemp("authority")) as running:
        yield running


@pytest.fixture
def address(server: WalletServer) -> Iterator[str]:
    listening = make_server("127.0.0.1", 0, server.application, threaded=True)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    thread.join()
    listening.server_close()


def join(chromium: Browser, address: str, world: World, *, agent: str = "", language: str = "fr") -> Page:
    """Join at the programme's poster; return the page with the card."""
    page = chromium.open(f"{address}/j/{world.slug}", agent=agent, language=language)
    page.write("#name", "Ana")
    page.click("form button.main")
    page.until("document.querySelector('#card').checkVisibility()")
    return page


def set_up(server: WalletServer, world: World, *, google: bool) -> None:
    server.set_up(world)
    if google:
        with world.database.transaction(world.program_id) as session:
            wallet_credentials.put(
                session, world.database.keyring, platform="google", type_id="3388", secret=b"{}",
                facts={"issuer_id": "3388"},
            )  # fmt: skip


def assert_opens_on_a_phone(package: bytes) -> None:
    assert diagnosis.of_package(package, authorities=[authority().intermediate]) == []


def test_who_joins_adds_the_card_to_apple_wallet_and_the_button_goes(
    chromium: Browser, server: WalletServer, address: str, world: World
) -> None:
    set_up(server, world, google=True)
    page = join(chromium, address, world)
    assert page.visible("button.wallet") == ["Ajouter à Apple Wallet", "Ajouter à Google Wallet"]
    page.click(APPLE)
    package = chromium.downloaded()
    assert_opens_on_a_phone(package)
    assert "'value': 'Ana'" in str(pass_in(package)["storeCard"])
    page.until(f"!document.querySelector('{APPLE}').checkVisibility()")
    page.reload()
    assert page.visible("button.wallet") == ["Ajouter à Google Wallet"]


@pytest.mark.parametrize(
    ("agent", "language", "shown"),
    [(IPHONE, "fr", "Ajouter à Apple Wallet"), (ANDROID, "en", "Add to Google Wallet")],
    ids=["iPhone", "Android"],
)
def test_a_phone_is_offered_its_own_wallet(
    chromium: Browser, server: WalletServer, address: str, world: World, agent: str, language: str, shown: str
) -> None:
    set_up(server, world, google=True)
    assert join(chromium, address, world, agent=agent, language=language).visible("button.wallet") == [shown]


def test_without_a_wallet_there_is_no_button_and_the_card_is_there(
    chromium: Browser, address: str, world: World
) -> None:
    page = join(chromium, address, world)
    assert page.visible("button.wallet") == []
    assert page.visible("#save") == ["Enregistrer l'image"]


def test_the_page_of_a_link_is_looked_at_and_pressed_and_then_says_that_it_is_gone(
    chromium: Browser, server: WalletServer, address: str, world: World
) -> None:
    set_up(server, world, google=False)
    joined = server.client.post(f"/v1/join/{world.slug}", json={"first_name": "Ana"}).get_json()
    path = joined["wallets"][0]["url"].removeprefix("https://cafe.example")
    page = chromium.open(f"{address}{path}", language="en")
    page.reload()
    page.click("button.wallet")
    assert_opens_on_a_phone(chromium.downloaded())
    page.click("button.wallet")
    page.until("document.body.innerText.includes('This link was used already')")
    with world.database.transaction(world.program_id) as session:
        assert session.scalars(select(PassLink.used_at)).one() is not None
