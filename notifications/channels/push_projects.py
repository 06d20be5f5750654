"""The push channel of an installation: a Firebase project for most programmes, one each for those that want it."""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from app import clock
from app.config import Settings
from app.db import Database
from app.services import push_credentials
from notifications.channels.protocol import CHANNELS, OutgoingMessage, SendResult
from notifications.channels.push import PushChannel
from wire import faults
from wire.transport import TransportThread

log = structlog.get_logger(__name__)

LOOK_AGAIN = timedelta(seconds=30)
"""How long a programme's credential is taken for granted."""
PROJECTS_MAX = 200
"""How many projects are kept open; the one that was used least recently is closed."""
SIDE_BY_SIDE = 8
"""How many projects are sent to at once by one call: a slow one does not hold up the others."""
TROUBLE_SECONDS = 60.0
UNREADABLE = SendResult(outcome="retry", reason="credential_unreadable", retry_after_seconds=TROUBLE_SECONDS)

ProjectKey = tuple[UUID, datetime]
"""A programme and the instant when its credential was set: another one is another key."""


@dataclass(eq=False)
class _Open:
    """An open project and how many calls use it; one that is `retired` is closed by the last of them."""

    channel: PushChannel
    users: int = 0
    retired: bool = False


class PushProjects:
    """Sends each message through its programme's Firebase project. All share one event loop in one thread."""

    kind = "push"

    def __init__(self, settings: Settings, installation: Mapping[str, Any]) -> None:
        """Take the installation's service account; `look_up_in` says where those of programmes are."""
        self._settings = settings
        self._database: Database | None = None
        ca_file = Path(settings.firebase_ca_file) if settings.firebase_ca_file else None
        self._thread = TransportThread(ca_file=ca_file)
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._programs: dict[UUID, tuple[datetime, ProjectKey | None]] = {}
        self._projects: OrderedDict[ProjectKey, _Open] = OrderedDict()
        self._installation = _Open(self._channel(installation))

    def look_up_in(self, database: Database | None) -> None:
        """Find programmes' own credentials there; without a database none has one."""
        self._database = database

    def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        """Send each message once by its project; answer for each, in order."""
        by_program: dict[UUID | None, list[int]] = {}
        for place, message in enumerate(messages):
            by_program.setdefault(message.program_id, []).append(place)
        results: list[SendResult] = [UNREADABLE] * len(messages)
        taken: list[_Open] = []
        by_project: dict[_Open, list[int]] = {}
        for program_id, places in by_program.items():
            project = self._take(program_id)
            if project is not None:
                taken.append(project)
                by_project.setdefault(project, []).extend(places)
        try:
            answered = self._send_all({project: [messages[place] for place in places]
                                       for project, places in by_project.items()})  # fmt: skip
        finally:
            self._give_back(taken)
        for project, places in by_project.items():
            for place, result in zip(places, answered[project], strict=True):
                results[place] = result
        return results

    def paused_until(self, program_id: UUID) -> datetime | None:
        """Return until when FCM wants no more messages of this programme's project."""
        project = self._take(program_id)
        if project is None:
            return None
        self._give_back([project])
        return project.channel.paused_until()

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            everyone = [self._installation, *self._projects.values()]
            self._projects.clear()
        for project in everyone:
            project.channel.close()
        self._thread.stop()

    def _send_all(self, work: Mapping[_Open, list[OutgoingMessage]]) -> dict[_Open, list[SendResult]]:
        if len(work) <= 1:
            return {project: project.channel.send(messages) for project, messages in work.items()}
        with ThreadPoolExecutor(min(len(work), SIDE_BY_SIDE), thread_name_prefix="push-project") as threads:
            begun = {project: threads.submit(project.channel.send, messages) for project, messages in work.items()}
            return {project: future.result() for project, future in begun.items()}

    def _take(self, program_id: UUID | None) -> _Open | None:
        """Return the programme's project, counted as in use; None when its credential cannot be read."""
        try:
            key = self._key(program_id)
            with self._lock:
                project = self._installation if key is None else self._projects.get(key)
                if project is not None:
                    project.users += 1
                    if key is not None:
                        self._projects.move_to_end(key)
                    return project
            return self._open(key)
        except Exception as error:  # noqa: BLE001 - the database is away, or the credential is not readable
            log.error("push_credential_unreadable", **faults.describe(error))  # noqa: TRY400
            return None

    def _key(self, program_id: UUID | None) -> ProjectKey | None:
        if program_id is None or self._database is None:
            return None
        now = clock.now()
        found = self._programs.get(program_id)
        if found is not None and now < found[0]:
            return found[1]
        with self._database.across_programs() as session:
            row = push_credentials.find(session, program_id)
        key = None if row is None else (program_id, row.updated_at)
        before = found[1] if found is not None else None
        self._programs[program_id] = (now + LOOK_AGAIN, key)
        if before is not None and before != key:
            self._retire(before)
        return key

    def _open(self, key: ProjectKey | None) -> _Open:
        assert key is not None
        assert self._database is not None
        with self._database.across_programs() as session:
            row = push_credentials.find(session, key[0])
        if row is None:
            # Taken away this moment: it is looked for again at once.
            self._programs.pop(key[0], None)
            raise LookupError("the credential is gone")
        account = push_credentials.unseal(self._database.keyring, row)
        channel = self._channel(account)
        with self._lock:
            project = self._projects.get(key)
            if project is None:
                project = self._projects[key] = _Open(channel)
            project.users += 1
            eldest = next(iter(self._projects)) if len(self._projects) > PROJECTS_MAX else None
        if project.channel is not channel:
            channel.close()
        if eldest is not None:
            self._retire(eldest)
        return project

    def _retire(self, key: ProjectKey) -> None:
        with self._lock:
            project = self._projects.pop(key, None)
            if project is None:
                return
            project.retired = True
            unused = project.users == 0
        if unused:
            project.channel.close()

    def _give_back(self, projects: Sequence[_Open]) -> None:
        ended = []
        with self._lock:
            for project in projects:
                project.users -= 1
                if project.retired and project.users == 0:
                    ended.append(project)
        for project in ended:
            project.channel.close()

    def _channel(self, account: Mapping[str, Any]) -> PushChannel:
        return PushChannel(
            account,
            endpoint=self._settings.firebase_endpoint,
            ca_file=self._ca_file,
            thread=self._thread,
            messages_per_minute=self._settings.firebase_messages_per_minute,
        )


@CHANNELS.register("push")
def open_push(settings: Settings) -> PushProjects:
    """Open the channel with the installation's account; raise ValueError or OSError when it is not usable."""
    if not settings.firebase_credentials:
        raise ValueError("ASSIDU_FIREBASE_CREDENTIALS names no file")
    return PushProjects(settings, json.loads(Path(settings.firebase_credentials).read_text("utf-8")))
