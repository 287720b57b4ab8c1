"""Protocol 1 of the link: one JSON object per line, and the errors that it carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ferryman import __version__
from ferryman.errors import DeployFailed, FerrymanError, OutcomeUnknown, Refused, Unreachable, UsageError

PROTOCOL = 1
REQUEST_LIMIT_BYTES = 1024 * 1024
LINE_LIMIT_BYTES = 8 * 1024 * 1024
READING_REQUESTS = frozenset(
    {"hello", "plan", "status", "releases", "deployments", "follow", "logs", "env.list", "env.history", "outbox"}
)

_BY_EXIT_STATUS: dict[int, type[FerrymanError]] = {2: UsageError, 3: Refused, 4: Unreachable, 5: OutcomeUnknown}


class ProtocolError(ValueError):
    """What was received is not a line of the protocol."""


def request_message(kind: str, params: Mapping[str, Any], request_id: str) -> dict[str, Any]:
    """The one line that a request consists of."""
    return {
        "protocol": PROTOCOL,
        "client": __version__,
        "id": request_id,
        "request": kind,
        "params": dict(params),
    }


def encode_line(message: Mapping[str, Any]) -> bytes:
    """One message as one line; UsageError when the other side would refuse its length."""
    line = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    if len(line) > REQUEST_LIMIT_BYTES:
        raise UsageError(
            "request-too-large", f"the request is {len(line)} bytes long; at most {REQUEST_LIMIT_BYTES} can be sent"
        )
    return line


def decode_line(line: bytes) -> dict[str, Any]:
    """The message in one received line; ProtocolError says why it is none."""
    if len(line) > LINE_LIMIT_BYTES:
        raise ProtocolError(f"a line is longer than {LINE_LIMIT_BYTES} bytes")
    if not line.endswith(b"\n"):
        raise ProtocolError("a line was cut off")
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise ProtocolError(f"not a line of JSON: {line[:80]!r}") from None
    if not isinstance(message, dict):
        raise ProtocolError("a line holds no JSON object")
    for key in ("result", "error", "event"):
        if key in message and not isinstance(message[key], dict):
            raise ProtocolError(f'"{key}" holds no JSON object')
    return message


def failure(error: Mapping[str, Any]) -> FerrymanError:
    """The exception for an `{"error": …}`; an exit status that is not known counts as 1."""
    code = str(error.get("code") or "error-without-code")
    message = str(error.get("message") or "the agent gave no reason")
    state, hint = str(error.get("state") or ""), str(error.get("hint") or "")
    exit_status = error.get("exit")
    kind = _BY_EXIT_STATUS.get(exit_status) if isinstance(exit_status, int) else None
    if kind is not None:
        return kind(code, message, state=state, hint=hint)
    details = error.get("details")
    return DeployFailed(code, message, state=state, hint=hint, details=details if isinstance(details, dict) else {})
