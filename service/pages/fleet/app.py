"""One app: what it is, where it serves, and who may do what in it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from access.models import Role
from access.visibility import role_in, visible_apps, visible_invitations, visible_memberships, visible_places
from fleet.models import App
from pages.admission import for_readers
from pages.fleet.entries import WEB_ADDRESS
from pages.fleet.forms import AppForm, InviteForm


@require_safe
@for_readers
def app(request: HttpRequest, name: str) -> HttpResponse:
    """Show one app."""
    return answer(request, find(request, name))


def find(request: HttpRequest, name: str) -> App:
    """Return the app if it may be seen; 404 otherwise, as if there were none."""
    return get_object_or_404(visible_apps(request.user).prefetch_related(visible_places(request.user)), name=name)


def answer(request: HttpRequest, found: App, status: int = 200, **more: Any) -> HttpResponse:
    """Write the page; `more` replaces what an action has to show: a form with errors, a link."""
    is_owner = role_in(request.user, found) is Role.OWNER
    context = {
        "app": found,
        "places": found.environments.all(),
        "repository": found.repository if found.repository.startswith(WEB_ADDRESS) else "",
        "is_owner": is_owner,
        "memberships": _members(request, found),
        "invitations": visible_invitations(request.user).filter(app=found).select_related("invited_by"),
        "roles": Role.values,
        "now": timezone.now(),
        "inviting": InviteForm(prefix="invite") if is_owner else None,
        "editing": AppForm(initial={"description": found.description, "repository": found.repository}),
        **more,
    }
    return render(request, "fleet/app.html", context, status=status)


def _members(request: HttpRequest, found: App) -> object:
    return visible_memberships(request.user).filter(app=found).select_related("user").order_by("user__email")
