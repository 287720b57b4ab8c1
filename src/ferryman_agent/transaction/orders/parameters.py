"""A request's parameters, read one by one; what does not fit is a BadRequest that names its key."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from ferryman_agent.errors import BadRequest
from ferryman_agent.manifest import NAME

LINE_CHARACTERS = 300  # with its page in HTML and in JSON a message must fit one command of the edge


def whole_number(params: dict[str, Any], key: str) -> int | None:
    """An optional whole number from 0 (below 2^53, as JSON's readers agree on)."""
    number = params.get(key)
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**53:
        raise BadRequest("bad-request", f"{key}: {number!r} is not a whole number from 0")
    return number


def truth(params: dict[str, Any], key: str, default: bool | None = False) -> bool:
    """True or false; `default` where it is left out, unless that is None."""
    found = params.get(key, default)
    if not isinstance(found, bool):
        raise BadRequest("bad-request", f"{key}: must be true or false")
    return found


def matching(params: dict[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    """Text that a pattern describes from end to end."""
    text = params.get(key)
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise BadRequest("bad-request", f"{key}: {text!r} does not match {pattern.pattern}")
    return text


def name(params: dict[str, Any], key: str, of: str) -> str:
    """The name of a role, an accessory …"""
    text = params.get(key)
    if not isinstance(text, str) or not NAME.fullmatch(text):
        raise BadRequest("bad-request", f"{key}: {text!r} is not {of} name")
    return text


def line(params: dict[str, Any], key: str) -> str:
    """Optional text without control characters, line ends, and what turns the direction of the text around it."""
    text = params.get(key)
    if text is None:
        return ""
    is_line = isinstance(text, str) and not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text)
    if not is_line or len(text) > LINE_CHARACTERS:
        raise BadRequest("bad-request", f"{key}: must be one line of at most {LINE_CHARACTERS} characters")
    return str(text)


def credentials(params: dict[str, Any]) -> dict[str, str] | None:
    """The optional login at the registry of the app's image."""
    found = params.get("credentials")
    if found is None:
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(k), str) for k in ("username", "password")):
        raise BadRequest("bad-request", "credentials: must hold username and password")
    return {"username": found["username"], "password": found["password"]}


def app_id(params: dict[str, Any]) -> str:
    """'<app>.<environment>' of a request's parameters."""
    return f"{matching(params, 'app', NAME)}.{matching(params, 'environment', NAME)}"
