"""Changing a password, and setting a new one by a link."""

from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from typing_extensions import override

from access import mail, tasks
from access.links import user_of
from access.models import User
from access.requests.throttling import seconds_until_sign_in
from ground.jobs import hand_over
from ground.mail import is_mail_sent
from pages.people.forms import AddressForm

LINK = "password_link"


class ChangePassword(PasswordChangeView):
    """For somebody who knows the old one; other sessions of his end."""

    template_name = "access/password.html"
    success_url = reverse_lazy("account")

    @override
    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Keep the password and say so."""
        messages.success(self.request, "The password is changed; you are signed out everywhere else.")
        return super().form_valid(form)


@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Send a link; the answer is the same, and takes as long, whether the address is known or not."""
    form = AddressForm(request.POST or None)
    context = {"form": form, "is_mail": is_mail_sent()}
    if request.method == "POST" and is_mail_sent() and form.is_valid():
        wait = seconds_until_sign_in(request, form.cleaned_data["email"])
        if wait:
            form.add_error(None, f"Too many attempts. Try again in {max(1, round(wait / 60))} min.")
            return render(request, "access/forgotten.html", context, status=429)
        hand_over(tasks.send_password_link, email=form.cleaned_data["email"], origin=mail.origin(request))
        return render(request, "access/forgotten_sent.html", {"email": form.cleaned_data["email"]})
    return render(request, "access/forgotten.html", context)


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Set a password by a link, which moves into the session first: an address shows, and stays in the history."""
    if "link" in request.GET:
        request.session[LINK] = request.GET["link"]
        return redirect("new-password")
    user = user_of(request.session.get(LINK, ""))
    if user is None:
        return render(request, "access/closed.html", {"what": "link"}, status=410)
    form: SetPasswordForm[User] = SetPasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        del request.session[LINK]
        messages.success(request, "The password is set. Sign in with it.")
        return redirect("sign-in")
    return render(request, "access/new_password.html", {"form": form, "person": user})
