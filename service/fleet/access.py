"""Who may do what: people read with a session, servers report with a token."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from rest_framework import authentication, exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from typing_extensions import override

from fleet.models import ServerToken
from fleet.tokens import find_token

if TYPE_CHECKING:
    # REST framework imports this module while it loads its views.
    from rest_framework.views import APIView


class SessionAuthentication(authentication.SessionAuthentication):
    """A signed-in browser; names a scheme, so that a stranger is answered 401 and not 403."""

    @override
    def authenticate_header(self, request: Request) -> str:
        """Return the challenge."""
        return 'Session realm="harbour"'


class ServerTokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <server token>`; the server's token is `request.auth`."""

    @override
    def authenticate(self, request: Request) -> tuple[AnonymousUser, ServerToken] | None:
        """Return nobody and the token; None when no bearer token was sent."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        found = find_token(token.strip())
        if found is None:
            raise exceptions.AuthenticationFailed("The server token is unknown or revoked")
        return AnonymousUser(), found

    @override
    def authenticate_header(self, request: Request) -> str:
        """Return the challenge."""
        return 'Bearer realm="harbour"'


class MayRead(BasePermission):
    """Signed in, unless HARBOUR_PUBLIC_READ opens reading to all."""

    @override
    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether this request may read."""
        return settings.CONFIGURATION.public_read or bool(request.user and request.user.is_authenticated)


class IsServer(BasePermission):
    """The request carries a server's token."""

    @override
    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether a server asks."""
        return isinstance(request.auth, ServerToken)
