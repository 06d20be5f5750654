"""An application that trusts an authority of our own in Apple's place, and what such an authority issues."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from app import ids
from app.config import Settings
from app.db import Database
from tests.world import World
from wallet.platforms.apple.authority import Authority, Identity

PATH = "/v1/program/wallet-credentials"


@cache
def authority() -> Authority:
    """Return this process's authority: keys are slow to make."""
    return Authority.make()


@cache
def some_identity(number: int = 0) -> Identity:
    """Return one of a few certificates, each with its own pass type, that programmes of tests may share."""
    return authority().issue(f"pass.example.cafe{number}")


@dataclass(frozen=True)
class WalletServer:
    """An application, its database, and a client of it."""

    database: Database
    application: Flask
    client: FlaskClient

    def set_up(self, world: World) -> Identity:
        """Have the programme's owner upload a certificate; return it."""
        identity = some_identity()
        answer = self.client.put(PATH, json=upload_of(identity), headers=world.as_("owner"))
        assert answer.status_code == 200, answer.json
        return identity


@contextmanager
def wallet_server(settings: Settings, home: Path, **changes: Any) -> Iterator[WalletServer]:
    """Run an application on the test's database that trusts our authority, under a public address."""
    trusted = home / "authority.pem"
    trusted.write_bytes(authority().intermediate_pem)
    said = {"wallet_authority_file": str(trusted), "base_url": "https://cafe.example"} | changes
    database = Database(replace(settings, **said))
    application = create_app(database.settings, database)
    try:
        yield WalletServer(database, application, application.test_client())
    finally:
        database.dispose()


def new_pass_type() -> str:
    """Return a pass type that nobody has."""
    return f"pass.example.{ids.new_id().hex}"


def upload_of(identity: Identity) -> dict[str, str]:
    """Return the body that uploads a certificate."""
    return {
        "platform": "apple",
        "certificate": identity.certificate_pem.decode(),
        "private_key": identity.key_pem.decode(),
    }


def pass_in(package: bytes) -> dict[str, Any]:
    """Return the `pass.json` of a package."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        document: dict[str, Any] = json.loads(archive.read("pass.json"))
    return document
