"""HTTP over the Docker Engine's Unix socket: plain requests, streamed bodies and hijacked connections."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ferryman_agent.engine.port import EngineError
from ferryman_agent.errors import Unavailable

FRAME_HEADER_BYTES = 8
STREAMS = {0: "stdin", 1: "stdout", 2: "stderr"}


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = connect(self._path, self.timeout)


def connect(path: str, timeout: float | None) -> socket.socket:
    """A connection to the engine's socket; Unavailable `engine-down` when nothing listens."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        connection.connect(path)
    except OSError as error:
        connection.close()
        raise Unavailable(
            "engine-down",
            f"the Docker Engine does not answer on {path}: {error.strerror or error}",
            state="nothing was changed",
            hint="on the server: systemctl status docker",
        ) from error
    return connection


def call(
    path: str, what: tuple[str, str], body: Any = None, *, headers: dict[str, str] | None = None, timeout: float = 60
) -> tuple[http.client.HTTPResponse, _UnixConnection]:
    """Send one request, `what` being (method, URL); the response's body is not read yet.

    Raises EngineError for a status of 400 or more.
    """
    method, url = what
    connection = _UnixConnection(path, timeout)
    sent = {"Content-Type": "application/json", **(headers or {})}
    try:
        connection.request(method, url, None if body is None else json.dumps(body), sent)
        response = connection.getresponse()
        if response.status >= 400:
            raise EngineError(response.status, _message(response.read()))
    except (http.client.HTTPException, OSError) as error:
        connection.close()
        raise Unavailable("engine-down", f"the Docker Engine broke off {method} {url}: {error!r}") from error
    except BaseException:
        connection.close()
        raise
    return response, connection


@contextmanager
def unbroken(what: str) -> Iterator[None]:
    """Unavailable `engine-down` when the engine breaks off while its answer is read."""
    try:
        yield
    except (http.client.HTTPException, OSError) as error:
        raise Unavailable("engine-down", f"the Docker Engine broke off {what}: {error!r}") from error


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")[:500]


def hijack(path: str, url: str, body: Any) -> socket.socket:
    """POST with an upgrade to a raw byte stream (an attached exec); returns the open socket."""
    payload = json.dumps(body).encode()
    head = (
        f"POST {url} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
        f"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    connection = connect(path, None)
    connection.sendall(head.encode() + payload)
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):  # byte by byte: what follows belongs to the stream
        byte = connection.recv(1)
        if not byte:
            break
        answer += byte
    status = int(answer.split(b" ", 2)[1]) if answer.count(b" ") >= 2 else 0
    if status not in (101, 200):
        connection.close()
        raise EngineError(status, f"the engine did not open the stream: {answer[:200]!r}")
    return connection


def frames(response: http.client.HTTPResponse) -> Iterator[tuple[str, bytes]]:
    """(stream, bytes) of a multiplexed log body, until it ends."""
    while True:
        header = response.read(FRAME_HEADER_BYTES)
        if len(header) < FRAME_HEADER_BYTES:
            return
        size = int.from_bytes(header[4:], "big")
        yield STREAMS.get(header[0], "stdout"), response.read(size)
