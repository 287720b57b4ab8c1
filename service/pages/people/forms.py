"""What people write about themselves: signing in, joining, a name, a token."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from typing_extensions import override

from access.models import Scope, User
from access.requests.throttling import seconds_until_sign_in
from access.tokens import scopes_for

WRONG = "Address or password is wrong."
EXPIRIES = {"30": "in 30 days", "90": "in 90 days", "365": "in a year", "": "never"}


class SignInForm(AuthenticationForm):
    """Address and password; whatever is wrong, the answer is the same."""

    username = forms.EmailField(
        label="Email address",
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    error_messages = {  # noqa: RUF012 - as in the class above
        "invalid_login": WRONG,
        "inactive": WRONG,
    }

    @override
    def clean(self) -> dict[str, Any]:
        """Count the attempt before the password is looked at."""
        wait = seconds_until_sign_in(self._request(), self.cleaned_data.get("username", ""))
        if wait:
            raise ValidationError(f"Too many attempts. Try again in {max(1, round(wait / 60))} min.", code="throttled")
        return super().clean()

    def _request(self) -> HttpRequest:
        assert self.request is not None  # noqa: S101 - the view always gives it
        return self.request


class AddressForm(forms.Form):
    """An address to send a link to."""

    email = forms.EmailField(
        label="Email address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )


class JoinForm(forms.Form):
    """Name and password of somebody who accepts an invitation and is new here."""

    name = forms.CharField(
        label="Your name", max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        help_text="At least 12 characters",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        """Take the address too: a password must not be like it."""
        super().__init__(*args, **kwargs)
        self.email = email

    def clean_password(self) -> str:
        """Hold the password against the rules."""
        password: str = self.cleaned_data["password"]
        validate_password(password, User(email=self.email, name=self.cleaned_data.get("name", "")))
        return password


class NameForm(forms.Form):
    """How others see a person."""

    name = forms.CharField(
        label="Name", max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )


class TokenForm(forms.Form):
    """A personal token to be made."""

    name = forms.CharField(max_length=100, label="Name", help_text="What it is for", widget=forms.TextInput)
    scopes = forms.MultipleChoiceField(label="It may", widget=forms.CheckboxSelectMultiple, initial=[Scope.READ])
    expires = forms.ChoiceField(label="It ends", choices=list(EXPIRIES.items()), required=False, initial="90")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        """Offer the scopes that this person's tokens may have."""
        super().__init__(*args, **kwargs)
        offered = scopes_for(user)
        scopes = self.fields["scopes"]
        assert isinstance(scopes, forms.MultipleChoiceField)  # noqa: S101 - it is declared above
        scopes.choices = [(scope.value, scope.label) for scope in Scope if scope in offered]

    def expires_at(self) -> datetime | None:
        """Return when the token ends."""
        days = self.cleaned_data["expires"]
        return timezone.now() + timedelta(days=int(days)) if days else None
