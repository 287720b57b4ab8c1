"""What an owner does on an app's page: edit it, invite somebody, change a role, end a membership."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_POST

from access import mail, tasks
from access.invitations import AlreadyMember, invite, withdraw
from access.links import invitation_link
from access.memberships import LastOwner, change_role, remove
from access.models import Role, User
from access.visibility import may_own, role_in, visible_invitations, visible_memberships
from fleet.models import App
from ground.jobs import hand_over
from ground.mail import is_mail_sent
from pages.fleet.app import answer, find
from pages.fleet.forms import AppForm, InviteForm, RoleForm

Place = ParamSpec("Place")
LAST_OWNER = "An app keeps an owner: make somebody else one first."


def _for_owners(
    action: Callable[Concatenate[HttpRequest, App, Place], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Let only owners of the app that the address names do this; to a stranger there is no such app."""

    @wraps(action)
    def admit(request: HttpRequest, name: str, *rest: Place.args, **more: Place.kwargs) -> HttpResponse:
        found = find(request, name)
        if not may_own(request.user, found):
            raise PermissionDenied
        return action(request, found, *rest, **more)

    return login_required(require_POST(admit))


@_for_owners
def edit(request: HttpRequest, app: App) -> HttpResponse:
    """Keep description and repository."""
    form = AppForm(request.POST)
    if not form.is_valid():
        return answer(request, app, editing=form)
    App.objects.filter(pk=app.pk).update(**form.cleaned_data)
    messages.success(request, f"{app.name} is changed.")
    return redirect("app", app.name)


@_for_owners
def invite_somebody(request: HttpRequest, app: App) -> HttpResponse:
    """Send an invitation; without mail, show its link in this answer and never again."""
    form = InviteForm(request.POST, prefix="invite")
    if not form.is_valid():
        return answer(request, app, inviting=form)
    email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
    try:
        invitation, text = invite(app, email, role, cast("User", request.user))
    except AlreadyMember:
        form.add_error("email", "This person is a member already.")
        return answer(request, app, inviting=form)
    if is_mail_sent():
        hand_over(tasks.send_invitation, number=invitation.pk, origin=mail.origin(request))
        messages.success(request, f"An invitation goes to {invitation.email}.")
        return redirect("app", app.name)
    response = answer(request, app, link=invitation_link(text, mail.origin(request)), invited=invitation.email)
    add_never_cache_headers(response)
    return response


@_for_owners
def withdraw_invitation(request: HttpRequest, app: App, number: int) -> HttpResponse:
    """End an invitation that nobody has accepted."""
    invitation = get_object_or_404(visible_invitations(request.user), app=app, pk=number)
    withdraw(invitation)
    messages.success(request, f"The invitation of {invitation.email} is withdrawn.")
    return redirect("app", app.name)


@_for_owners
def change_member(request: HttpRequest, app: App, number: int) -> HttpResponse:
    """Give a member another role, or end the membership."""
    membership = get_object_or_404(visible_memberships(request.user).select_related("user"), app=app, pk=number)
    owner, name = cast("User", request.user), str(membership.user)
    form = RoleForm(request.POST)
    try:
        if request.POST.get("action") == "remove":
            remove(membership, owner)
            messages.success(request, f"{name} is no longer a member.")
        elif form.is_valid():
            change_role(membership, Role(form.cleaned_data["role"]), owner)
            messages.success(request, f"{name} is {membership.role} now.")
        else:
            messages.error(request, "There is no such role.")
    except LastOwner:
        return answer(request, app, problem=LAST_OWNER, status=409)
    # Who has ended his own membership does not see the app any more.
    return redirect("app", app.name) if role_in(owner, app) else redirect("fleet")
