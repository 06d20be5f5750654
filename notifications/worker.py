"""`assidu worker`: one process that relays the outbox, runs campaigns and tasks; start as many as you like."""

import asyncio
import contextlib
import gc
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import procrastinate.worker
import structlog

from app.config import Settings
from app.db import Database
from notifications import queue, tasks
from notifications.campaigns.dispatching import Ticker
from notifications.campaigns.draining import Drainer
from notifications.channels.opening import Channels
from notifications.channels.protocol import Channel, open_channel
from notifications.channels.wallet import WalletChannel
from notifications.letters import Postman
from notifications.relay import Relay
from notifications.sending import Sender
from notifications.subscribers import SUBSCRIBERS
from wire import faults

log = structlog.get_logger(__name__)

GRACE_SECONDS = 30.0
"""How long what is in hand may take after SIGTERM; what is cut off then is taken over by another worker."""
FETCH_SECONDS = 0.5
TROUBLE_SLEEP_SECONDS = 2.0
LANE_THREADS = {queue.CAMPAIGNS: 2, queue.LANES["email"]: 2, queue.LANES["push"]: 3}
"""How many drains of a lane a worker does at once: a slow provider holds up its own lane only.

Of pushes, one renders while one waits for the wire and one for the database.
"""


class Part(Protocol):
    """What another package has a worker run: started and stopped with it, in a thread of its own."""

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, which it looks at often; finish what is in hand."""
        ...

    def close(self) -> None:
        """Give back what is held; called once, after `run` has ended."""
        ...


class Worker:
    """A relay and a ticker in threads, and Procrastinate's workers beside them, one for each lane; ended by `stop`."""

    def __init__(self, settings: Settings, database: Database, channel: Channel, parts: Sequence[Part] = ()) -> None:
        SUBSCRIBERS.load("notifications.subscribers")
        self._concurrency = settings.worker_concurrency
        self._relay, self._ticker = Relay(database), Ticker(database)
        self._parts = parts
        wallet = WalletChannel()
        wallet.look_up_in(database)
        self.channels = Channels(settings, {"push": channel, wallet.kind: wallet})
        # Without a mail server nobody writes letters: see app/services/mails.py.
        mail = self.channels.get("email") if settings.smtp_url else None
        self._postman = Postman(database, mail) if mail is not None else None
        # Two faces of one wish: threads look at the first, the event loop waits for the second.
        self._stop = threading.Event()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._app = tasks.make_app(database, Sender(database, channel), Drainer(database, self.channels), self._stop)

    def stop(self) -> None:
        """Take nothing new; may be called from any thread, and before `run`."""
        self._stop.set()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def run(self) -> bool:
        """Work until `stop`; return whether all that was in hand was finished within the grace."""
        self._loop = asyncio.get_running_loop()
        # Tasks run in its threads; four are for the relay, the ticker, the postman, and for opening and closing.
        threads = self._concurrency + sum(LANE_THREADS.values()) + 4 + len(self._parts)
        self._loop.set_default_executor(ThreadPoolExecutor(threads, thread_name_prefix="task"))
        if self._stop.is_set():
            self._stopping.set()
        log.info("worker_started", pid=os.getpid(), concurrency=self._concurrency)
        parts = {
            asyncio.create_task(asyncio.to_thread(self._relay.run, self._stop), name="relay"),
            asyncio.create_task(asyncio.to_thread(self._ticker.run, self._stop), name="ticker"),
            asyncio.create_task(self._work(), name="tasks"),
        }
        if self._postman is not None:
            parts.add(asyncio.create_task(asyncio.to_thread(self._postman.run, self._stop), name="postman"))
        for part in self._parts:
            parts.add(asyncio.create_task(asyncio.to_thread(part.run, self._stop), name=type(part).__name__.lower()))
        await self._stopping.wait()
        log.info("worker_stopping")
        _, late = await asyncio.wait(parts, timeout=GRACE_SECONDS)
        log.info("worker_stopped", cut_off=sorted(part.get_name() for part in late))
        return not late

    async def _work(self) -> None:
        """Run Procrastinate's worker, again and again if it ends by itself: it does when the database goes away."""
        while not self._stopping.is_set():
            try:
                if await self._is_open():
                    await self._work_until_stopped()
            except Exception as error:  # noqa: BLE001 - whatever ended it, work must go on
                log.warning("tasks_interrupted", **faults.describe(error))
            finally:
                await self._app.close_async()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TROUBLE_SLEEP_SECONDS)

    async def _is_open(self) -> bool:
        """Sign in to the queue; return False if `stop` came first, as it may while the database is away."""
        opening = asyncio.create_task(self._open())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if opening.done():
            opening.result()
            return True
        opening.cancel()
        await asyncio.wait({opening})
        return False

    async def _open(self) -> None:
        await self._app.open_async()

    async def _work_until_stopped(self) -> None:
        queues = {queue.DEFAULT_QUEUE: self._concurrency} | LANE_THREADS
        lanes = [self._make_lane(name, threads) for name, threads in queues.items()]
        working = {asyncio.create_task(lane.run()) for lane in lanes}  # type: ignore[no-untyped-call]
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({*working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        # Told, not cancelled: a lane that still signs in loses a cancellation now and then, in psycopg's pool, and then
        # never ends. Each has taken its first step by now, which forgets what it was told before.
        for lane in lanes:
            lane.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({*working, stopping})
        for task in working:
            task.result()

    def _make_lane(self, name: str, concurrency: int) -> procrastinate.worker.Worker:
        return procrastinate.worker.Worker(
            self._app,
            queues=[name],
            concurrency=concurrency,
            install_signal_handlers=False,
            shutdown_graceful_timeout=GRACE_SECONDS,
            fetch_job_polling_interval=FETCH_SECONDS,
            delete_jobs="successful",
        )


def main(settings: Settings, open_parts: Callable[[Database], Sequence[Part]] = lambda _: ()) -> int:
    """Run a worker until SIGTERM or SIGINT; return 0 when it ended in order.

    `open_parts` opens what other packages have it run. Raises ValueError or OSError at once when the channel's settings
    are not usable. Work that outlasts the grace is left where it stands: leases and heartbeats give it to another
    worker.
    """
    database = Database(settings)
    channel = open_channel(settings, database)
    parts = open_parts(database)
    worker = Worker(settings, database, channel, parts)
    _collect_seldom()
    try:
        finished = asyncio.run(_serve(worker))
    finally:
        for part in parts:
            part.close()
        worker.channels.close()
        channel.close()
        database.dispose()
    return 0 if finished else 1


def _collect_seldom() -> None:
    """Leave everything made so far out of garbage collections, and collect less often.

    A batch makes tens of thousands of objects and forgets them all: looking through them again and again was a fifth of
    a campaign's CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)


async def _serve(worker: Worker) -> bool:
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, worker.stop)
    finished = await worker.run()
    if not finished:
        # Threads cannot be ended, and the interpreter would wait for them.
        os._exit(1)
    return finished
