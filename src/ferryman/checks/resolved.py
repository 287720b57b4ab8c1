"""Mistakes in what the settings resolve to under the environment that production has; pure."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ferryman.checks.dockerfile import debug_on, default_secret_key, image_of
from ferryman.checks.finding import Finding, Level
from ferryman.checks.project import SERVER_SETTINGS, Project
from ferryman.errors import Refused
from ferryman.image.judgement import servers
from ferryman.project.asked.lacks import LOCAL_STORAGE, Lacks, takes
from ferryman.project.settings import last_assignments
from ferryman.survey.answers import Answers

FILE_SESSIONS = "django.contrib.sessions.backends.file"
CACHE_SESSIONS = "django.contrib.sessions.backends.cache"
REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Resolved:
    """A project, what it answered, and what its settings lack; `path` is the file of its settings module."""

    project: Project
    answers: Answers
    lacks: Lacks
    path: str
    manage: str

    def told(self, setting: str, kind: str, why: str, fix: str, level: Level = "error") -> Finding:
        """A finding where a setting is set, or in the settings module where that is not seen in its text."""
        path, line = self.place(setting)
        return Finding(path, line, kind, why, fix, level)

    def place(self, setting: str) -> tuple[str, int]:
        """The file and line of a setting."""
        assigned: dict[str, tuple[str, ast.expr]] = last_assignments(
            self.project.texts, self.manage, self.answers.module
        )
        path, value = assigned.get(setting, (self.path, None))
        return path, value.lineno if value is not None else 1

    @property
    def health(self) -> str:
        """The health path of ferryman.toml, without its query."""
        return self.project.configuration.app.roles.web.health.partition("?")[0]


def refused(why: Refused, path: str, line: int = 1) -> Finding:
    """What `init` refuses, as a finding."""
    return Finding(path, line, why.code, str(why.message), (why.hint or "").replace("; then `ferryman init` again", ""))


def check_resolved(found: Resolved, copy: Path, why: Refused | None) -> Iterator[Finding]:
    """All findings; `why` is what was refused already, `copy` the folder that the project was run in."""
    if found.answers.settings.get("DEBUG"):
        yield debug_on(*found.place("DEBUG"))
    yield from _secret_key(found)
    if not (why and why.code == "not-postgresql"):
        yield from _database(found)
    yield from _hosts(found)
    yield from _health(found)
    yield from _media(found, copy)
    if found.lacks.logging:
        yield found.told(
            "LOGGING",
            "no-console-logging",
            "no logger writes to the console, so that the traceback of a 500 is in no log",
            'give LOGGING a handler of "logging.StreamHandler", and name it in "root"',
            "warning",
        )
    yield from _workers(found)


def _secret_key(found: Resolved) -> Iterator[Finding]:
    variables = found.project.configuration.app.env
    name = found.lacks.secret_variable
    if found.lacks.secret_key:
        yield default_secret_key(*found.place("SECRET_KEY"))
    elif name not in (variables.secret_key, "SECRET_KEY", *variables.required):
        yield found.told(
            "SECRET_KEY",
            "default-secret-key",
            f"SECRET_KEY comes from {name}, which nobody gives the app: it falls back, or does not start",
            f'have the agent give it under this name: [app.env] secret_key = "{name}"',
        )


def _database(found: Resolved) -> Iterator[Finding]:
    configuration, reasons = found.project.configuration, found.lacks.reasons
    names = set(found.lacks.database_variables) - set(configuration.app.env.required)
    engine = found.answers.database().get("ENGINE", "")
    if configuration.database is None:
        if "sqlite" in engine and not configuration.app.volumes:
            yield found.told(
                "DATABASES",
                "not-ferrymans-database",
                "the database is SQLite inside the container: each deploy loses it",
                "have the settings read DATABASE_URL, and add [database] to ferryman.toml",
            )
    elif "database" in reasons:
        yield found.told(
            "DATABASES",
            "not-ferrymans-database",
            f"{reasons['database']}: the app does not use the database that Ferryman runs for it",
            "have the settings read DATABASE_URL, or name their variables in [database] variables",
        )
    elif names:
        listed = ", ".join(f'{name} = "{found.lacks.database_variables[name]}"' for name in sorted(names))
        yield found.told(
            "DATABASES",
            "not-ferrymans-database",
            f"the settings read the database from {', '.join(sorted(names))}, which nobody gives the app",
            f"have the agent give them: [database] variables = {{ {listed} }}",
        )


def _hosts(found: Resolved) -> Iterator[Finding]:
    if not found.lacks.hosts:
        return
    hosts = [host.lower() for host in found.answers.settings.get("ALLOWED_HOSTS", [])]
    for name, section in found.project.configuration.environments.items():
        domain = section.domain or ""
        is_known = bool(domain) and "${" not in domain
        if not is_known or not takes(hosts, domain):
            yield found.told(
                "ALLOWED_HOSTS",
                "health-refused",
                f"ALLOWED_HOSTS does not take {domain or 'the address'} of {name}: {found.health} answers 400",
                'read it from the environment: `os.environ["ALLOWED_HOSTS"].split(",")`; the agent names the hosts',
                "error" if is_known else "warning",
            )


def _health(found: Resolved) -> Iterator[Finding]:
    health, settings = found.health, found.answers.settings
    line = found.project.line("app", "roles", "web", "health")
    paths = {route["path"] for route in found.answers.routes}
    if settings.get("APPEND_SLASH") and health not in paths and f"{health}/" in paths:
        why = f"{health} answers with a redirect, which says nothing about the app: the route is {health}/"
        yield Finding(found.project.toml, line, "health-redirects", why, f'set health = "{health}/"')
    elif (
        settings.get("SECURE_SSL_REDIRECT")
        and not settings.get("SECURE_PROXY_SSL_HEADER")
        and not any(_fits(text, health.lstrip("/")) for text in settings.get("SECURE_REDIRECT_EXEMPT", []))
    ):
        yield found.told(
            "SECURE_SSL_REDIRECT",
            "health-redirects",
            f"SECURE_SSL_REDIRECT is on, so {health} and every page answer plain http with a redirect to https",
            'read the edge\'s header: `SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")`, and '
            'redirect only `if os.environ.get("FERRYMAN_SCHEME") == "https"`',
        )


def _fits(pattern: str, path: str) -> bool:
    try:
        return re.search(pattern, path) is not None
    except re.error:
        return False


def _media(found: Resolved, copy: Path) -> Iterator[Finding]:
    settings, app = found.answers.settings, found.project.configuration.app
    storage = settings.get("DEFAULT_FILE_STORAGE") or settings.get("STORAGES", {}).get("default", LOCAL_STORAGE)
    fields = found.answers.models.get("file_fields", [])
    if not fields or storage != LOCAL_STORAGE:
        return
    root = Path(settings.get("MEDIA_ROOT") or copy)
    inner = root.relative_to(copy).as_posix() if root.is_relative_to(copy) else root.as_posix()
    if not any(_covers(volume, inner) for volume in app.volumes.values()):
        yield found.told(
            "MEDIA_ROOT",
            "no-media-volume",
            f"uploads ({fields[0]}) are written to {inner if inner != '.' else 'the working folder'}, which no "
            "volume holds: each deploy loses them",
            f'give it a volume, such as [app.volumes] media = "/app/{inner.strip("/").lstrip(".") or "media"}", or '
            "use a storage elsewhere",
        )


def _covers(volume: str, inner: str) -> bool:
    """Whether a folder is in a volume; where the image has the project's folder is not known, so tails are compared."""
    if inner.startswith("/"):
        return f"{inner}/".startswith(f"{volume.rstrip('/')}/")
    parts = inner.split("/")
    return any(
        posixpath.normpath(volume).endswith(f"/{'/'.join(parts[begun:ended])}")
        for ended in range(1, len(parts) + 1)
        for begun in range(ended)
    )


def _workers(found: Resolved) -> Iterator[Finding]:
    settings = found.answers.settings
    overridden = settings.get("overridden", [])
    cache = settings.get("CACHES", {}).get("default", {}).get("BACKEND", "")
    is_several = _is_several(found.project)
    uses_cache = "CACHES" in overridden or settings.get("SESSION_ENGINE") == CACHE_SESSIONS
    if is_several and cache.endswith("LocMemCache") and uses_cache:
        yield found.told(
            "CACHES",
            "cache-per-process",
            "each of the several workers has a cache of its own: what one stores, the others do not see",
            "use Redis (an accessory), or Django's cache in the database",
            "warning",
        )
    if settings.get("SESSION_ENGINE") == FILE_SESSIONS:
        yield found.told(
            "SESSION_ENGINE",
            "file-sessions",
            "sessions are files in the container: each deploy signs everybody out, and no other container sees them",
            "keep sessions in the database (Django's default) or in a shared cache",
            "warning",
        )
    ages = settings.get("CONN_MAX_AGE", {})
    if _is_asgi(found.project) and any(age not in ("", "0") for age in ages.values()):
        yield found.told(
            "DATABASES",
            "connections-kept-under-asgi",
            "CONN_MAX_AGE is not 0 under ASGI: threads that end keep connections until PostgreSQL has none left",
            "set CONN_MAX_AGE = 0, and use the pool of Django 5.1 or later where it is too slow",
            "warning",
        )


def _is_asgi(project: Project) -> bool:
    found = servers(image_of(project))
    return any(name in ("uvicorn", "daphne", "hypercorn") or "uvicorn" in options for name, options in found)


def _is_several(project: Project) -> bool:
    image = image_of(project)
    text = " ".join(options for _, options in servers(image)) + " " + image.values.get("GUNICORN_CMD_ARGS", "")
    told = re.search(r"(?:--workers|-w)[= ]?\s*(\d+|\$)", text)
    numbers = [told[1] if told else "", image.values.get("WEB_CONCURRENCY", "")]
    for settings in project.files(SERVER_SETTINGS).values() if not told else ():
        configured = re.search(r"^workers\s*=\s*(.+?)\s*(#.*)?$", settings, re.MULTILINE)
        numbers.append(configured[1] if configured else "")
    return any(number not in ("", "1", "0") for number in numbers)
