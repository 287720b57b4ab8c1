"""The health check: one HTTP request to a container's address, with the configured domain as Host."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

BODY_LIMIT_BYTES = 2000
PROBE_TIMEOUT_SECONDS = 5.0  # of what is about to serve
LOOK_TIMEOUT_SECONDS = 2.0  # of what serves already


@dataclass(frozen=True)
class Answer:
    """What a health check got; status None when nothing answered."""

    status: int | None
    body: str = ""

    @property
    def is_healthy(self) -> bool:
        """True for 2xx alone: a redirect says nothing about health."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_waiting(self) -> bool:
        """True while waiting makes sense: nothing listens yet, or it says itself that it is not ready."""
        return self.status in (None, 503)


def probe(address: str, port: int, path: str, host: str, timeout: float = 5.0) -> Answer:
    """GET `path`; never raises for what the network or the app does."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.connect()
        with _within(timeout, connection.sock) as is_cut:
            return _asked(connection, path, host, timeout, is_cut)
    except (OSError, http.client.HTTPException):
        return Answer(None)
    finally:
        connection.close()


@contextlib.contextmanager
def _within(seconds: float, connection: socket.socket) -> Iterator[threading.Event]:
    """Cut the connection at the limit: a socket's own timeout begins anew with each byte of a header that drips."""

    is_cut = threading.Event()

    def cut() -> None:
        is_cut.set()
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    limit = threading.Timer(seconds, cut)
    limit.daemon = True
    limit.start()
    try:
        yield is_cut
    finally:
        limit.cancel()


def _asked(
    connection: http.client.HTTPConnection, path: str, host: str, timeout: float, is_cut: threading.Event
) -> Answer:
    connection.request("GET", path, headers={"Host": host, "User-Agent": "ferryman-health", "Connection": "close"})
    response = connection.getresponse()
    if is_cut.is_set():  # http.client takes the end of the bytes for the end of the headers
        return Answer(None)
    return Answer(response.status, _body(response, time.monotonic() + timeout))


def _body(response: http.client.HTTPResponse, deadline: float) -> str:
    """The beginning of a body, as much as comes in time; a body that drips must not hold the deploy."""
    body = b""
    try:
        while len(body) < BODY_LIMIT_BYTES and time.monotonic() < deadline:
            chunk = response.read1(BODY_LIMIT_BYTES - len(body))
            if not chunk:
                break
            body += chunk
    except (OSError, http.client.HTTPException):
        pass  # the status is what counts
    return body.decode(errors="replace").replace("\0", "")
