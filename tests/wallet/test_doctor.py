"""`assidu wallet doctor`: says in words what would stop a pass from opening, and says nothing where all is well."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from api import cli
from app import clock, crypto, ids
from app.db import Database
from app.models import Pass, PassUpdate, WalletCredential
from tests.world import World
from tests.world_apple import WalletServer, wallet_server
from tests.world_till import Cafe, make_cafe, make_guest
from wallet import doctor
from wallet.handing import platform_of


@pytest.fixture(scope="module")
def server(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WalletServer]:
    with wallet_server(database.settings, tmp_path_factory.mktemp("authority")) as running:
        yield running


@pytest.fixture
def cafe(server: WalletServer, world: World) -> Cafe:
    server.set_up(world)
    return make_cafe(world)


def complaints(database: Database, world: World) -> list[str]:
    return doctor.complaints_of(database, world.program_id, platform_of("apple"))


def package(server: WalletServer, cafe: Cafe) -> bytes:
    path = f"/v1/cards/{ids.show('card', make_guest(cafe).card_id)}/apple.pkpass"
    return server.client.get(path, headers=cafe.world.as_("owner")).data


def test_where_all_is_well_nothing_is_said_and_nothing_is_written(server: WalletServer, cafe: Cafe) -> None:
    make_guest(cafe)
    assert complaints(server.database, cafe.world) == []
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        assert list(session.scalars(select(Pass))) == []


def test_each_programme_with_credentials_is_examined(server: WalletServer, cafe: Cafe) -> None:
    make_guest(cafe)
    [found] = doctor.examine(server.database, slug=cafe.world.slug)
    assert (found.program, found.platform, found.complaints) == (cafe.world.slug, "apple", [])


def test_a_programme_without_cards_has_nothing_to_try(server: WalletServer, world: World) -> None:
    server.set_up(world)
    assert complaints(server.database, world) == [doctor.NO_CARD]


def test_an_address_that_phones_do_not_ask_is_said(server: WalletServer, cafe: Cafe) -> None:
    make_guest(cafe)
    here = Database(replace(server.database.settings, base_url="http://cafe.example"))
    try:
        assert doctor.NO_ADDRESS in complaints(here, cafe.world)
    finally:
        here.dispose()


def test_another_secret_key_is_said(server: WalletServer, cafe: Cafe) -> None:
    make_guest(cafe)
    with cafe.world.database.transaction(cafe.world.program_id) as session:
        row = session.scalars(select(WalletCredential)).one()
        row.sealed = crypto.Keyring(crypto.new_secret_key()).seal(b"x", context=b"x")
    assert complaints(server.database, cafe.world) == [doctor.NOT_READABLE]


def test_a_certificate_that_ends_and_one_that_ended_are_said(server: WalletServer, cafe: Cafe) -> None:
    make_guest(cafe)
    with clock.held(clock.now() + timedelta(days=380)):
        [soon] = complaints(server.database, cafe.world)
    with clock.held(clock.now() + timedelta(days=400)):
        [ended] = complaints(server.database, cafe.world)
    assert "in 15 days" in soon or "in 16 days" in soon
    assert "ended" in ended or "expired" in ended


def test_an_authority_that_is_trusted_no_more_is_said(server: WalletServer, cafe: Cafe) -> None:
    make_guest(cafe)
    here = Database(replace(server.database.settings, wallet_authority_file=""))
    try:
        assert complaints(here, cafe.world) != []
    finally:
        here.dispose()


def test_what_waits_and_what_was_refused_is_said(server: WalletServer, cafe: Cafe) -> None:
    package(server, cafe)
    with cafe.world.database.across_programs() as session:
        mine = PassUpdate.program_id == cafe.world.program_id
        session.execute(update(PassUpdate).where(mine).values(due_at=clock.now() - timedelta(hours=1)))
        session.execute(update(Pass).where(Pass.program_id == cafe.world.program_id).values(last_error="bad_topic"))
    waiting, refused = complaints(server.database, cafe.world)
    assert "1 passes have been waiting" in waiting
    assert "`bad_topic`" in refused


def test_the_command_says_it_of_a_file(
    server: WalletServer, cafe: Cafe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = tmp_path / "good.pkpass", tmp_path / "bad.pkpass"
    good.write_bytes(package(server, cafe))
    changed = io.BytesIO()
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name) + (b" " if name == "pass.json" else b""))
    bad.write_bytes(changed.getvalue())
    monkeypatch.setenv("ASSIDU_WALLET_AUTHORITY_FILE", server.database.settings.wallet_authority_file)
    monkeypatch.setenv("ASSIDU_HOME", str(tmp_path))
    opened, refused = (CliRunner().invoke(cli.cli, ["wallet", "doctor", str(path)]) for path in (good, bad))
    assert (opened.exit_code, opened.output) == (0, "good.pkpass: all is well\n")
    assert refused.exit_code == 1
    assert "pass.json" in refused.output
