"""What every answer of the API carries: ETag, caching rules, and what is left of the rate limit."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.http import ConditionalGetMiddleware
from django.utils.cache import patch_cache_control, patch_vary_headers
from typing_extensions import override

PREFIX = "/api/"


class ApiAnswersMiddleware(ConditionalGetMiddleware):
    """Answers 304 to a GET whose If-None-Match names what would be answered anyway.

    The comparison is made on the bytes: it spares the way to the client, not the queries, and is never wrong.
    """

    @override
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add the headers, and answer 304 where nothing has changed."""
        if not request.path_info.startswith(PREFIX):
            return response
        patch_vary_headers(response, ["Authorization", "Cookie"])
        for name, value in getattr(request, "rate_limit", {}).items():
            response.headers[name] = value
        if request.method not in {"GET", "HEAD"} or response.status_code != 200:
            response.headers.setdefault("Cache-Control", "no-store")
            return response
        patch_cache_control(response, private=True, no_cache=True)
        return super().process_response(request, response)
