"""Structured logs: one JSON object a line on standard output, the same for Django, gunicorn and our own code."""

import logging
from typing import Any

import structlog
from structlog.types import EventDict, Processor, WrappedLogger
from typing_extensions import override


class JobFilter(logging.Filter):
    """Drops what procrastinate writes about a job: it tells its arguments, which may be secret."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is kept."""
        return not hasattr(record, "job")


def _without_internals(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Django's `extra` carries whole objects, which are neither short nor JSON."""
    for name in ("request", "server_time", "color_message"):
        event.pop(name, None)
    return event


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]


def configure_structlog() -> None:
    """Send structlog's events through the standard library's handlers."""
    structlog.configure(
        processors=[*_shared_processors(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def logging_configuration(level: str, *, is_readable: bool = False, stream: str = "stdout") -> dict[str, Any]:
    """Return the dictConfig; readable lines for a person at a terminal, JSON otherwise.

    What serves writes to standard output; a command writes its result there, and its logs to `stderr`.
    """
    renderer: Processor = structlog.dev.ConsoleRenderer() if is_readable else structlog.processors.JSONRenderer()
    rendering: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if not is_readable:
        rendering.append(structlog.processors.format_exc_info)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [*_shared_processors(), structlog.stdlib.ExtraAdder(), _without_internals],
                "processors": [*rendering, renderer],
            },
        },
        "filters": {
            "job": {"()": "ground.telemetry.logs.JobFilter"},
            "outage": {"()": "ground.postgresql.outage.OutageFilter"},
        },
        "handlers": {
            "stream": {
                "class": "logging.StreamHandler",
                "stream": f"ext://sys.{stream}",
                "formatter": "structured",
                "filters": ["job", "outage"],
            },
        },
        "root": {"level": level, "handlers": ["stream"]},
        "loggers": {
            "django": {"level": level, "handlers": [], "propagate": True},
            # Refused requests are in the request log already.
            "django.request": {"level": "ERROR"},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "gunicorn.error": {"level": level, "handlers": [], "propagate": True},
            "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
            # What matters about a job, ground.jobs says.
            "procrastinate": {"level": "WARNING"},
            # What it says about a lost database, the gate says once: see ground.postgresql.
            "psycopg.pool": {"level": "ERROR"},
        },
    }
