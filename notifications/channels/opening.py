"""The channels of one worker: each opened when it is first used, and kept still when its provider asks for it."""

import threading
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import structlog

from app import clock
from app.config import Settings
from notifications.channels.protocol import CHANNELS, Channel
from wire import faults

log = structlog.get_logger(__name__)


class Channels:
    """Opens channels by kind. `push` is what `ASSIDU_PUSH_CHANNEL` names; those `given` are open already."""

    def __init__(self, settings: Settings, given: Mapping[str, Channel] | None = None) -> None:
        CHANNELS.load("notifications.channels")
        self._settings = settings
        self._given = dict(given or {})
        self._opened: dict[str, Channel | None] = {}
        self._paused: dict[tuple[str, UUID], datetime] = {}
        self._lock = threading.Lock()

    def get(self, kind: str) -> Channel | None:
        """Return the open channel; None when there is none of this kind, or its settings are not usable."""
        with self._lock:
            if kind in self._given:
                return self._given[kind]
            if kind not in self._opened:
                self._opened[kind] = self._open(kind)
            return self._opened[kind]

    def pause(self, kind: str, program_id: UUID, until: datetime) -> None:
        """Keep a programme's lane still until an instant: other programmes may have providers of their own."""
        with self._lock:
            self._paused[kind, program_id] = until

    def paused(self, kind: str, program_id: UUID) -> bool:
        """Tell whether the programme's lane is to be kept still."""
        with self._lock:
            until = self._paused.get((kind, program_id))
        return until is not None and clock.now() < until

    def close(self) -> None:
        """Close what was opened here; those given are closed by who opened them."""
        with self._lock:
            opened, self._opened = list(self._opened.values()), {}
        for channel in opened:
            if channel is not None:
                channel.close()

    def _open(self, kind: str) -> Channel | None:
        name = self._settings.push_channel if kind == "push" else kind
        if name not in set(CHANNELS):
            return None
        try:
            return CHANNELS[name](self._settings)
        except (ValueError, OSError) as error:
            log.error("channel_not_opened", channel=kind, **faults.describe(error))  # noqa: TRY400
            return None
