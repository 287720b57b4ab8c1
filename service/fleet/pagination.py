"""How lists are cut into pages."""

from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination, PageNumberPagination
from rest_framework.request import Request
from typing_extensions import override

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

    @override
    def decode_cursor(self, request: Request) -> Cursor | None:
        """Refuse a position that no answer has ever named, which would fail in the database."""
        cursor: Cursor | None = super().decode_cursor(request)
        position = str(cursor.position or "0") if cursor else "0"
        if not (position.isascii() and position.isdecimal()):
            raise NotFound(self.invalid_cursor_message)
        return cursor
