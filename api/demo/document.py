"""`ASSIDU_HOME/demo.json`: what the terminal says, for programs. It holds passwords and is its owner's alone."""

import json
import os
from pathlib import Path
from typing import Any

FILE = "demo.json"
NAME = "Café Assidu"
SLUG = "cafe-assidu"
ROLES = ("owner", "marketer", "cashier")


def address_of(role: str) -> str:
    """Return the address that one of the `ROLES` signs in with."""
    return f"{role}@cafe.example.com"


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
