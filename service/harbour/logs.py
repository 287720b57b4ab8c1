"""Structured logs: one JSON object a line on standard output, the same for Django, gunicorn and our own code."""

from typing import Any

import structlog
from structlog.types import EventDict, Processor, WrappedLogger


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


def logging_configuration(level: str, *, is_readable: bool = False) -> dict[str, Any]:
    """Return the dictConfig; readable lines for a person at a terminal, JSON otherwise."""
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
        "handlers": {
            "stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "structured"},
        },
        "root": {"level": level, "handlers": ["stdout"]},
        "loggers": {
            "django": {"level": level, "handlers": [], "propagate": True},
            # Refused requests are in the request log already.
            "django.request": {"level": "ERROR"},
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "gunicorn.error": {"level": level, "handlers": [], "propagate": True},
            "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
            "psycopg.pool": {"level": "ERROR"},
        },
    }
