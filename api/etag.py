"""Entity tags (RFC 9110 §8.8.3) of what people edit at the same time."""

import hashlib
import json
from typing import Any

from api.problems import PreconditionFailedError


def of(document: Any) -> str:
    """Return the strong tag of a JSON document."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return f'"{hashlib.sha256(canonical.encode()).hexdigest()[:32]}"'


def check(header: str | None, document: Any) -> None:
    """Raise PreconditionFailedError when `If-Match` is given and names another version (RFC 9110 §13.1.1)."""
    if header is None or header.strip() == "*":
        return
    if of(document) not in {tag.strip() for tag in header.split(",")}:
        raise PreconditionFailedError("Somebody changed it since you read it: read it again, then change it.")
