"""A Docker Engine's socket that answers as it is told, and lets a program be an attached command."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
Program = Callable[[socket.socket], int]


class EngineStandIn:
    """`answers`: "GET /path" → what is answered, (status, JSON); anything else is 404. `heard`: (request, body).

    A `program` is the command of exec `e`: it gets its end of the connection and returns its exit code.
    """

    def __init__(self, path: Path, program: Program | None = None) -> None:
        self.answers: dict[str, tuple[int, Any]] = {"GET /version": (200, {"ApiVersion": "1.45"})}
        self.heard: list[tuple[str, Any]] = []
        self._program = program
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def asked(self, request: str) -> list[Any]:
        """The bodies that came with a request."""
        return [body for heard, body in self.heard if heard == request]

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):  # the other side may leave
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        reader = connection.makefile("rb", buffering=0)
        method, url, _ = reader.readline().split(b" ")
        length = 0
        while (line := reader.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name == b"Content-Length" else length
        body = json.loads(connection.recv(length, socket.MSG_WAITALL)) if length else None
        request = f"{method.decode()} {unquote(url.decode()).removeprefix('/v1.45')}"
        self.heard.append((request, body))
        if self._program and request.endswith("/start"):
            connection.sendall(UPGRADED)
            self.answers["GET /exec/e/json"] = (200, {"ExitCode": self._program(connection)})
            return
        status, answer = self.answers.get(request, (404, {"message": "no such thing"}))
        content = json.dumps(answer).encode()
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(content)) + content)

    def close(self) -> None:
        """End it; who is connected has ended."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(20)
