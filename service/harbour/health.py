"""Liveness and readiness, answered before any other middleware looks at the request."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

log = structlog.get_logger("harbour.health")


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
        except DatabaseError as error:
            # The text may hold host and user names: it goes to the log, not to whoever asks.
            log.warning("database not ready", error=str(error))
            return [Check("database", "no connection"), Check("migrations", "not known without the database")]
        self.is_migrated = not pending
        return [Check("database"), Check("migrations", f"pending: {', '.join(pending)}" if pending else "")]


def pending_migrations() -> list[str]:
    """Return the migrations that this code has and the database lacks, as app.name, in order."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]
