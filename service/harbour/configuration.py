"""Harbour's settings as they stand in the environment, typed and checked before Django sees them."""

from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEVELOPMENT_SECRET_KEY = "insecure-key-for-development-only-" + "0" * 32
POSTGRESQL_SCHEMES = frozenset({"postgres", "postgresql"})
CONNECT_TIMEOUT_SECONDS = 3


class Configuration(BaseSettings):
    """What the environment says; see the table in README.md."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    secret_key: str = ""
    database_url: str = ""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    debug: bool = False
    log_level: str = Field("INFO", validation_alias="HARBOUR_LOG_LEVEL")
    public_read: bool = Field(False, validation_alias="HARBOUR_PUBLIC_READ")
    https: bool = Field(False, validation_alias="HARBOUR_HTTPS")
    pool_size: int = Field(8, ge=1, le=100, validation_alias="HARBOUR_POOL_SIZE")
    app: str = Field("harbour", validation_alias=AliasChoices("FERRYMAN_APP"))
    environment: str = Field("", validation_alias=AliasChoices("FERRYMAN_ENVIRONMENT"))
    release: str = Field("", validation_alias=AliasChoices("FERRYMAN_RELEASE"))
    revision: str = Field("", validation_alias=AliasChoices("FERRYMAN_REVISION"))

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
            raise ValueError("must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
        return value.upper()


def load() -> Configuration:
    """Read the environment; ImproperlyConfigured lists every problem at once."""
    try:
        configuration = Configuration()
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors()]
        raise ImproperlyConfigured("; ".join(problems)) from None
    if configuration.debug:
        development = {"secret_key": configuration.secret_key or DEVELOPMENT_SECRET_KEY}
        return configuration.model_copy(update=development)
    missing = [name for name in ("SECRET_KEY", "DATABASE_URL") if not getattr(configuration, name.lower())]
    if missing:
        raise ImproperlyConfigured(
            f"{' and '.join(missing)} must be set in the environment (for development run: python manage.py dev)"
        )
    return configuration


def database(url: str, pool_size: int) -> dict[str, Any]:
    """Django's database settings for postgres://user:password@host:port/name?option=value or sqlite:///path."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path[1:]) or ":memory:",
            # A report reads before it writes: taking the write lock first keeps two of them from failing each other.
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 10},
        }
    if parts.scheme not in POSTGRESQL_SCHEMES:
        raise ImproperlyConfigured("DATABASE_URL must start with postgres:// or sqlite:///")
    try:
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured("DATABASE_URL has a port that is not a number") from None
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or options.pop("host", "")),
        "PORT": str(port or ""),
        # The pool replaces persistent connections, and checks one before it is handed out.
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": "harbour",
            **options,
            "pool": {"min_size": 1, "max_size": pool_size, "timeout": CONNECT_TIMEOUT_SECONDS + 1},
        },
    }
