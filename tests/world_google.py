"""A server that Google's stand-in can call back, with a programme that may speak to it and cards of guests there."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.serving import make_server

from api.app import create_app
from app import clock, ids
from app.config import Settings
from app.db import Database
from app.models import Pass
from tests.world import World
from tests.world_passes import let_marks_be_due
from tests.world_till import Guest
from wallet.handing import platform_of
from wallet.platforms import Courier
from wallet.platforms.google import GooglePlatform
from wallet.stand_in.google import GoogleStandIn
from wallet.updates.hearing import Ear
from wallet.updates.lanes import Lane

CREDENTIALS = "/v1/program/wallet-credentials"


@dataclass(frozen=True)
class GoogleServer:
    """An application that speaks to the stand-in and listens on loopback, and a worker's courier beside it."""

    google: GoogleStandIn
    database: Database
    application: Flask
    client: FlaskClient
    courier: Courier
    url: str

    def set_up(self, world: World) -> None:
        """Have the programme's owner upload the stand-in's account."""
        body = {"platform": "google", **self.google.upload}
        answer = self.client.put(CREDENTIALS, json=body, headers=world.as_("owner"))
        assert answer.status_code == 200, answer.json

    def ask(self, world: World, guest: Guest, what: str = "google") -> Any:
        """Ask for a guest's card as a cashier."""
        return self.client.get(f"/v1/cards/{ids.show('card', guest.card_id)}/{what}", headers=world.as_("cashier"))

    def work(self, world: World, guest: Guest | None = None) -> int:
        """Do what is due of the programme as a worker does, after hearing that something happened to the guest."""
        if guest is not None:
            hear(self.database, world.program_id, guest.id)
        let_marks_be_due(self.database, world.program_id)
        return Lane(self.database, platform_of("google"), self.courier).work_on(world.program_id)

    def work_one(self, world: World) -> int:
        """Do what is due of one pass of the programme, as a batch of its own."""
        let_marks_be_due(self.database, world.program_id)
        return Lane(self.database, _Slowly(), self.courier).work_on(world.program_id)

    def link(self, world: World, guest: Guest) -> str:
        """Return the link that saves a guest's card, once the worker has told of it."""
        if self.ask(world, guest).status_code == 202:
            self.work(world)
        answer = self.ask(world, guest)
        assert answer.status_code == 200, answer.json
        link: str = answer.json["save_url"]
        return link

    def open(self, link: str, person: str = "ines@example.com") -> httpx.Response:
        """Open a link as a person's browser does."""
        trust = ssl.create_default_context(cafile=str(self.google.ca_file))
        answer = httpx.get(link, params={"person": person}, verify=trust, trust_env=False)
        self.google.callbacks.settle()
        return answer

    def row(self, guest: Guest) -> Pass:
        """Return the guest's pass as it is now."""
        with self.database.across_programs() as session:
            query = select(Pass).where(Pass.card_id == guest.card_id, Pass.platform == "google")
            return session.scalars(query).one()

    def kept(self, guest: Guest) -> dict[str, Any]:
        """Return what Google has of the guest's card."""
        return self.google.objects[object_id(self.row(guest))]


class _Slowly(GooglePlatform):
    """Google, one pass at a time."""

    batch = 1


def object_id(row: Pass) -> str:
    """Return Google's id of a pass."""
    return f"{row.pass_type_id}.{row.serial}"


def hear(database: Database, program_id: UUID, member_id: UUID, kind: str = "activity.recorded") -> None:
    """Hear of an event as the relay does."""
    Ear().hear(database, kind=kind, program_id=program_id, member_id=member_id, recorded_at=clock.now())


@contextmanager
def google_server(settings: Settings, google: GoogleStandIn, **changes: Any) -> Iterator[GoogleServer]:
    """Run an application on the test's database that takes the stand-in for Google."""
    made: list[Flask] = []

    def answer(environ: Any, start: Any) -> Any:
        return made[0](environ, start)

    # Which port it has is known before the application that says its address.
    listening = make_server("127.0.0.1", 0, answer, threaded=True)
    url = f"http://127.0.0.1:{listening.server_port}"
    said = {
        "base_url": url,
        "google_wallet_endpoint": google.url,
        "google_wallet_ca_file": str(google.ca_file),
        "google_wallet_requests_per_second": 1000,
    }
    database = Database(replace(settings, **said | changes))
    application = create_app(database.settings, database)
    made.append(application)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    courier = platform_of("google").open(database.settings)
    try:
        yield GoogleServer(google, database, application, application.test_client(), courier, url)
    finally:
        courier.close()
        listening.shutdown()
        thread.join()
        listening.server_close()
        database.dispose()
