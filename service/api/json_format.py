"""JSON as it comes in and goes out: strict about what PostgreSQL can't store, and fast."""

import json
from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.utils.encoders import JSONEncoder
from typing_extensions import override

from ground.problems import Problem

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


class JSONParser(BaseParser):
    """Reads a body as UTF-8 JSON, whatever charset it claims; half a surrogate or a NUL byte is refused."""

    media_type = "application/json"

    @override
    def parse(  # type: ignore[override]  # any JSON value, not a mapping alone
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> object:
        """Return the value. Raises ParseError, and Problem 413 for a body that is too large."""
        limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise Problem(413, f"A request has at most {limit} bytes")
        try:
            value: object = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not JSON: {error}") from None
        # In JSON a NUL can only stand as an escape; one look at the text spares a walk through the value.
        if b"\\u0000" in body and _has_nul(value):
            raise ParseError("The body must not contain NUL bytes")
        return value


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


class JSONRenderer(BaseRenderer):
    """Writes UTF-8 JSON."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "text"

    @override
    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the bytes; no bytes where there is nothing to say."""
        if data is None:
            return b""
        try:
            return orjson.dumps(data, JSONEncoder().default, OPTIONS)
        except TypeError:
            # Whole numbers beyond 64 bits: orjson refuses them, PostgreSQL keeps them, and makes some of large floats.
            return json.dumps(data, cls=JSONEncoder, ensure_ascii=False, separators=(",", ":")).encode()
