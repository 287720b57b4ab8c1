"""What Django itself says of a project whose settings are loaded: plain values that JSON can carry."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from typing import Any

TEXTS = (
    "STATIC_ROOT", "STATIC_URL", "MEDIA_ROOT", "MEDIA_URL", "ROOT_URLCONF", "WSGI_APPLICATION", "ASGI_APPLICATION",
    "SESSION_ENGINE", "EMAIL_BACKEND", "EMAIL_HOST", "AUTH_USER_MODEL", "LOGIN_URL", "FILE_UPLOAD_TEMP_DIR",
    "CELERY_BROKER_URL", "BROKER_URL", "CELERY_BEAT_SCHEDULE_FILENAME", "CELERY_RESULT_BACKEND",
)  # fmt: skip
TRUTHS = (
    "DEBUG", "APPEND_SLASH", "SECURE_SSL_REDIRECT", "USE_I18N", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE",
)  # fmt: skip
LISTS = (
    "ALLOWED_HOSTS", "INSTALLED_APPS", "MIDDLEWARE", "CSRF_TRUSTED_ORIGINS", "SECURE_REDIRECT_EXEMPT",
    "STATICFILES_DIRS", "AUTHENTICATION_BACKENDS",
)  # fmt: skip
PACKAGES = (
    "gunicorn", "uvicorn", "uvicorn_worker", "daphne", "hypercorn", "granian", "psycopg", "psycopg2", "MySQLdb",
    "pymysql", "whitenoise", "dj_database_url", "sentry_sdk", "rest_framework", "celery", "channels", "rq",
    "django_rq", "huey", "django_q", "procrastinate", "dramatiq", "compressor", "pytest", "redis",
)  # fmt: skip
LARGEST = 400


def settings() -> dict[str, Any]:
    """The settings that tell how the project is served."""
    from django.conf import settings as found

    found.INSTALLED_APPS  # noqa: B018 - loads them; below, an AttributeError of theirs would pass for a missing setting
    told: dict[str, Any] = {name: _text(getattr(found, name, None)) for name in TEXTS}
    told.update({name: _truth(getattr(found, name, None)) for name in TRUTHS})
    told.update({name: _list(getattr(found, name, None)) for name in LISTS})
    told["SECRET_KEY"] = str(getattr(found, "SECRET_KEY", ""))
    told["SECURE_PROXY_SSL_HEADER"] = _list(getattr(found, "SECURE_PROXY_SSL_HEADER", None))
    told["DATABASES"] = {
        str(alias): {
            **{key: _text(value.get(key)) for key in ("ENGINE", "NAME", "HOST", "PORT", "USER", "PASSWORD")},
            "SSLMODE": _text(dict(value.get("OPTIONS") or {}).get("sslmode")),
        }
        for alias, value in dict(getattr(found, "DATABASES", {})).items()
    }
    told["CACHES"] = {
        str(alias): {key: _text(value.get(key)) for key in ("BACKEND", "LOCATION")}
        for alias, value in dict(getattr(found, "CACHES", {})).items()
    }
    told["CONN_MAX_AGE"] = {
        str(alias): _text(value.get("CONN_MAX_AGE")) for alias, value in dict(getattr(found, "DATABASES", {})).items()
    }
    told["overridden"] = [name for name in ("CACHES", "LOGGING", "SESSION_ENGINE") if found.is_overridden(name)]
    told["STORAGES"] = {
        str(alias): _text(value.get("BACKEND")) for alias, value in dict(getattr(found, "STORAGES", {}) or {}).items()
    }
    told["STATICFILES_STORAGE"] = _text(getattr(found, "STATICFILES_STORAGE", None))
    told["DEFAULT_FILE_STORAGE"] = _text(getattr(found, "DEFAULT_FILE_STORAGE", None))
    told["logs_to_console"] = False  # until Django has set its loggers up
    told["log_files"] = _log_files(getattr(found, "LOGGING", None))
    told["paths"] = _paths(found)
    return told


def _paths(found: Any) -> list[list[str]]:
    """Each absolute path that a setting has somewhere inside, with the name of the setting."""
    told: list[list[str]] = []
    for name in sorted(name for name in dir(found) if name.isupper()):
        _gather(getattr(found, name, None), name, told, 0)
    return told[:LARGEST]


def _gather(value: Any, name: str, told: list[list[str]], depth: int) -> None:
    if isinstance(value, (str, os.PathLike)):
        path = str(value)
        if path.startswith("/") and 1 < len(path) <= LARGEST:
            told.append([name, path])
    elif isinstance(value, (dict, list, tuple, set)) and depth < 6 and len(told) < LARGEST:
        for item in list(value.values() if isinstance(value, dict) else value)[:LARGEST]:
            _gather(item, name, told, depth + 1)


def _text(value: Any) -> str:
    return "" if value is None else str(value)[:LARGEST]


def _truth(value: Any) -> bool:
    return bool(value)


def _list(value: Any) -> list[str]:
    if value is None:
        return []
    items: Iterable[Any] = [value] if isinstance(value, str) else value
    return [str(item[1] if isinstance(item, tuple) and len(item) == 2 else item)[:LARGEST] for item in items][:LARGEST]


def _handlers(logging: Any) -> list[dict[str, Any]]:
    handlers = logging.get("handlers", {}) if isinstance(logging, dict) else {}
    return [handler for handler in handlers.values() if isinstance(handler, dict)]


def without_logging() -> None:
    """Let Django start although its loggers can't be set up, such as for a folder that is missing."""
    from django.conf import settings as found

    found.LOGGING_CONFIG = None


def tells_tracebacks() -> bool:
    """Whether what Django logs of a view that raises comes to the console, with its traceback, when DEBUG is off."""
    import logging
    import sys

    from django.conf import settings as found

    found.DEBUG = False  # Django's own handler asks it; what the settings say was noted before
    try:
        raise ArithmeticError
    except ArithmeticError:
        about = sys.exc_info()
    logger: Any = logging.getLogger("django.request")
    record = logging.LogRecord(logger.name, logging.ERROR, "views.py", 1, "Internal Server Error: /", (), about)
    record.status_code, record.request = 500, None
    while logger is not None and not logger.disabled:
        if any(_shows(handler, record) for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def _shows(handler: Any, record: Any) -> bool:
    import copy
    import logging

    if not isinstance(handler, logging.StreamHandler) or isinstance(handler, logging.FileHandler):
        return False
    own = copy.copy(record)  # a formatter keeps what it made of the traceback
    try:
        return bool(
            own.levelno >= handler.level and handler.filter(own) and ArithmeticError.__name__ in handler.format(own)
        )
    except Exception:  # noqa: BLE001 - a formatter of the project's that fails shows nothing
        return False


def _log_files(logging: Any) -> list[str]:
    return [str(handler["filename"])[:LARGEST] for handler in _handlers(logging) if handler.get("filename")]


def packages() -> list[str]:
    """Those of interest that can be imported here."""
    return [name for name in PACKAGES if importlib.util.find_spec(name) is not None]


def connections() -> dict[str, dict[str, str]]:
    """The kind of each database, or why its backend can't be loaded."""
    from django.db import connections as made

    found = {}
    for alias in made:
        try:
            found[str(alias)] = {"vendor": str(made[alias].vendor), "broken": ""}
        except Exception as error:  # noqa: BLE001 - whatever it is, the project can't use its database
            first = (str(error).strip().splitlines() or [""])[0]
            found[str(alias)] = {"vendor": "", "broken": f"{type(error).__name__}: {first[:LARGEST]}"}
    return found


def models() -> dict[str, Any]:
    """Apps with models and no migrations, fields that hold files, and what the migrations want of PostgreSQL."""
    from django.apps import apps
    from django.db.migrations.loader import MigrationLoader
    from django.db.models import FileField

    loader = MigrationLoader(None)
    fields, unmigrated = [], []
    for config in apps.get_app_configs():
        owned = [model for model in config.get_models() if model._meta.managed and not model._meta.proxy]
        if owned and config.label in loader.unmigrated_apps:
            unmigrated.append({"label": config.label, "path": str(config.path), "models": len(owned)})
        fields += [
            f"{model._meta.label}.{field.name}"
            for model in owned
            for field in model._meta.get_fields()
            if isinstance(field, FileField)
        ]
    return {
        "unmigrated": unmigrated,
        "file_fields": sorted(fields),
        "migrations": sorted(".".join(key) for key in loader.disk_migrations),
        "extensions": sorted(_extensions(loader)),
    }


def _extensions(loader: Any) -> Iterable[str]:
    found = set()
    for migration in loader.disk_migrations.values():
        for operation in migration.operations:
            kinds = [kind.__name__ for kind in type(operation).__mro__]
            if "CreateExtension" in kinds:
                found.add(str(operation.name))
            sql = str(getattr(operation, "sql", "")) if "RunSQL" in kinds else ""
            found.update(_named(sql))
    return found


def _named(sql: str) -> list[str]:
    import re

    return re.findall(r"create\s+extension\s+(?:if\s+not\s+exists\s+)?\"?([\w-]+)", sql, re.IGNORECASE)


def routes() -> list[dict[str, Any]]:
    """The paths that have no parameter, as the resolver has them, with where they lead."""
    from django.urls import get_resolver

    found: list[dict[str, Any]] = []
    _walk(get_resolver(), "/", found, 0)
    return found


def _walk(resolver: Any, prefix: str, found: list[dict[str, Any]], depth: int) -> None:
    for entry in resolver.url_patterns:
        if len(found) >= LARGEST or depth > 6:
            return
        path = prefix + _plain(entry.pattern)
        if "\0" in path:
            continue
        if hasattr(entry, "url_patterns"):
            _walk(entry, path, found, depth + 1)
        else:
            view = entry.callback
            module, name = getattr(view, "__module__", ""), getattr(view, "__qualname__", type(view).__name__)
            found.append({"path": path, "name": _text(entry.name), "view": f"{module}.{name}"})


def _plain(pattern: Any) -> str:
    """The text that a pattern stands for; one with a parameter has a NUL in it."""
    import re

    if hasattr(pattern, "language_prefix"):
        return str(pattern.language_prefix)
    text = str(pattern)
    if type(pattern).__name__ == "RoutePattern":
        return "\0" if "<" in text else text
    text = re.sub(r"^\^|\\?[$Z]$|\\Z$", "", text).replace("\\/", "/").replace("\\.", ".").replace("\\-", "-")
    if text.endswith("/?"):
        text = text[:-2] + "/"
    return "\0" if re.search(r"[\\\[\](){}*+?|^$]", text) else text
