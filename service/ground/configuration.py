"""Harbour's settings as they stand in the environment, typed and checked before Django sees them."""

import os
import re
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from msgspec import Meta, Struct, convert, field
from msgspec.structs import FieldInfo, fields, replace

DEVELOPMENT_SECRET_KEY = "insecure-key-for-development-only-" + "0" * 32
POSTGRESQL_SCHEMES = frozenset({"postgres", "postgresql"})
CONNECT_TIMEOUT_SECONDS = 3
POOL_TIMEOUT_SECONDS = 2
# A host that has vanished sends nothing: without these, a query would wait for its answer for minutes.
VANISHED = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 8000}
# A request that takes longer is a fault, and would hold the drain of a deploy; a migration may take its time, but not
# stand in line for a lock while everybody else lines up behind it.
REQUEST_LIMITS = {
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    # As on any disk of today. With the default of 4, a list of events walks past those of others instead of its index.
    "random_page_cost": "1.1",
}
COMMAND_LIMITS = {"lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"}


ADMIN_PATH = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
TAKEN_PATHS = frozenset(
    {
        *{"account", "api", "apps", "deployments", "health", "invitation", "live", "metrics", "password"},
        *{"servers", "sign-in", "sign-out", "static"},
    }
)


LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
# Beside those that msgspec knows: true, false, 1, 0.
YES, NO = frozenset({"yes", "y", "on", "t"}), frozenset({"no", "n", "off", "f"})
Rate = Annotated[int, Meta(ge=0, le=1_000_000)]


class Configuration(Struct, frozen=True, kw_only=True):
    """What the environment says; see the table in README.md."""

    secret_key: str = field(default="", name="SECRET_KEY")
    database_url: str = field(default="", name="DATABASE_URL")
    allowed_hosts: tuple[str, ...] = field(default=(), name="ALLOWED_HOSTS")
    debug: bool = field(default=False, name="DEBUG")
    log_level: str = field(default="INFO", name="HARBOUR_LOG_LEVEL")
    public_read: bool = field(default=False, name="HARBOUR_PUBLIC_READ")
    https: bool = field(default=False, name="HARBOUR_HTTPS")
    admin_path: str = field(default="admin/", name="HARBOUR_ADMIN_PATH")
    event_days: Annotated[int, Meta(ge=1, le=36500)] = field(default=90, name="HARBOUR_EVENT_DAYS")
    workers: Annotated[int, Meta(ge=1, le=64)] = field(default=2, name="WEB_CONCURRENCY")
    threads: Annotated[int, Meta(ge=1, le=100)] = field(default=4, name="HARBOUR_THREADS")
    pool_size: Annotated[int, Meta(ge=0, le=100)] = field(default=0, name="HARBOUR_POOL_SIZE")
    email_url: str = field(default="", name="EMAIL_URL")
    email_from: str = field(default="", name="HARBOUR_EMAIL_FROM")
    port: Annotated[int, Meta(ge=1, le=65535)] = field(default=8000, name="PORT")
    rate_anonymous: Rate = field(default=300, name="HARBOUR_RATE_ANONYMOUS")
    rate_user: Rate = field(default=1200, name="HARBOUR_RATE_USER")
    rate_token: Rate = field(default=1200, name="HARBOUR_RATE_TOKEN")
    app: str = field(default="harbour", name="FERRYMAN_APP")
    environment: str = field(default="", name="FERRYMAN_ENVIRONMENT")
    release: str = field(default="", name="FERRYMAN_RELEASE")
    revision: str = field(default="", name="FERRYMAN_REVISION")

    @property
    def connections(self) -> int:
        """Most connections to PostgreSQL in each worker: one for each thread unless said otherwise."""
        return self.pool_size or self.threads


def _hosts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _relative(text: str) -> str:
    path = text.strip("/")
    if not ADMIN_PATH.fullmatch(path) or path.split("/")[0] in TAKEN_PATHS:
        raise ValueError("must be a path of letters, digits, '-', '_' and '/' that Harbour does not use itself")
    return f"{path}/"


def _known_level(text: str) -> str:
    if text.upper() not in LEVELS:
        raise ValueError("must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
    return text.upper()


READ: dict[str, Callable[[str], object]] = {
    "allowed_hosts": _hosts,
    "admin_path": _relative,
    "log_level": _known_level,
}


def _value(form: FieldInfo, text: str) -> object:
    """Read one variable. Raises ValueError."""
    if form.name in READ:
        return READ[form.name](text)
    if form.type is str:
        return text
    said = text.strip().lower()
    if form.type is bool and said in YES | NO:
        return said in YES
    return convert(said, form.type, strict=False)


def load() -> Configuration:
    """Read the environment; ImproperlyConfigured lists every problem at once."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for form in fields(Configuration):
        if form.encode_name not in os.environ:
            continue
        try:
            values[form.name] = _value(form, os.environ[form.encode_name])
        except ValueError as error:
            problems.append(f"{form.encode_name}: {error}")
    if problems:
        raise ImproperlyConfigured("; ".join(problems))
    configuration = Configuration(**values)
    if configuration.debug:
        configuration = replace(configuration, secret_key=configuration.secret_key or DEVELOPMENT_SECRET_KEY)
    missing = [name for name in ("SECRET_KEY", "DATABASE_URL") if not getattr(configuration, name.lower())]
    if missing:
        raise ImproperlyConfigured(
            f"{' and '.join(missing)} must be set in the environment (for development run: python manage.py dev)"
        )
    return configuration


def database(url: str, pool_size: int | None = None) -> dict[str, Any]:
    """Django's database settings for postgres://user:password@host:port/name?option=value.

    With a pool for what answers requests; without one for commands and the worker.
    """
    parts = urlsplit(url)
    if parts.scheme not in POSTGRESQL_SCHEMES:
        raise ImproperlyConfigured("DATABASE_URL must start with postgres://")
    try:
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured("DATABASE_URL has a port that is not a number") from None
    given = dict(parse_qsl(parts.query))
    limits = COMMAND_LIMITS if pool_size is None else REQUEST_LIMITS
    options: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "application_name": "harbour",
        "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
        **VANISHED,
    }
    host = parts.hostname or given.pop("host", "")
    return {
        "ENGINE": "ground.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(host),
        "PORT": str(port or ""),
        # The pool replaces persistent connections; ground.postgresql tries one before it is handed out.
        "CONN_MAX_AGE": 0,
        "OPTIONS": options | given | ({} if pool_size is None else {"pool": _pool(pool_size)}),
    }


def _pool(size: int) -> dict[str, Any]:
    """One thread makes connections, and does not try again: see ground.postgresql."""
    return {
        "min_size": 1,
        "max_size": size,
        "timeout": POOL_TIMEOUT_SECONDS,
        "reconnect_timeout": 0,
        "num_workers": 1,
    }
