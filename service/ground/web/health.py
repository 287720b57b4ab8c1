"""Liveness and readiness, answered before any other middleware looks at the request."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.apps import apps
from django.db import Error, connection
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse

RETRY_AFTER_SECONDS = "1"


@dataclass(frozen=True)
class Check:
    """One thing that has to hold before requests may come, and why it does not."""

    name: str
    problem: str = ""


class HealthMiddleware:
    """Answers /health/live and /health/ready whatever the Host header, the scheme or the session."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the next middleware."""
        self.answer = answer
        self.paths = {"/health/live": live, "/health/ready": Readiness().answer}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a health check, or hand the request on."""
        check = self.paths.get(request.path_info)
        if check is None:
            return self.answer(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        response = check()
        response.headers["Cache-Control"] = "no-store"
        if response.status_code == 503:
            response.headers["Retry-After"] = RETRY_AFTER_SECONDS
        response.headers["Content-Length"] = str(len(response.content))
        return response


def live() -> HttpResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "live"})


class Readiness:
    """Asks the database each time, and about migrations until none is pending."""

    def __init__(self) -> None:
        """Start with nothing known."""
        self.is_migrated = False

    def answer(self) -> HttpResponse:
        """200 when ready; 503 naming what is not ready otherwise."""
        checks = self._checks()
        missing = [check for check in checks if check.problem]
        body = {
            "status": "not ready" if missing else "ready",
            "not_ready": [check.name for check in missing],
            "checks": {check.name: check.problem or "ready" for check in checks},
        }
        return JsonResponse(body, status=503 if missing else 200)

    def _checks(self) -> list[Check]:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            pending = [] if self.is_migrated else pending_migrations()
        except Error:
            # Why goes to the log, and seldom: the gate writes it. It may hold host and user names.
            return [Check("database", "no connection"), Check("migrations", "not known without the database")]
        self.is_migrated = not pending
        return [Check("database"), Check("migrations", f"pending: {', '.join(pending)}" if pending else "")]


def pending_migrations() -> list[str]:
    """Return the migrations that this code has and the database lacks, as app.name, in the order of their names.

    They are known by their files: to load them all, as Django does, would cost each worker 11 MB.
    """
    applied = MigrationRecorder(connection).applied_migrations()
    return [f"{app}.{name}" for app, name in known_migrations() if (app, name) not in applied]


@lru_cache(maxsize=1)
def known_migrations() -> list[tuple[str, str]]:
    """Return app and name of each migration of this code."""
    known = []
    for app in apps.get_app_configs():
        folder = Path(app.path, "migrations")
        known += [(app.label, found.name) for found in pkgutil.iter_modules([str(folder)]) if found.name[0] not in "_~"]
    return known
