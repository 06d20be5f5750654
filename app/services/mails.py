"""Mails and texts of the installation itself: written here, sent by a worker, or kept in the outbox file.

With a mail server (`ASSIDU_SMTP_URL`) a mail is written into the database, sealed, with the work that it tells of, and
a worker sends it. Without one, and for phones until there is a channel for texts, it becomes a line of the outbox file.
"""

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from app import clock, ids
from app.crypto import Keyring
from app.db import Session
from app.models import Letter


class Postbox:
    """A file of JSON lines that any number of threads and processes append to. Only its owner can read it.

    Append last, when the transaction is committed: a line that is written cannot be taken back.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Add `record` and the time as one line; raise OSError when the disk does not take the whole of it.

        One `write` to a file opened with O_APPEND is not mixed with another's (POSIX, local file systems).
        """
        data = (json.dumps({"at": clock.now().isoformat(), **record}, ensure_ascii=False) + "\n").encode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.write(descriptor, data) != len(data):
                raise OSError(f"{self.path} took a part of a line only: is the disk full?")
        finally:
            os.close(descriptor)

    def read(self) -> list[dict[str, Any]]:
        """Return all records, oldest first; none when nothing was ever appended."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]


LANGUAGES = ("fr", "en")

_SUBJECT = {"fr": "{code} est votre code", "en": "{code} is your code"}

_TEXT = {
    "fr": "Votre code est {code}. Il vaut {minutes} minutes, une seule fois. Ne le donnez à personne, même à nous.",
    "en": "Your code is {code}. It works once, for {minutes} minutes. Give it to nobody, not even to us.",
}


def one_time_code(*, to: str, code: str, locale: str, minutes: int) -> dict[str, Any]:
    """Return the message that carries a one-time code, in French or English."""
    language = "fr" if locale.lower().startswith("fr") else "en"
    return {
        "kind": "one_time_code",
        "to": to,
        "code": code,
        "locale": language,
        "subject": _SUBJECT[language].format(code=code),
        "title": code,
        "text": _TEXT[language].format(code=code, minutes=minutes),
    }


def post(session: Session, keyring: Keyring, message: Mapping[str, Any], *, expires_at: datetime) -> Letter:
    """Write a mail, to be sent once by a worker when the transaction is committed, and not after `expires_at`.

    `message` has `kind`, `to`, `subject`, `title`, `text` and `locale`; whoever reads the table reads none of it.
    """
    letter_id = ids.new_id()
    sealed = keyring.seal(json.dumps(message).encode(), context=context_of(letter_id))
    letter = Letter(
        id=letter_id, kind=message["kind"], sealed=sealed, due_at=clock.now(), expires_at=expires_at
    )  # fmt: skip
    session.add(letter)
    return letter


def unseal(keyring: Keyring, letter_id: UUID, sealed: bytes) -> dict[str, Any]:
    """Return what `post` was given; raise cryptography's InvalidTag when it was changed or moved."""
    message: dict[str, Any] = json.loads(keyring.unseal(sealed, context=context_of(letter_id)))
    return message


def context_of(letter_id: UUID) -> bytes:
    """Return what a letter's text is bound to at rest."""
    return b"letter/" + letter_id.bytes
