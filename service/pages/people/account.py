"""A person's own page: name, roles, and personal tokens."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from access import tokens
from access.models import Scope, User
from pages.people.forms import NameForm, TokenForm


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Show it; keep the name, or make a token and show it in this answer and never again."""
    user = cast("User", request.user)
    action = request.POST.get("action") if request.method == "POST" else None
    naming = NameForm(request.POST if action == "name" else None, initial={"name": user.name}, prefix="person")
    making = TokenForm(request.POST if action == "token" else None, user=user, prefix="token")
    text = ""
    if action == "name" and naming.is_valid():
        user.name = naming.cleaned_data["name"]
        user.save(update_fields=["name"])
        messages.success(request, "The name is kept.")
        return redirect("account")
    if action == "token" and making.is_valid():
        scopes = [Scope(scope) for scope in making.cleaned_data["scopes"]]
        _, text = tokens.create_token(user, scopes, name=making.cleaned_data["name"], expires_at=making.expires_at())
        making = TokenForm(user=user, prefix="token")
    context = {
        "naming": naming,
        "making": making,
        "token": text,
        "now": timezone.now(),
        "tokens": user.tokens.filter(revoked_at=None),
        "memberships": user.memberships.select_related("app"),
    }
    return render(request, "access/account.html", context)


@login_required
@require_POST
def revoke_token(request: HttpRequest, number: int) -> HttpResponse:
    """End one of his own tokens."""
    token = get_object_or_404(cast("User", request.user).tokens, pk=number)
    tokens.revoke(token)
    messages.success(request, f"The token {token.name or token.prefix} is revoked.")
    return redirect("account")
