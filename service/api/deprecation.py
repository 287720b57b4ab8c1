"""Says in the answers of an old address that it will go, when, and what takes its place (RFC 9745, RFC 8594)."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import http_date

View = Callable[..., HttpResponseBase]


def deprecated(view: View, *, since: datetime, sunset: datetime, successor: str) -> View:
    """Wrap a view: its answers name the day it was deprecated, the day it ends, and the successor's address."""

    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response.headers["Deprecation"] = f"@{int(since.timestamp())}"
        response.headers["Sunset"] = http_date(sunset.timestamp())
        response.headers["Link"] = f'<{successor}>; rel="successor-version"'
        return response

    return answer
