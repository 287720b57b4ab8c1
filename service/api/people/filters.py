"""Which memberships, invitations and tokens a request asks for."""

from typing import ClassVar

from django_filters import rest_framework as filters

from access.models import Invitation, Membership, Role, Token


def _app() -> filters.CharFilter:
    return filters.CharFilter("app__name", label="name of the app", max_length=63)


class MembershipFilters(filters.FilterSet):
    """Filters of memberships."""

    app = _app()
    email = filters.CharFilter("user__email", "iexact", label="the person's address", max_length=254)
    role = filters.ChoiceFilter(choices=Role.choices)

    class Meta:
        """Of memberships."""

        model = Membership
        fields: ClassVar[list[str]] = []


class InvitationFilters(filters.FilterSet):
    """Filters of invitations."""

    app = _app()
    email = filters.CharFilter("email", "iexact", label="the address that was invited", max_length=254)

    class Meta:
        """Of invitations."""

        model = Invitation
        fields: ClassVar[list[str]] = []


class TokenFilters(filters.FilterSet):
    """Filters of tokens."""

    server = filters.CharFilter("server__name", label="name of the server", max_length=63)

    class Meta:
        """Of tokens."""

        model = Token
        fields: ClassVar[list[str]] = []
