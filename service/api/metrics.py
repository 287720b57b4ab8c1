"""The address that Prometheus asks; not public."""

from collections.abc import Iterator

from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from access.models import Scope
from access.tokens import find_token
from ground.problems import CONTENT_TYPE, problem
from ground.telemetry.metrics import registry

# Few rows: what succeeded is gone at once, the rest after a week.
QUEUE = "SELECT task_name, status::text, count(*) FROM procrastinate_jobs GROUP BY task_name, status"


class Now(Collector):
    """What is not counted but looked up when it is asked for."""

    @override
    def collect(self) -> Iterator[Metric]:
        """Yield what runs, how many connections it may have, and the jobs that wait, run or failed."""
        configuration = settings.CONFIGURATION
        build = GaugeMetricFamily("harbour_build_info", "What runs", labels=["release", "revision", "environment"])
        build.add_metric([configuration.release, configuration.revision, configuration.environment], 1)
        yield build
        limit = configuration.workers * configuration.connections
        yield GaugeMetricFamily("harbour_database_connections_limit", "Most connections of all workers", value=limit)
        jobs = GaugeMetricFamily("harbour_jobs", "Jobs in the queue", labels=["task", "state"])
        with connection.cursor() as cursor:
            cursor.execute(QUEUE)
            for task, state, count in cursor.fetchall():
                jobs.add_metric([task, state], count)
        yield jobs


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all metrics; 401 without a token that is valid, 404 when its owner may not read them."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    token = find_token(text.strip()) if scheme.lower() == "bearer" else None
    if token is None:
        body = problem(401, "A token with the scope metrics is needed", request.path)
        challenge = {"WWW-Authenticate": 'Bearer realm="harbour"'}
        return JsonResponse(body, status=401, headers=challenge, content_type=CONTENT_TYPE)
    if Scope.METRICS not in token.scopes or token.user is None or not token.user.is_staff:
        raise Http404
    current = CollectorRegistry()
    current.register(Now())
    return HttpResponse(generate_latest(registry()) + generate_latest(current), content_type=CONTENT_TYPE_LATEST)
