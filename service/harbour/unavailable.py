"""Answers 503 instead of an error while the database is lost, whatever part of a request ran into it."""

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from harbour import problems
from harbour.outage import is_outage, note

DETAIL = "The database does not answer; try again"


def unavailable(request: HttpRequest) -> HttpResponse:
    """Answer 503 with Retry-After: problem details for the API, a page otherwise; neither needs the database."""
    headers = {"Retry-After": str(problems.RETRY_AFTER_SECONDS), "Cache-Control": "no-store"}
    if request.path.startswith("/api/"):
        body = problems.problem(503, DETAIL, request.path)
        return JsonResponse(body, status=503, headers=headers, content_type=problems.CONTENT_TYPE)
    if request.method == "GET":
        headers["Refresh"] = headers["Retry-After"]
    # Without the request there are no context processors, which would ask for the session.
    context = {"status": 503, "title": "Service Unavailable", "detail": DETAIL}
    return HttpResponse(render_to_string("error.html", context), status=503, headers=headers)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, unless the database is what is bad."""
    if not is_outage(exception):
        return problems.bad_request(request, exception)
    note(exception)
    return unavailable(request)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, unless the database is lost: Django calls this while it handles the exception."""
    error = sys.exc_info()[1]
    if not is_outage(error):
        return problems.server_error(request)
    note(error)
    return unavailable(request)
