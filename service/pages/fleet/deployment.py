"""One deployment: its steps, its failure, the commits that it brought, and what people say about it."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from access.models import User
from access.visibility import may_write, visible_deployments
from fleet.models import Deployment
from pages import freshness
from pages.admission import for_polls, for_readers
from pages.fleet.entries import commits, entry
from pages.fleet.forms import NoteForm


@require_http_methods(["GET", "HEAD", "POST"])
@for_readers
def deployment(request: HttpRequest, number: uuid.UUID) -> HttpResponse:
    """Show one deployment, and keep the note that a member writes."""
    found = _find(request, number)
    is_writer = may_write(request.user, found.environment.app)
    form = NoteForm(request.POST if request.method == "POST" else None, initial={"note": found.note})
    if request.method == "POST":
        if not is_writer or not isinstance(request.user, User):
            raise PermissionDenied
        if form.is_valid():
            _keep_note(found, form.cleaned_data["note"], request.user)
            messages.success(request, "The note is kept.")
            return redirect("deployment", number)
    context = _context(found) | {"form": form if is_writer else None, "reader": request.user}
    return render(request, "fleet/deployment.html", context)


@require_safe
@for_polls
def news(request: HttpRequest, number: uuid.UUID) -> HttpResponse:
    """Send the part of the page that changes, or 304."""
    found = _find(request, number)
    context = _context(found)
    etag = freshness.tag(
        number, context["entry"].version, found.commits, found.commits_complete, found.environment.app.repository
    )
    if unchanged := freshness.not_modified(request, etag):
        return unchanged
    return freshness.fragment(request, "fleet/deployment_live.html", context, etag)


def _find(request: HttpRequest, number: uuid.UUID) -> Deployment:
    seen = visible_deployments(request.user)
    return get_object_or_404(
        seen.select_related("environment__app", "environment__server", "release", "noted_by"), pk=number
    )


def _context(found: Deployment) -> dict[str, Any]:
    now = timezone.now()
    return {
        "now": now.timestamp(),
        "deployment": found,
        "entry": (shown := entry(found, now)),
        "waterfall": shown.waterfall,
        "commits": commits(found, found.environment.app),
    }


def _keep_note(found: Deployment, note: str, writer: User) -> None:
    found.note = note
    found.noted_by = writer if note else None
    found.noted_at = timezone.now() if note else None
    found.save(update_fields=["note", "noted_by", "noted_at"])
