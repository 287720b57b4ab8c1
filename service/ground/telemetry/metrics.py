"""What Harbour counts of itself, for Prometheus; of several workers, each counts in a file that all can read."""

import os
import re
import time
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.contrib.admindocs.utils import replace_named_groups, replace_unnamed_groups
from django.http import HttpRequest, HttpResponse
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
HEALTH = frozenset({"/health/live", "/health/ready"})

REQUESTS = Counter("harbour_requests", "Requests answered", ["method", "route", "status"])
LATENCY = Histogram("harbour_request_seconds", "Time from request to answer", ["method", "route"], buckets=SECONDS)
IN_FLIGHT = Gauge("harbour_requests_in_flight", "Requests being answered", multiprocess_mode="livesum")
REPORTS = Counter("harbour_reports", "Reports of agents that were stored")
EVENTS = Counter("harbour_events", "Events in them, by whether they were new", ["state"])
CONNECTIONS = Gauge("harbour_database_connections_in_use", "Connections in use", multiprocess_mode="livesum")
CONNECTING = Histogram("harbour_database_wait_seconds", "Time until a connection was had", buckets=SECONDS)
LOST = Counter("harbour_database_lost", "Times that no connection was had")


class MetricsMiddleware:
    """Counts each request by the route that answered it, never by its path: what a client invents adds no series."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the next middleware."""
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request and count it."""
        began = time.perf_counter()
        with IN_FLIGHT.track_inprogress():
            response = self.answer(request)
        method = request.method if request.method in METHODS else "other"
        route = _route(request)
        LATENCY.labels(method, route).observe(time.perf_counter() - began)
        REQUESTS.labels(method, route, str(response.status_code)).inc()
        return response


def count_report(accepted: int, duplicates: int) -> None:
    """Count a report that was stored, and its events."""
    REPORTS.inc()
    EVENTS.labels("accepted").inc(accepted)
    EVENTS.labels("duplicate").inc(duplicates)


def registry() -> CollectorRegistry:
    """Return what can be read: of all workers where gunicorn has set them up to share, of this process otherwise."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return shared


def _route(request: HttpRequest) -> str:
    if request.path_info in HEALTH:
        return request.path_info
    if request.resolver_match is not None:
        return _readable(request.resolver_match.route)
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "none"


@lru_cache(maxsize=1024)
def _readable(route: str) -> str:
    """Write a pattern as people do: /api/v1/apps/<name>/."""
    plain = replace_unnamed_groups(replace_named_groups(route))
    return "/" + re.sub(r"\\(.)|[\^$?]", r"\1", plain).replace("//", "/").lstrip("/")
