"""`assidu worker`: one process that relays the outbox and runs tasks; start as many as you like on one database."""

import asyncio
import contextlib
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import structlog

from app.config import Settings
from app.db import Database
from notifications import faults, tasks
from notifications.channels.protocol import Channel, open_channel
from notifications.relay import Relay
from notifications.sending import Sender
from notifications.subscribers import SUBSCRIBERS

log = structlog.get_logger(__name__)

GRACE_SECONDS = 30.0
"""How long what is in hand may take after SIGTERM; what is cut off then is taken over by another worker."""
FETCH_SECONDS = 0.5
TROUBLE_SLEEP_SECONDS = 2.0


class Worker:
    """A relay in a thread and Procrastinate's worker beside it, both stopped by `stop`."""

    def __init__(self, settings: Settings, database: Database, channel: Channel) -> None:
        SUBSCRIBERS.load("notifications.subscribers")
        self._concurrency = settings.worker_concurrency
        self._relay = Relay(database)
        # Two faces of one wish: threads look at the first, the event loop waits for the second.
        self._stop = threading.Event()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._app = tasks.make_app(database, Sender(database, channel), self._stop)

    def stop(self) -> None:
        """Take nothing new; may be called from any thread, and before `run`."""
        self._stop.set()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def run(self) -> bool:
        """Work until `stop`; return whether all that was in hand was finished within the grace."""
        self._loop = asyncio.get_running_loop()
        # Tasks run in its threads; two are for the relay and for opening and closing.
        self._loop.set_default_executor(ThreadPoolExecutor(self._concurrency + 2, thread_name_prefix="task"))
        if self._stop.is_set():
            self._stopping.set()
        log.info("worker_started", pid=os.getpid(), concurrency=self._concurrency)
        parts = {
            asyncio.create_task(asyncio.to_thread(self._relay.run, self._stop), name="relay"),
            asyncio.create_task(self._work(), name="tasks"),
        }
        await self._stopping.wait()
        log.info("worker_stopping")
        _, late = await asyncio.wait(parts, timeout=GRACE_SECONDS)
        log.info("worker_stopped", cut_off=sorted(part.get_name() for part in late))
        return not late

    async def _work(self) -> None:
        """Run Procrastinate's worker, again and again if it ends by itself: it does when the database goes away."""
        while not self._stopping.is_set():
            try:
                async with self._app.open_async():
                    await self._work_until_stopped()
            except Exception as error:  # noqa: BLE001 - whatever ended it, work must go on
                log.warning("tasks_interrupted", **faults.describe(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TROUBLE_SLEEP_SECONDS)

    async def _work_until_stopped(self) -> None:
        working = asyncio.create_task(
            self._app.run_worker_async(
                concurrency=self._concurrency,
                install_signal_handlers=False,
                shutdown_graceful_timeout=GRACE_SECONDS,
                fetch_job_polling_interval=FETCH_SECONDS,
                delete_jobs="successful",
            )
        )
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        # Cancelling Procrastinate's worker is asking it to end: it finishes the tasks in hand.
        working.cancel()
        stopping.cancel()
        await asyncio.wait({working, stopping})
        if not working.cancelled():
            working.result()


def main(settings: Settings) -> int:
    """Run a worker until SIGTERM or SIGINT; return 0 when it ended in order.

    Raises ValueError or OSError at once when the channel's settings are not usable. Work that outlasts the grace is
    left where it stands: leases and heartbeats give it to another worker.
    """
    database = Database(settings)
    channel = open_channel(settings)
    try:
        finished = asyncio.run(_serve(Worker(settings, database, channel)))
    finally:
        channel.close()
        database.dispose()
    return 0 if finished else 1


async def _serve(worker: Worker) -> bool:
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, worker.stop)
    finished = await worker.run()
    if not finished:
        # Threads cannot be ended, and the interpreter would wait for them.
        os._exit(1)
    return finished
