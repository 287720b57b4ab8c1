"""Error answers of the API as problem details (RFC 9457), whoever raised the error."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response

from ground.telemetry.request_log import current_request_id

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
WHOLE = "non_field_errors"


class Problem(exceptions.APIException):
    """An error with a status, a sentence, and where it is useful a list of what is wrong where."""

    def __init__(self, status: int, detail: str, errors: list[dict[str, str]] | None = None) -> None:
        """Take the HTTP status, the sentence and the list."""
        super().__init__(detail)
        self.status_code = status
        self.errors = errors or []


def problem(status: int, detail: str, instance: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """Return the body: type, title, status, detail, instance, request_id, errors."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "request_id": current_request_id(),
    }
    if errors:
        body["errors"] = errors
    return body


def answer_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception of a view; None leaves it to Django, which logs it and answers 500."""
    instance = context["request"].path
    if isinstance(error, (OperationalError, InterfaceError)):
        body = problem(503, "The database does not answer; try again", instance)
        return Response(body, 503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)}, content_type=CONTENT_TYPE)
    if isinstance(error, Http404):
        error = exceptions.NotFound("There is no such thing, or it is not for you")
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, UnreadablePostError):
        error = Problem(408, "The body did not come whole in time; nothing was stored")
    if not isinstance(error, exceptions.APIException):
        return None
    is_reading = context["request"].method in SAFE_METHODS
    errors = error.errors if isinstance(error, Problem) else _field_errors(error.detail, is_reading)
    detail = str(error.detail) if isinstance(error.detail, str) else "The request is not valid"
    body = problem(error.status_code, detail, instance, errors)
    return Response(body, error.status_code, headers=_headers(error), content_type=CONTENT_TYPE)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers


def _field_errors(detail: object, is_reading: bool) -> list[dict[str, str]]:
    """List what is wrong where: a query parameter by its name, a part of the body by its JSON pointer."""
    if isinstance(detail, str):
        return []
    errors = []
    for path, message in _flat(detail, ()):
        pointer = "#" + "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
        where = {"parameter": path[0]} if is_reading and path else {"pointer": pointer}
        errors.append(where | {"detail": message})
    return errors


def _flat(detail: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(detail, dict):
        for field, messages in detail.items():
            yield from _flat(messages, path if field == WHOLE else (*path, str(field)))
    elif isinstance(detail, list):
        for number, item in enumerate(detail):
            yield from _flat(item, (*path, str(number)) if isinstance(item, dict) else path)
    else:
        yield path, str(detail)
