"""Checks that PostgreSQL lets in as many connections as Harbour may ever open."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.db import connections

from ground.configuration import Configuration

# Old and new release stand side by side during a deploy.
RELEASES = 2
WORKER_ROLE = 5
# For people with psql, backups, and the migration that is asking.
RESERVE = 5
RESERVED_SETTINGS = ("superuser_reserved_connections", "reserved_connections")


def connections_needed(configuration: Configuration) -> int:
    """Return the most connections that are open at the same time."""
    return configuration.workers * configuration.connections * RELEASES + WORKER_ROLE + RESERVE


def problem(configuration: Configuration, available: int) -> str:
    """Return what is wrong in one sentence, '' when there is room."""
    needed = connections_needed(configuration)
    if needed <= available:
        return ""
    return (
        f"{configuration.workers} workers with {configuration.connections} connections each, in {RELEASES} releases "
        f"side by side, with {WORKER_ROLE} for the worker role and {RESERVE} in reserve need {needed} connections; "
        f"PostgreSQL lets in {available}"
    )


def check_connections(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Refuse settings that PostgreSQL's max_connections has no room for; run by `migrate` before all else."""
    found = problem(settings.CONFIGURATION, _available()) if "default" in (databases or []) else ""
    if not found:
        return []
    hint = "lower HARBOUR_POOL_SIZE, HARBOUR_THREADS or WEB_CONCURRENCY, or raise max_connections"
    return [Error(found, hint=hint, id="harbour.E001")]


def _available() -> int:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT name, setting::int FROM pg_settings WHERE name = ANY(%s)",
            [["max_connections", *RESERVED_SETTINGS]],
        )
        found = dict(cursor.fetchall())
    return int(found["max_connections"] - sum(found.get(name, 0) for name in RESERVED_SETTINGS))
