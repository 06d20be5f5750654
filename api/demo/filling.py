"""What the demo does with its database: the schema, the café and its document; and the phone that pushes go to."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID

from api.demo import document, seed, wallets
from api.demo.progress import step
from api.demo.seed import Contents, Secrets
from app import ids, migrations
from app.config import Settings
from app.db import Database
from app.models import Purse, Reward
from notifications.stand_in import StandIn


def fill(stack: ExitStack, settings: Settings) -> tuple[dict[str, Any], Settings]:
    """Make the café unless it is there, start the phone, write the document.

    Returns the document, and the settings with which a worker pushes to that phone.
    """
    database = Database(settings)
    stack.callback(database.dispose)
    with step("Bringing the schema up to date"):
        migrations.migrate(database)
    program_id, secrets = _seed(database, settings)
    with step("Starting the phone, a stand-in of Firebase"):
        phone = stack.enter_context(StandIn(settings.home / "stand-in"))
    contents = seed.read(database, program_id)
    with step("Setting the café's wallets up, with stand-ins of Apple and Google"):
        links = wallets.start(stack, database, program_id, contents.card)
    found = compose(settings, contents, secrets, phone) | {"wallet": links.document()}
    document.write(settings.home / document.FILE, found)
    settings.outbox_file.touch(mode=0o600)
    pushing = replace(
        settings,
        push_channel="push",
        firebase_credentials=str(phone.service_account_file),
        firebase_endpoint=phone.url,
        firebase_ca_file=str(phone.ca_file),
    )
    return found, pushing


def _seed(database: Database, settings: Settings) -> tuple[UUID, Secrets]:
    program_id = seed.find(database)
    if program_id is None:
        with step("Making Café Assidu: forty members, three months of history"):
            return seed.make(database)
    known = secrets_in(document.read(settings.home / document.FILE), ids.show("program", program_id))
    return program_id, known or seed.renew_secrets(database, program_id)


def secrets_in(found: dict[str, Any] | None, program_id: str) -> Secrets | None:
    """Return the secrets that an earlier document of this programme keeps."""
    try:
        if found is None or found["program"]["id"] != program_id:
            return None
        passwords = {role: str(found["staff"][role]["password"]) for role in document.ROLES}
        return Secrets(passwords=passwords, till_key=str(found["till_api_key"]))
    except (KeyError, TypeError):
        return None


def compose(settings: Settings, contents: Contents, secrets: Secrets, phone: StandIn) -> dict[str, Any]:
    """Return the document."""
    return {
        "base_url": settings.base_url,
        "program": {
            "id": ids.show("program", contents.program_id), "name": document.NAME, "slug": document.SLUG,
        },
        "stores": [{"id": ids.show("store", store.id), "name": store.name} for store in contents.stores],
        "staff": {
            role: {"email": document.address_of(role), "password": password}
            for role, password in secrets.passwords.items()
        },
        "till_api_key": secrets.till_key,
        "purses": [_purse(purse) for purse in contents.purses],
        "rewards": [_reward(reward) for reward in contents.rewards],
        "member": {
            "id": ids.show("member", contents.member.id),
            "first_name": contents.member.first_name,
            "email": contents.member.email,
            "card_id": ids.show("card", contents.card.id),
            "code": contents.code,
        },
        "join_url": f"{settings.base_url}/j/{document.SLUG}",
        "outbox": str(settings.outbox_file),
        "phone": {"url": f"{phone.url}/phone", "ca_file": str(phone.ca_file)},
    }  # fmt: skip


def _purse(purse: Purse) -> dict[str, Any]:
    found = {"id": ids.show("purse", purse.id), "code": purse.code, "name": purse.name, "kind": purse.kind}
    return found | ({"goal": purse.goal} if purse.goal else {})


def _reward(reward: Reward) -> dict[str, Any]:
    found = {"id": ids.show("reward", reward.id), "name": reward.name, "kind": reward.kind, "price": reward.price}
    return found | ({"purse_id": ids.show("purse", reward.purse_id)} if reward.purse_id else {})
