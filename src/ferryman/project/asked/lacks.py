"""What the settings lack on a server, by what they resolve to under the environment that the agent gives; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ferryman.survey.answers import Answers
from ferryman.survey.asking import DATABASE_HOST, DATABASE_PASSWORD, HOST, SECRET

STATICFILES = "django.contrib.staticfiles"
WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
LOCAL_STORAGE = "django.core.files.storage.FileSystemStorage"
LOCAL_STATIC = (
    "django.contrib.staticfiles.storage.StaticFilesStorage",
    "django.contrib.staticfiles.storage.ManifestStaticFilesStorage",
)
TLS = ("require", "verify-ca", "verify-full")
PARTS = {"HOST": "host", "PORT": "port", "NAME": "name", "USER": "user", "PASSWORD": "password"}


@dataclass(frozen=True)
class Lacks:
    """True for what the settings lack; a sentence why is in `reasons`, by the same name.

    `secret_variable` and `database_variables` are the names under which the settings read what the agent knows.
    `services` are lines of settings that lead to accessories.
    """

    secret_key: bool = False
    debug: bool = False
    hosts: bool = False
    database: bool = False
    static_root: bool = False
    static_served: bool = False
    media_root: bool = False
    uploads: bool = False
    logging: bool = False
    services: tuple[str, ...] = ()
    secret_variable: str = ""
    database_variables: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_any(self) -> bool:
        """Whether a settings module of production's own is needed."""
        wants = (self.secret_key, self.debug, self.hosts, self.database, self.static_root, self.static_served)
        return any((*wants, self.media_root, self.uploads, self.logging, self.services))


def find_lacks(answers: Answers, sources: Answers | None) -> Lacks:
    """Compare; `sources` are the answers with values that tell which setting comes from which variable."""
    reasons: dict[str, str] = {}
    secret = _secret_variable(answers, sources)
    if secret is None:
        reasons["secret_key"] = "SECRET_KEY does not come from the environment"  # noqa: S105 - a reason
    database = _database_variables(answers, sources)
    mode = answers.database().get("SSLMODE", "")
    if database is None:
        reasons["database"] = f"DATABASES is {_shown(answers)} whatever DATABASE_URL says"
    elif mode in TLS:
        reasons["database"] = f"DATABASES demands TLS (sslmode {mode}), which PostgreSQL beside the app does not have"
    if answers.settings.get("DEBUG"):
        reasons["debug"] = "DEBUG is on"
    if not takes(answers.settings.get("ALLOWED_HOSTS", []), HOST):
        reasons["hosts"] = "ALLOWED_HOSTS does not take the host that is served"
    reasons |= _files(answers)
    if not answers.settings.get("logs_to_console"):
        reasons["logging"] = "no logger writes tracebacks to the console, so that they are lost"
    found: dict[str, Any] = dict.fromkeys(reasons, True)
    return Lacks(
        **found,
        secret_variable=secret or "",
        database_variables=database or {},
        reasons=reasons,
    )


def needs_psycopg2(answers: Answers) -> bool:
    """Whether its Django is older than 4.2, the first one that knows psycopg 3."""
    found = re.match(r"(\d+)\.(\d+)", answers.django)
    return found is not None and (int(found[1]), int(found[2])) < (4, 2)


def takes(allowed: list[str], host: str) -> bool:
    """Whether ALLOWED_HOSTS takes a host."""
    return any(entry in ("*", host) or (entry.startswith(".") and f".{host}".endswith(entry)) for entry in allowed)


def _secret_variable(answers: Answers, sources: Answers | None) -> str | None:
    """The variable that SECRET_KEY comes from; None when it comes from none."""
    if SECRET in answers.settings.get("SECRET_KEY", ""):
        return "SECRET_KEY"
    found = sources.readers_of(sources.settings.get("SECRET_KEY", "")) if sources else []
    return found[0] if found else None


def _database_variables(answers: Answers, sources: Answers | None) -> dict[str, str] | None:
    """Which variable gives which part of the database, {} when DATABASE_URL gives all; None when nothing does."""
    found = answers.database()
    if found.get("HOST") == DATABASE_HOST and found.get("PASSWORD") == DATABASE_PASSWORD and is_postgresql(answers):
        return {}
    if sources is None or not is_postgresql(sources):
        return None
    parts = {
        name: part
        for key, part in PARTS.items()
        for name in sources.readers_of(sources.database().get(key, ""))
        if name != "DATABASE_URL"
    }
    return parts if {"host", "password"} <= set(parts.values()) else None


def is_postgresql(answers: Answers) -> bool:
    """Whether the default database is PostgreSQL, also where its driver is not installed yet."""
    connection = answers.connections.get("default")
    engine = answers.database().get("ENGINE", "")
    if connection is not None and connection.vendor:
        return connection.vendor == "postgresql"
    return "postgres" in engine or "postgis" in engine


def _shown(answers: Answers) -> str:
    engine = answers.database().get("ENGINE", "").rpartition(".")[2] or "empty"
    host = answers.database().get("HOST", "")
    return f"{engine} at {host}" if host else engine


def _files(answers: Answers) -> dict[str, str]:
    settings, reasons = answers.settings, {}
    storage = settings.get("STATICFILES_STORAGE") or settings.get("STORAGES", {}).get("staticfiles", LOCAL_STATIC[0])
    if STATICFILES in settings.get("INSTALLED_APPS", []) and (storage in LOCAL_STATIC or "whitenoise" in storage):
        if not settings.get("STATIC_ROOT"):
            reasons["static_root"] = "STATIC_ROOT is empty, so that static files are collected nowhere"
        if not any("whitenoise" in name.lower() for name in settings.get("MIDDLEWARE", [])):
            reasons["static_served"] = "nothing serves the static files"
    media = settings.get("DEFAULT_FILE_STORAGE") or settings.get("STORAGES", {}).get("default", LOCAL_STORAGE)
    if answers.models.get("file_fields") and media == LOCAL_STORAGE:
        if not settings.get("MEDIA_ROOT"):
            reasons["media_root"] = "MEDIA_ROOT is empty, and models have files"
        if not settings.get("FILE_UPLOAD_TEMP_DIR"):
            reasons["uploads"] = "uploads would pass through /tmp, which has 64 MB"
    return reasons
