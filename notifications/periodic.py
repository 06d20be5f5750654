"""Jobs by the clock: when each runs, and how a job of a worker that died is run again. Times are UTC."""

from functools import partial

import structlog
from procrastinate import App, exceptions, jobs
from procrastinate.manager import JobManager

from app.db import Database
from app.services.jobs import JOBS
from notifications import metrics, queue
from notifications.campaigns import beginning
from wire import faults

log = structlog.get_logger(__name__)

SCHEDULE = {
    "confirm_pending": "*/5 * * * *",
    "expire_holds": "* * * * *",
    "expire_lots": "*/5 * * * *",
    "expire_vouchers": "*/5 * * * *",
    "forget_spent_codes": "7 * * * *",
    "forget_one_time_codes": "12 * * * *",
    "forget_answers": "17 2 * * *",
    "forget_sessions": "27 2 * * *",
    "forget_devices": "32 2 * * *",
    "forget_letters": "22 * * * *",
    "forget_events": "7 3 * * *",
    "forget_webhook_deliveries": "17 3 * * *",
    "forget_campaign_rows": "27 3 * * *",
    "forget_wallet_leftovers": "42 * * * *",
    "watch_wallet_credentials": "52 6 * * *",
    "ensure_partitions": "37 2 * * *",
    "refresh_reports": "* * * * *",
    "verify": "47 2 * * *",
}
"""When each of `app.services.jobs.JOBS` runs, in cron's words."""
SWEEP = "* * * * * */15"
"""Every 15 seconds (the sixth field): deliveries that wait for another try, or whose worker died."""
WEBHOOK_SWEEP = "* * * * * */5"
"""Every 5 seconds, which is how long the first repeat to a webhook waits."""
BEGIN_JOURNEYS = "*/5 * * * *"
BEGIN_DAILY_JOURNEYS = "4 * * * *"
"""Days begin at other hours in other zones; who has begun is not asked again."""
RESCUE = "* * * * *"
CLEAN = "57 2 * * *"
KEEP_FAILED_HOURS = 30 * 24
TRIES_MAX = 10
"""A task that killed its worker this often is not run again."""


class TaskFailedError(Exception):
    """A task failed; what may be said of it was logged. Procrastinate would log the error's text, with its data."""


def register(app: App, database: Database) -> None:
    """Enter the sweep, the rescue, the clean-up and each job that exists into `app`."""
    app.periodic(cron=SWEEP, periodic_id="sweep")(app.tasks[queue.SEND_DELIVERIES])
    app.periodic(cron=WEBHOOK_SWEEP, periodic_id="webhook_sweep")(app.tasks[queue.DELIVER_WEBHOOKS])
    # No lock on the rescue: one that died itself must not keep the next from running.
    rescue = app.task(name="rescue_stalled", queueing_lock="rescue_stalled")(partial(_rescue, app.job_manager))
    app.periodic(cron=RESCUE, periodic_id="rescue")(rescue)
    clean = app.task(name="clean_queue", queueing_lock="clean_queue")(partial(_clean, app.job_manager))
    app.periodic(cron=CLEAN, periodic_id="clean")(clean)
    for name, cron, hourly in (("begin_journeys", BEGIN_JOURNEYS, False), ("begin_daily", BEGIN_DAILY_JOURNEYS, True)):
        begin = app.task(name=name, lock=name, queueing_lock=name)(partial(begin_journeys, database, hourly=hourly))
        app.periodic(cron=cron, periodic_id=name)(begin)
    for name in JOBS:
        # One at a time on all workers together, and one waiting behind it.
        own = f"job:{name}"
        task = app.task(name=own, lock=own, queueing_lock=own)(partial(run_job, database, name))
        app.periodic(cron=SCHEDULE[name], periodic_id=name)(task)


def run_job(database: Database, name: str, *, timestamp: int | None = None) -> int:  # noqa: ARG001 - the cron's tick
    """Run one of `JOBS`; raise TaskFailedError when it fails."""
    try:
        touched = JOBS[name](database)
    except Exception as error:  # noqa: BLE001 - a job may fail in any way; the next tick runs it again
        metrics.JOBS.labels(name, "failed").inc()
        log.error("job_failed", job=name, **faults.describe(error))  # noqa: TRY400
        raise TaskFailedError(name) from None
    metrics.JOBS.labels(name, "done").inc()
    log.info("job_done", job=name, rows=touched)
    return touched


def begin_journeys(database: Database, *, hourly: bool, timestamp: int | None = None) -> int:  # noqa: ARG001
    """Begin the journeys whose time has come; raise TaskFailedError when some campaign's failed, which were logged."""
    try:
        return beginning.begin_timed(database, hourly=hourly)
    except Exception as error:  # noqa: BLE001 - the next tick begins them
        log.error("journeys_not_begun", **faults.describe(error))  # noqa: TRY400
        raise TaskFailedError("begin_journeys") from None


async def rescue_stalled(manager: JobManager) -> int:
    """Queue again what a dead worker had in hand; return how many tasks that were.

    A worker is dead when its heartbeat, every 10 seconds, is 30 seconds old.
    """
    stalled = list(await manager.get_stalled_jobs())
    for job in stalled:
        await _rescue_one(manager, job)
    return len(stalled)


async def _rescue_one(manager: JobManager, job: jobs.Job) -> None:
    assert job.id is not None
    if job.attempts >= TRIES_MAX:
        log.error("task_given_up", task=job.task_name, job_id=job.id)
        await manager.finish_job_by_id_async(job.id, status=jobs.Status.FAILED, delete_job=False)
        return
    try:
        await manager.retry_job(job)
    except exceptions.UniqueViolation:
        # The same task waits already: it will do this one's work too, and two cannot wait under one lock.
        await manager.finish_job_by_id_async(job.id, status=jobs.Status.ABORTED, delete_job=True)
    log.warning("task_rescued", task=job.task_name, job_id=job.id)


async def _rescue(manager: JobManager, *, timestamp: int) -> None:  # noqa: ARG001 - the cron's tick
    await rescue_stalled(manager)


async def _clean(manager: JobManager, *, timestamp: int) -> None:  # noqa: ARG001 - the cron's tick
    await manager.delete_old_jobs(
        nb_hours=KEEP_FAILED_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )
