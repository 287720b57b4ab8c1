"""Which requests are let in; which rows they find is decided in `visibility`."""

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from typing_extensions import override

from access.models import Scope, Token, User
from access.visibility import may_own
from fleet.models import App

if TYPE_CHECKING:
    # REST framework imports this module while it loads its views.
    from rest_framework.views import APIView


def _is_person(request: Request) -> bool:
    return isinstance(request.user, User)


class MayRead(BasePermission):
    """A person, or anybody where HARBOUR_PUBLIC_READ opens reading; a token has to have the scope.

    A request that changes something is let in for a person alone; what he may change is decided by the view.
    """

    message = "This needs a token with the scope that fits: read, or write for changes"

    @override
    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether this request is let in."""
        is_reading = request.method in SAFE_METHODS
        if isinstance(request.auth, Token):
            return _is_person(request) and (Scope.READ if is_reading else Scope.WRITE) in request.auth.scopes
        return _is_person(request) or (is_reading and settings.CONFIGURATION.public_read)


class IsPerson(MayRead):
    """A person, even where reading is open to all: what is asked for is about people."""

    @override
    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether a person asks who may."""
        return _is_person(request) and super().has_permission(request, view)


class OwnerWrites(MayRead):
    """Whoever sees an app reads it; its owners and staff change it."""

    @override
    def has_object_permission(self, request: Request, view: "APIView", obj: App) -> bool:
        """Return whether this request may do this to the app."""
        self.message = "This is for the app's owners"
        return request.method in SAFE_METHODS or may_own(request.user, obj)


class StaffWrites(MayRead):
    """Whoever sees servers reads them; staff add them."""

    @override
    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether this request is let in."""
        if not super().has_permission(request, view):
            return False
        self.message = "This is for the people who run Harbour"
        return request.method in SAFE_METHODS or (isinstance(request.user, User) and request.user.is_staff)


class IsSignedIn(BasePermission):
    """A person in a browser: what a token may do must not include making another one."""

    message = "Tokens are managed by a signed-in person, not with a token"

    @override
    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether the request carries a session."""
        return _is_person(request) and request.auth is None


class IsServer(BasePermission):
    """The request carries a server's token."""

    message = "This needs the token of a server"

    @override
    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Return whether a server asks."""
        token = request.auth
        return isinstance(token, Token) and token.server_id is not None and Scope.REPORT in token.scopes
