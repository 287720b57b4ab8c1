"""Tells a lost database from other errors, and keeps it from filling the log."""

import logging

import psycopg
import structlog
from django.db import InterfaceError, OperationalError
from typing_extensions import override

log = structlog.get_logger("harbour.database")
LOST = (OperationalError, InterfaceError, psycopg.OperationalError)


def is_outage(error: BaseException | None) -> bool:
    """Whether the database is behind this error, itself or as what was being handled when it came up.

    A session that can't be saved, for instance, is told by Django as SessionInterrupted.
    """
    while error is not None:
        if isinstance(error, LOST):
            return True
        error = error.__cause__ or error.__context__
    return False


def note(error: BaseException | None) -> None:
    """Log an error of a database that is there: a lock or a statement that took too long, a deadlock, a full disk."""
    from ground.postgresql.base import GATE

    cause = error
    while cause is not None and not isinstance(cause, psycopg.Error):
        cause = cause.__cause__ or cause.__context__
    if GATE.is_open and cause is not None:
        log.warning("database refused", sqlstate=cause.sqlstate, reason=str(cause).strip())


class OutageFilter(logging.Filter):
    """Drops what Django writes for each request that met a lost database: the request log and the gate tell it."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is kept."""
        error = record.exc_info[1] if record.exc_info else None
        return not is_outage(error) and getattr(record, "status_code", None) != 503
