"""The page that people look at."""

import statistics
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from fleet.models import Deployment, Environment, Outcome
from fleet.timeline import Waterfall, waterfall

DEPLOYMENTS_A_PAGE = 20


@dataclass(frozen=True)
class Entry:
    """A deployment with its drawing; open entries show it without a click."""

    deployment: Deployment
    waterfall: Waterfall
    is_open: bool

    @property
    def state(self) -> str:
        """The outcome, or that it runs."""
        return self.deployment.outcome or "running"


@dataclass(frozen=True)
class Figures:
    """What the shown deployments add up to."""

    deployments: int
    succeeded_percent: int | None
    median_seconds: float | None


@require_safe
def fleet(request: HttpRequest) -> HttpResponse:
    """Show each app's serving release, and the deployments as a timeline."""
    if not (settings.CONFIGURATION.public_read or request.user.is_authenticated):
        return redirect_to_login(request.get_full_path())
    environments = Environment.objects.select_related("app", "server", "release")
    newest = Deployment.objects.select_related("environment__app", "environment__server", "release")
    page = Paginator(newest, DEPLOYMENTS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "environments": environments,
        "page": page,
        "entries": _entries(page),
        "figures": _figures(list(page)),
        "this": settings.CONFIGURATION,
    }
    return render(request, "fleet/fleet.html", context)


def _entries(page: "Page[Deployment]") -> list[Entry]:
    now = timezone.now()
    return [
        Entry(deployment, waterfall(deployment, now), is_open=_is_open(deployment, position, page.number))
        for position, deployment in enumerate(page)
    ]


def _is_open(deployment: Deployment, position: int, page: int) -> bool:
    return (position == 0 and page == 1) or deployment.outcome in {"", Outcome.FAILED}


def _figures(deployments: list[Deployment]) -> Figures:
    ended = [one for one in deployments if one.outcome in {Outcome.SUCCEEDED, Outcome.FAILED, Outcome.INTERRUPTED}]
    succeeded = [one for one in ended if one.outcome == Outcome.SUCCEEDED]
    seconds = [one.seconds for one in succeeded if one.seconds is not None]
    return Figures(
        deployments=len(deployments),
        succeeded_percent=round(100 * len(succeeded) / len(ended)) if ended else None,
        median_seconds=statistics.median(seconds) if seconds else None,
    )
