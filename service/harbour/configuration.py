"""Harbour's settings as they stand in the environment, typed and checked before Django sees them."""

import os
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

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


class Configuration(BaseModel):
    """What the environment says; see the table in README.md."""

    model_config = ConfigDict(alias_generator=str.upper, extra="ignore", frozen=True)

    secret_key: str = ""
    database_url: str = ""
    allowed_hosts: tuple[str, ...] = ()
    debug: bool = False
    log_level: str = Field("INFO", validation_alias="HARBOUR_LOG_LEVEL")
    public_read: bool = Field(False, validation_alias="HARBOUR_PUBLIC_READ")
    https: bool = Field(False, validation_alias="HARBOUR_HTTPS")
    admin_path: str = Field("admin/", validation_alias="HARBOUR_ADMIN_PATH")
    event_days: int = Field(90, ge=1, le=36500, validation_alias="HARBOUR_EVENT_DAYS")
    workers: int = Field(2, ge=1, le=64, validation_alias="WEB_CONCURRENCY")
    threads: int = Field(4, ge=1, le=100, validation_alias="HARBOUR_THREADS")
    pool_size: int = Field(0, ge=0, le=100, validation_alias="HARBOUR_POOL_SIZE")
    email_url: str = ""
    email_from: str = Field("", validation_alias="HARBOUR_EMAIL_FROM")
    port: int = Field(8000, ge=1, le=65535, validation_alias="PORT")
    rate_anonymous: int = Field(300, ge=0, le=1_000_000, validation_alias="HARBOUR_RATE_ANONYMOUS")
    rate_user: int = Field(1200, ge=0, le=1_000_000, validation_alias="HARBOUR_RATE_USER")
    rate_token: int = Field(1200, ge=0, le=1_000_000, validation_alias="HARBOUR_RATE_TOKEN")
    app: str = Field("harbour", validation_alias="FERRYMAN_APP")
    environment: str = Field("", validation_alias="FERRYMAN_ENVIRONMENT")
    release: str = Field("", validation_alias="FERRYMAN_RELEASE")
    revision: str = Field("", validation_alias="FERRYMAN_REVISION")

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("admin_path")
    @classmethod
    def _relative(cls, value: str) -> str:
        path = value.strip("/")
        if not ADMIN_PATH.fullmatch(path) or path.split("/")[0] in TAKEN_PATHS:
            raise ValueError("must be a path of letters, digits, '-', '_' and '/' that Harbour does not use itself")
        return f"{path}/"

    @property
    def connections(self) -> int:
        """Most connections to PostgreSQL in each worker: one for each thread unless said otherwise."""
        return self.pool_size or self.threads

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
            raise ValueError("must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
        return value.upper()


def load() -> Configuration:
    """Read the environment; ImproperlyConfigured lists every problem at once."""
    try:
        configuration = Configuration.model_validate(dict(os.environ))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors()]
        raise ImproperlyConfigured("; ".join(problems)) from None
    if configuration.debug:
        development = {"secret_key": configuration.secret_key or DEVELOPMENT_SECRET_KEY}
        configuration = configuration.model_copy(update=development)
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
        "ENGINE": "harbour.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(host),
        "PORT": str(port or ""),
        # The pool replaces persistent connections; harbour.postgresql tries one before it is handed out.
        "CONN_MAX_AGE": 0,
        "OPTIONS": options | given | ({} if pool_size is None else {"pool": _pool(pool_size)}),
    }


def _pool(size: int) -> dict[str, Any]:
    """One thread makes connections, and does not try again: see harbour.postgresql."""
    return {
        "min_size": 1,
        "max_size": size,
        "timeout": POOL_TIMEOUT_SECONDS,
        "reconnect_timeout": 0,
        "num_workers": 1,
    }
