"""How lists are cut into pages."""

from datetime import datetime
from typing import Any, NoReturn

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination, PageNumberPagination
from rest_framework.request import Request
from typing_extensions import override

from ground.problems import Problem

MAX_PAGE_SIZE = 200
MAX_ID = 2**63 - 1
LONGEST_NUMBER = 19


def _refuse(parameter: str, detail: str) -> NoReturn:
    raise Problem(400, "The request is not valid", [{"parameter": parameter, "detail": detail}])


def _number(request: Request, parameter: str, default: int, highest: int) -> int:
    text = request.query_params.get(parameter)
    if text is None:
        return default
    is_number = text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER
    if not is_number or not 1 <= int(text) <= highest:
        _refuse(parameter, f"must be a number from 1 to {highest}")
    return int(text)


def _page_schema(schema: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
    link = {"type": ["string", "null"], "format": "uri"}
    properties = {
        **more,
        "next": {**link, "example": "https://harbour.example.com/api/v1/…/?…"},
        "previous": {**link, "example": None},
        "results": schema,
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def _bounded(parameters: list[dict[str, Any]], highest: int) -> list[dict[str, Any]]:
    for parameter in parameters:
        if parameter["name"] == "page_size":
            parameter["schema"] |= {"minimum": 1, "maximum": highest}
        if parameter["name"] == "page":
            parameter["schema"] |= {"minimum": 1}
    return parameters


class Pages(PageNumberPagination):
    """Numbered pages with a total, for what stays small."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE

    @override
    def get_page_size(self, request: Request) -> int:
        """Return the page's size. Raises Problem 400."""
        return _number(request, "page_size", self.page_size, self.max_page_size)

    @override
    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Return the rows of the page that was asked for. Raises Problem 400, also for a page after the last."""
        _number(request, "page", 1, MAX_ID)
        try:
            return super().paginate_queryset(queryset, request, view)
        except NotFound:
            _refuse("page", "There is no such page")

    @override
    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters with their bounds."""
        return _bounded(super().get_schema_operation_parameters(view), self.max_page_size)

    @override
    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page."""
        return _page_schema(schema, count={"type": "integer", "example": 1})


class CursorPages(CursorPagination):
    """Pages that stay put while rows come in, and need no count of millions of rows."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE

    @override
    def get_page_size(self, request: Request) -> int:
        """Return the page's size. Raises Problem 400."""
        return _number(request, "page_size", self.page_size, self.max_page_size)

    @override
    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        """Return the order that the filters have let through."""
        first = request.query_params.get("ordering") or self.ordering
        tie = "-id" if first.startswith("-") else "id"
        return (first,) if first == tie else (first, tie)

    @override
    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return where to go on. Raises Problem 400 for what no answer has ever named."""
        if not request.query_params.get("cursor"):
            return None
        try:
            cursor: Cursor | None = super().decode_cursor(request)
            if cursor == Cursor(0, False, None):
                raise ValueError
            if cursor is not None and cursor.position is not None:
                self.check_position(str(cursor.position))
        except (NotFound, ValueError):
            _refuse("cursor", "is not one that this list has given")
        return cursor

    def check_position(self, position: str) -> None:
        """Raise ValueError for what the database could not compare with an id."""
        if not (position.isascii() and position.isdecimal() and int(position) <= MAX_ID):
            raise ValueError

    @override
    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters with their bounds."""
        return _bounded(super().get_schema_operation_parameters(view), self.max_page_size)

    @override
    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page."""
        return _page_schema(schema)


class DeploymentPages(CursorPages):
    """By the time of the start."""

    ordering = "-started_at"

    @override
    def check_position(self, position: str) -> None:
        """Raise ValueError for what is no time with a zone."""
        if datetime.fromisoformat(position).tzinfo is None:
            raise ValueError


class EventPages(CursorPages):
    """Larger pages: events are read in bulk."""

    page_size = 100
    max_page_size = 1000
