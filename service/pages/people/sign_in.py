"""Signing in."""

from django.contrib.auth.views import LoginView
from django.http import HttpResponse
from typing_extensions import override

from pages.people.forms import SignInForm


class SignIn(LoginView):
    """By address and password, as often as the throttle lets."""

    template_name = "access/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    @override
    def form_invalid(self, form: SignInForm) -> HttpResponse:  # type: ignore[override]  # the form that is named above
        """Say 429 to who has tried too often."""
        response = super().form_invalid(form)
        if form.has_error("__all__", "throttled"):
            response.status_code = 429
        return response
