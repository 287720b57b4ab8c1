"""Accepting an invitation, as somebody new or as somebody known."""

from django.contrib import messages
from django.contrib.auth import login
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from access.invitations import InvitationClosed, accept, open_invitation
from access.models import Invitation, User
from pages.people.forms import JoinForm

LINK = "invitation_link"


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    """Show the invitation whose link was opened, and accept it.

    1. The link moves into the session: an address shows, and stays in the history.
    2. Somebody who is signed in accepts, if it is for his address.
    3. Somebody known signs in first; somebody new gives a name and a password.
    """
    if "link" in request.GET:
        request.session[LINK] = request.GET["link"]
        return redirect("invitation")
    offered = open_invitation(request.session.get(LINK, ""))
    if offered is None:
        return render(request, "access/closed.html", {"what": "invitation"}, status=410)
    try:
        return _for_somebody_known(request, offered) or _for_somebody_new(request, offered)
    except InvitationClosed:
        return render(request, "access/closed.html", {"what": "invitation"}, status=410)


def _for_somebody_known(request: HttpRequest, offered: Invitation) -> HttpResponse | None:
    user = request.user
    if isinstance(user, User):
        if user.email.lower() != offered.email.lower():
            return render(request, "access/invitation_foreign.html", {"invitation": offered}, status=403)
        if request.method == "POST":
            return _accepted(request, offered, user)
        return render(request, "access/invitation.html", {"invitation": offered})
    if User.objects.filter(email__iexact=offered.email).exists():
        return render(request, "access/invitation.html", {"invitation": offered, "signs_in": True})
    return None


def _for_somebody_new(request: HttpRequest, offered: Invitation) -> HttpResponse:
    form = JoinForm(request.POST or None, email=offered.email)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                user = User.objects.create_user(
                    offered.email, form.cleaned_data["password"], name=form.cleaned_data["name"]
                )
                accept(offered, user)
        except IntegrityError:  # the same form, sent twice at the same time
            return redirect("invitation")
        login(request, user)
        return _welcome(request, offered)
    return render(request, "access/invitation.html", {"invitation": offered, "form": form})


def _accepted(request: HttpRequest, offered: Invitation, user: User) -> HttpResponse:
    accept(offered, user)
    return _welcome(request, offered)


def _welcome(request: HttpRequest, offered: Invitation) -> HttpResponse:
    request.session.pop(LINK, None)
    messages.success(request, f"Welcome to {offered.app.name}.")
    return redirect("app", offered.app.name)
