"""What a stand-in can answer, and how an answer can fail to come."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Wire = Literal["answer", "hang", "cut", "reset", "refuse", "goaway", "midbody"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer, or how it fails to come.

    `delivers`: the phone hears of it all the same. `wire`: `hang` never answers; `cut` ends the connection; `reset` and
    `refuse` end the stream (refused: certainly not processed), `midbody` in the middle of the answer's body; `goaway`
    answers and asks to leave. `streams_max`: from now on the client may have so many streams open on this connection.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delivers: bool = False
    wait_seconds: float = 0.0
    wire: Wire = "answer"
    streams_max: int | None = None


def json_answer(status: int, document: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer with a JSON body."""
    return Answer(
        status=status,
        body=json.dumps(document).encode(),
        headers={"content-type": "application/json; charset=UTF-8", **(headers or {})},
    )
