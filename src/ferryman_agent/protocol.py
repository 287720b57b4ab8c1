"""The protocol between client and agent: versioned JSON lines."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, TypeGuard

from ferryman_agent.errors import BadRequest

PROTOCOL = 1
SUPPORTED = (1,)
LINE_LIMIT_BYTES = 1 << 20  # parsed, a line may take thirty times its size of the 128 MB that the agent has
SOCKET = "/run/ferryman/agent.sock"
ROLES = ("pipeline", "operator")
ID_CHARACTERS = 200  # ids are kept, in the ledger and in memory
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def is_id(found: Any) -> TypeGuard[str]:
    """Whether it can be the id of a request or a deployment."""
    return isinstance(found, str) and 0 < len(found) <= ID_CHARACTERS and found.isprintable()


class Channel:
    """One connection: lines in, lines out. Writing from several threads is safe."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer
        self._lock = threading.Lock()

    def receive(self) -> dict[str, Any] | None:
        """The next object, None at the end. BadRequest for what is not one JSON object on one line."""
        line = self._reader.readline(LINE_LIMIT_BYTES + 1)
        if not line:
            return None
        if len(line) > LINE_LIMIT_BYTES:
            raise BadRequest("bad-request", f"a line is longer than {LINE_LIMIT_BYTES} bytes")
        try:
            found = json.loads(line)
            if _SURROGATE.search(line):
                json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text: nothing can store it
        except (ValueError, RecursionError) as error:
            raise BadRequest("bad-request", f"not a JSON line: {error}") from error
        if not isinstance(found, dict):
            raise BadRequest("bad-request", "a line must be a JSON object")
        return found

    def messages(self) -> Iterator[dict[str, Any]]:
        """What follows the request (the input of an exec), until the caller closes."""
        while (message := self.receive()) is not None:
            yield message

    def send(self, message: dict[str, Any]) -> None:
        """Write one line; OSError when the caller is gone."""
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            self._writer.write(line)
            self._writer.flush()

    def event(self, event: dict[str, Any]) -> None:
        """Write one event."""
        self.send({"event": event})
