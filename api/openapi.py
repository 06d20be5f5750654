"""The API's OpenAPI 3.1 document, from the code alone: neither settings nor a database change a letter of it."""

import json
from pathlib import Path
from typing import Any, cast

from api.app import create_app
from app import crypto
from app.config import Settings

COMMITTED = Path("docs") / "openapi.json"
"""Where the document is kept in the tree."""


def document() -> dict[str, Any]:
    """Return the document as `/openapi.json` answers it."""
    # A key of its own, so that no folder is made; an address, so that no server is looked for. Neither is used.
    app = create_app(Settings(secret_key=crypto.new_secret_key(), database_url="postgresql://localhost/none"))
    return cast("dict[str, Any]", app.test_client().get("/openapi.json").get_json())


def text() -> str:
    """Return the document as it is committed: indented, with a line's end."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
