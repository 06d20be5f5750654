"""`ASSIDU_HOME/demo.json`: what the terminal says, for programs. It holds passwords and is its owner's alone."""

import json
import os
from pathlib import Path
from typing import Any

from api.demo import cafe
from api.demo.seed import Contents, Secrets
from app import ids
from app.models import Purse, Reward

FILE = "demo.json"


def write(path: Path, document: dict[str, Any]) -> None:
    """Write the document, whole or not at all, readable by this user only."""
    made = path.with_suffix(".new")
    made.unlink(missing_ok=True)
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2, ensure_ascii=False)
        file.write("\n")
    made.replace(path)


def read(path: Path) -> dict[str, Any] | None:
    """Return the document, or None where there is none that can be read."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def secrets_in(document: dict[str, Any] | None, program_id: str) -> Secrets | None:
    """Return the secrets that an earlier document of this programme keeps."""
    try:
        if document is None or document["program"]["id"] != program_id:
            return None
        passwords = {role: str(document["staff"][role]["password"]) for role in cafe.ROLES}
        return Secrets(passwords=passwords, till_key=str(document["till_api_key"]))
    except (KeyError, TypeError):
        return None


def compose(base_url: str, contents: Contents, secrets: Secrets, home: Path, phone: dict[str, str]) -> dict[str, Any]:
    """Return the document; `phone` tells where the stand-in of Firebase shows what phones got."""
    return {
        "base_url": base_url,
        "program": {"id": ids.show("program", contents.program_id), "name": cafe.NAME, "slug": cafe.SLUG},
        "stores": [{"id": ids.show("store", store.id), "name": store.name} for store in contents.stores],
        "staff": {
            role: {"email": cafe.address_of(role), "password": password} for role, password in secrets.passwords.items()
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
        "join_url": f"{base_url}/j/{cafe.SLUG}",
        "outbox": str(home / "outbox.jsonl"),
        "phone": phone,
    }


def _purse(purse: Purse) -> dict[str, Any]:
    found = {"id": ids.show("purse", purse.id), "code": purse.code, "name": purse.name, "kind": purse.kind}
    return found | ({"goal": purse.goal} if purse.goal else {})


def _reward(reward: Reward) -> dict[str, Any]:
    found = {"id": ids.show("reward", reward.id), "name": reward.name, "kind": reward.kind, "price": reward.price}
    return found | ({"purse_id": ids.show("purse", reward.purse_id)} if reward.purse_id else {})
