"""What is answered where no view could: problem details for the API, a page for everybody else."""

import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from ground.postgresql.outage import is_outage, note
from ground.problems import CONTENT_TYPE, RETRY_AFTER_SECONDS, problem
from ground.telemetry.request_log import current_request_id

LOST = "The database does not answer; try again"


def error_page(status: int, detail: str) -> str:
    """Return the page of an error, made without the request: its context processors would ask for the session."""
    context = {"status": status, "title": HTTPStatus(status).phrase, "detail": detail}
    context["request_id"] = current_request_id() if status >= 500 and status != 503 else None
    return render_to_string("error.html", context)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, also to a Host header that is not allowed, unless the database is what is bad."""
    if is_outage(exception):
        return _unavailable(request, exception)
    body = problem(400, "The request is not valid", request.path)
    return JsonResponse(body, status=400, content_type=CONTENT_TYPE)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Answer 403."""
    return _answer(request, 403, "You may not do this")


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """Answer 403 to a form that did not come from a page of ours, or from one that was open too long."""
    return _answer(request, 403, "The form is too old, or cookies are off. Go back, reload the page, and send it again")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """Answer 404."""
    return _answer(request, 404, "There is nothing at this address")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, or 503 while the database is lost. Django calls this while it handles the exception."""
    error = sys.exc_info()[1]
    if is_outage(error):
        return _unavailable(request, error)
    return _answer(request, 500, "Something went wrong here; the request id finds it in the logs")


def _answer(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    """Answer without touching the database or the session."""
    if request.path.startswith("/api/"):
        return JsonResponse(problem(status, detail, request.path), status=status, content_type=CONTENT_TYPE)
    return HttpResponse(error_page(status, detail), status=status)


def _unavailable(request: HttpRequest, error: BaseException | None) -> HttpResponse:
    """Answer 503 with Retry-After, whatever part of the request ran into the lost database."""
    note(error)
    response = _answer(request, 503, LOST)
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    if request.method == "GET" and not request.path.startswith("/api/"):
        response.headers["Refresh"] = str(RETRY_AFTER_SECONDS)
    return response
