"""How lists are cut into pages."""

from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination, PageNumberPagination
from rest_framework.request import Request

MAX_PAGE_SIZE = 200


class Pages(PageNumberPagination):
    """Numbered pages with a total."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE


class EventPages(CursorPagination):
    """Pages that stay put while events come in, and need no count of millions of rows."""

    ordering = "-id"
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Refuse a position that no answer has ever named, which would fail in the database."""
        cursor: Any = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None and not cursor.position.isascii():
            raise NotFound(self.invalid_cursor_message)
        if cursor is not None and cursor.position is not None and not cursor.position.isdecimal():
            raise NotFound(self.invalid_cursor_message)
        return cursor
