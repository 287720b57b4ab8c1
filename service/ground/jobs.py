"""What runs in the background: how a job is handed over, what the log tells of it, and what comes by the clock."""

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import structlog
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.tasks import Task

from ground.postgresql.outage import is_outage
from ground.telemetry.request_log import current_request_id

if TYPE_CHECKING:
    from procrastinate.worker import Worker

FINISHED_JOB_HOURS = 7 * 24
# A mail server that is away for an hour loses nothing: 4, 16, 64, … seconds up to some three hours.
PATIENCE = RetryStrategy(max_attempts=7, exponential_wait=4)
log = structlog.get_logger("harbour.jobs")


def hand_over(task: "Task[Any, Any, Any]", **arguments: Any) -> None:
    """Have a task run in the worker role, once the transaction that is open commits; the request's id goes along."""
    task.defer(**arguments, request_id=current_request_id())


async def tell(proceed: Callable[[], Awaitable[Any]], context: JobContext, _worker: "Worker") -> Any:
    """Run a job with its id, and that of the request that asked for it, in every log line; never its arguments."""
    job = context.job
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(job=job.id, task=job.task_name)
    if request_id := job.task_kwargs.get("request_id"):
        structlog.contextvars.bind_contextvars(request_id=request_id)
    began = time.perf_counter()
    try:
        result = await proceed()
    except BaseException as error:
        if not is_outage(error):
            log.exception("job failed", attempt=job.attempts + 1, milliseconds=_milliseconds(began))
        raise
    log.info("job done", milliseconds=_milliseconds(began))
    return result


def _milliseconds(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)


@app.periodic(cron="*/5 * * * *")
@app.task(name="tend", queueing_lock="tend", pass_context=True)
async def tend(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  # when it was due
    """Give jobs of workers that died to the next one, and forget what has long ended."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        log.warning("job taken over from a worker that died", stalled=job.id)
        await manager.retry_job(job)
    await manager.delete_old_jobs(
        nb_hours=FINISHED_JOB_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )
