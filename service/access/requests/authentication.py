"""How a request proves who it comes from: a browser by its session, a program or a server by its token."""

from django.contrib.auth.models import AnonymousUser
from rest_framework import authentication, exceptions
from rest_framework.request import Request
from typing_extensions import override

from access.models import Token, User
from access.requests.throttling import count_stranger
from access.tokens import find_token, note_use


class SessionAuthentication(authentication.SessionAuthentication):
    """A signed-in browser; names a scheme, so that a stranger is answered 401 and not 403."""

    @override
    def authenticate_header(self, request: Request) -> str:
        """Return the challenge."""
        return 'Session realm="harbour"'


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <token>`; `request.auth` is the token, `request.user` its person or nobody."""

    @override
    def authenticate(self, request: Request) -> tuple[User | AnonymousUser, Token] | None:
        """Return person and token; None when no bearer token was sent. Raises AuthenticationFailed, Throttled."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = find_token(text.strip())
        if token is None:
            count_stranger(request)
            raise exceptions.AuthenticationFailed("The token is unknown, expired or revoked")
        note_use(token)
        return token.user or AnonymousUser(), token

    @override
    def authenticate_header(self, request: Request) -> str:
        """Return the challenge."""
        return 'Bearer realm="harbour"'
