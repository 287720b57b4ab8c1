"""The first page: what a person should know, what serves now, and the deployments that the filter leaves."""

import statistics
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.visibility import sees_all, visible_environments
from fleet.models import Deployment, Environment, Outcome, Server
from pages import freshness
from pages.admission import for_polls, for_readers
from pages.fleet.entries import entry
from pages.fleet.notices import open_notices
from pages.fleet.selection import Page, Selection, outcomes, page

SHOWN_PLACES = 24
SHOWN_NOTICES = 8
MOST_NOTICES = 500


@dataclass(frozen=True)
class Figures:
    """What the shown deployments add up to."""

    deployments: int
    succeeded_percent: int | None
    median_seconds: float | None


@dataclass(frozen=True)
class Choice:
    """One control of the filter: what it may be set to, and what it is set to."""

    name: str
    label: str
    chosen: str
    options: list[str]


@require_safe
@for_readers
def overview(request: HttpRequest) -> HttpResponse:
    """Show each app's serving release, and the deployments as a timeline."""
    return render(request, "fleet/fleet.html", _context(request))


@require_safe
@for_polls
def news(request: HttpRequest) -> HttpResponse:
    """Send the part of the page that changes, without the entries that the asking page has."""
    selection = Selection.parse(request.GET)
    etag = _version(request, selection)
    if unchanged := freshness.not_modified(request, etag):
        return unchanged
    context = _context(request) | {"known": freshness.known(request)}
    return freshness.fragment(request, "fleet/fleet_live.html", context, etag)


def _version(request: HttpRequest, selection: Selection) -> str:
    """Name the state of the page. Who sees all also sees notices of servers that carry no app yet."""
    more = request.user.pk, selection.query
    if sees_all(request.user):
        return freshness.version(Server.objects.all(), freshness.State("environments", "last_reported_at"), *more)
    state = freshness.State("pk", "server__last_reported_at")
    return freshness.version(visible_environments(request.user), state, *more)


def _context(request: HttpRequest) -> dict[str, Any]:
    selection = Selection.parse(request.GET)
    environments = list(visible_environments(request.user).select_related("app", "server", "release"))
    places = selection.places(environments)
    shown = _read(request, selection, environments, places)
    now = timezone.now()
    is_newest = shown.newer is None
    notices = list(open_notices(request.user)[:MOST_NOTICES])
    return {
        "now": now.timestamp(),
        "selection": selection,
        "news_address": f"{reverse('news')}?{selection.query}",
        "notices": notices[:SHOWN_NOTICES],
        "more_notices": max(0, len(notices) - SHOWN_NOTICES),
        "environments": environments,
        "places": places[:SHOWN_PLACES],
        "more_places": max(0, len(places) - SHOWN_PLACES),
        "choices": _choices(selection, environments),
        "page": shown,
        "entries": [
            entry(one, now, is_open=is_newest and position == 0) for position, one in enumerate(shown.deployments)
        ],
        "figures": _figures(shown.deployments),
    }


def _read(
    request: HttpRequest, selection: Selection, environments: list[Environment], places: list[Environment]
) -> Page:
    """Read one page; app, environment and server come from the environments that are here already."""
    deployments = Deployment.objects.select_related("release").defer("commits")
    if not sees_all(request.user) or len(places) < len(environments):
        deployments = deployments.filter(environment__in=[one.pk for one in places])
    by_id = {one.pk: one for one in environments}
    shown = page(deployments, selection)
    for deployment in shown.deployments:
        if deployment.environment_id in by_id:
            deployment.environment = by_id[deployment.environment_id]
    return shown


def _choices(selection: Selection, environments: list[Environment]) -> list[Choice]:
    named = {
        "app": {one.app.name for one in environments},
        "environment": {one.name for one in environments},
        "server": {one.server.name for one in environments},
    }
    choices = [Choice(name, name.capitalize(), getattr(selection, name), sorted(named[name])) for name in named]
    choices.append(Choice("outcome", "Outcome", selection.outcome, outcomes()))
    for choice in choices:
        if choice.chosen and choice.chosen not in choice.options:
            choice.options.append(choice.chosen)
    return choices


def _figures(deployments: list[Deployment]) -> Figures:
    ended = [one for one in deployments if one.outcome in {Outcome.SUCCEEDED, Outcome.FAILED, Outcome.INTERRUPTED}]
    succeeded = [one for one in ended if one.outcome == Outcome.SUCCEEDED]
    seconds = [one.seconds for one in succeeded if one.seconds is not None]
    return Figures(
        deployments=len(deployments),
        succeeded_percent=round(100 * len(succeeded) / len(ended)) if ended else None,
        median_seconds=statistics.median(seconds) if seconds else None,
    )
