"""Deletes what nobody needs any more, in small transactions and bounded time."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app

from access.models import Invitation, RequestCount, Token
from fleet.models import DeploymentEvent, Notice
from ground.web import released_static

BATCH = 5_000
BUDGET_SECONDS = 50.0
INVITATION_DAYS = 30
TOKEN_DAYS = 90
log = structlog.get_logger("harbour.jobs")


@app.periodic(cron="11 * * * *")
@app.task(name="retention", queueing_lock="retention", pass_context=True)
def retention(context: JobContext, timestamp: int) -> None:  # noqa: ARG001  # when it was due
    """Delete what is too old, hourly."""
    deleted = tidy(settings.CONFIGURATION.event_days, context.should_abort)
    log.info("tidied", **deleted, static_files=released_static.tidy())


def tidy(event_days: int, should_stop: Callable[[], bool], *, seconds: float = BUDGET_SECONDS) -> dict[str, int]:
    """Return how many rows of what were deleted.

    It ends when nothing is left, when the time is over, or between two batches when it should stop; the next run goes
    on from there.
    """
    deadline = time.monotonic() + seconds
    now = timezone.now()
    batches = {"events": _old_events(now - timedelta(days=event_days))}
    ended_notices = Notice.objects.filter(ended_at__lt=now - timedelta(days=event_days))
    batches |= {name: _all_of(rows) for name, rows in {"notices": ended_notices, **_outdated(now)}.items()}
    deleted = dict.fromkeys(batches, 0)
    for name, counts in batches.items():
        for count in counts:
            deleted[name] += count
            if should_stop() or time.monotonic() > deadline:
                return deleted
    return deleted


def _outdated(now: datetime) -> dict[str, "QuerySet[Model]"]:
    ended = now - timedelta(days=INVITATION_DAYS)
    useless = now - timedelta(days=TOKEN_DAYS)
    return {
        "request_counts": RequestCount.objects.filter(expires_at__lt=now),
        "sessions": Session.objects.filter(expire_date__lt=now),
        "invitations": Invitation.objects.filter(Q(accepted_at__lt=ended) | Q(accepted_at=None, expires_at__lt=ended)),
        "tokens": Token.objects.filter(Q(expires_at__lt=useless) | Q(revoked_at__lt=useless)),
    }


def _old_events(cutoff: datetime) -> Iterator[int]:
    """Delete events from the oldest on, batch by batch.

    Ids ascend with the time of receipt, so the first batch that holds a younger event is the last: no search through
    the table, however many events it has.
    """
    oldest = DeploymentEvent.objects.order_by("pk").values_list("pk", "received_at")
    while True:
        batch = list(oldest[:BATCH])
        doomed = [pk for pk, received_at in batch if received_at < cutoff]
        yield _delete(DeploymentEvent, doomed)
        if not doomed or len(doomed) < len(batch):
            return


def _all_of(rows: "QuerySet[Model]") -> Iterator[int]:
    while True:
        batch = list(rows.values_list("pk", flat=True)[:BATCH])
        yield _delete(rows.model, batch)
        if len(batch) < BATCH:
            return


def _delete(model: type[Model], keys: list[Any]) -> int:
    """One statement, one short transaction; nothing refers to these rows."""
    found = model._default_manager.filter(pk__in=keys)
    return int(found._raw_delete(found.db)) if keys else 0
