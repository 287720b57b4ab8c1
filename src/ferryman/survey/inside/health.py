"""Calls paths of the project as the agent's health check does: with a database that answers, and with none."""

from __future__ import annotations

import re
import signal
from typing import Any

CALLED = 16
USUAL = ("/health", "/health/", "/healthz", "/ready", "/ping/")  # a middleware may answer what no route names
LIMIT_SECONDS = 5
NAMED = re.compile(r"(ready|readyz|readiness|health|healthz|healthcheck|health-check|health_check|heartbeat|live|livez"
                   r"|alive|liveness|ping|status|up|lbheartbeat|ht)/?$")  # fmt: skip
LIKELY = re.compile(r"^/$|login/?$|/(api|docs|schema|swagger|redoc|robots\.txt|version)/?$")


def call(paths: list[str], host: str) -> list[dict[str, Any]]:
    """Each path with its status `up` and `down`; 0 for an exception or no answer within the limit."""
    from django.conf import settings
    from django.db import connections

    asked = candidates(paths)
    if not _answers_anything(host):
        asked += [path for path in USUAL if path not in asked]
    down = {path: _status(path, host) for path in asked}
    for alias in connections:
        connections[alias].close()
        connections.databases[alias].update({"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "OPTIONS": {}})
        del connections[alias]
    settings.CONN_HEALTH_CHECKS = False
    return [{"path": path, "down": down[path], "up": _status(path, host)} for path in down]


def without_manifest() -> None:
    """Static files are collected in the image alone; a storage that looks them up would refuse every page here."""
    from django.conf import settings

    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    if isinstance(getattr(settings, "STORAGES", None), dict) and "staticfiles" in settings.STORAGES:
        settings.STORAGES["staticfiles"]["BACKEND"] = plain
    if hasattr(settings, "STATICFILES_STORAGE"):
        settings.STATICFILES_STORAGE = plain


def _answers_anything(host: str) -> bool:
    """True when every path has an answer, as where one page serves a whole front end."""
    return 200 <= _status("/ferryman-survey-nowhere/", host) < 300


def candidates(paths: list[str]) -> list[str]:
    """The paths that are worth a call, the likeliest first."""
    named = [path for path in paths if NAMED.search(path)]
    likely = [path for path in paths if LIKELY.search(path)]
    rest = sorted((path for path in paths if path.count("/") <= 3), key=len)
    return list(dict.fromkeys([*sorted(named, key=len), *sorted(likely, key=len), *rest]))[:CALLED]


def _status(path: str, host: str) -> int:
    from django.test import Client

    def too_late(*_: Any) -> None:
        raise TimeoutError(path)

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(LIMIT_SECONDS)
    try:
        return int(Client(raise_request_exception=False).get(path, HTTP_HOST=host).status_code)
    except BaseException:  # noqa: BLE001 - whatever it is, it is no answer
        return 0
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
