"""What people write into the pages of the fleet: about an app, and who is what in it."""

from django import forms
from django.core.validators import URLValidator

from access.models import Role


class InviteForm(forms.Form):
    """Somebody to be invited to an app."""

    email = forms.EmailField(label="Email address", max_length=254)
    role = forms.ChoiceField(label="Role", choices=Role.choices, initial=Role.MEMBER)


class RoleForm(forms.Form):
    """Another role for a member."""

    role = forms.ChoiceField(label="Role", choices=Role.choices)


class AppForm(forms.Form):
    """What an owner says about an app; its name is what the agents call it, and stays."""

    description = forms.CharField(label="Description", max_length=500, required=False)
    repository = forms.URLField(
        label="Repository",
        max_length=300,
        required=False,
        assume_scheme="https",
        help_text="Where its commits can be read",
        validators=[URLValidator(schemes=["https", "http"])],
    )


class NoteForm(forms.Form):
    """What people say about a deployment; an empty note is none."""

    note = forms.CharField(
        label="What is to be said about it",
        help_text="Whoever sees the app reads it",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
