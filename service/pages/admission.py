"""Decides who is let in to a page of the fleet."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control

View = Callable[..., HttpResponse]


def for_readers(view: View) -> View:
    """Ask who is not signed in to do so, unless HARBOUR_PUBLIC_READ opens reading to all."""

    @wraps(view)
    def admit(request: HttpRequest, **place: object) -> HttpResponse:
        if not _may_read(request):
            return redirect_to_login(request.get_full_path())
        return _kept_private(view(request, **place))

    return admit


def for_polls(view: View) -> View:
    """As `for_readers`, but answer 401: who asks is a script, which can't sign in."""

    @wraps(view)
    def admit(request: HttpRequest, **place: object) -> HttpResponse:
        if not _may_read(request):
            return HttpResponse(status=401, headers={"WWW-Authenticate": 'Session realm="harbour"'})
        return _kept_private(view(request, **place))

    return admit


def _may_read(request: HttpRequest) -> bool:
    return bool(settings.CONFIGURATION.public_read or request.user.is_authenticated)


def _kept_private(response: HttpResponse) -> HttpResponse:
    patch_cache_control(response, private=True, no_cache=True)
    return response
