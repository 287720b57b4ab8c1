"""The health check: one HTTP request to a container's address, as the edge would pass it on."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ferryman_agent.manifest import Manifest

BODY_LIMIT_BYTES = 2000
LOCATION_LIMIT = 300
UNPRINTABLE = re.compile(r"[^!-~]")
PROBE_TIMEOUT_SECONDS = 5.0  # of what is about to serve
LOOK_TIMEOUT_SECONDS = 2.0  # of what serves already


@dataclass(frozen=True)
class Question:
    """What a health check asks for, and how: `host` and `scheme` are those that users have in their address bar."""

    port: int
    path: str
    host: str
    scheme: str

    @classmethod
    def of(cls, manifest: Manifest) -> Question:
        """The health check of an app."""
        return cls(manifest.web.port, manifest.web.health, manifest.host_header, manifest.scheme)

    @property
    def headers(self) -> dict[str, str]:
        """What the request says besides its path."""
        forwarded = {"Host": self.host, "X-Forwarded-Proto": self.scheme}
        return {**forwarded, "User-Agent": "ferryman-health", "Connection": "close"}


@dataclass(frozen=True)
class Answer:
    """What a health check got; status None when nothing answered. `location`: where a redirect leads."""

    status: int | None
    body: str = ""
    location: str = ""

    @property
    def is_healthy(self) -> bool:
        """True for 2xx alone: a redirect says nothing about health."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_redirect(self) -> bool:
        """True for 3xx."""
        return self.status is not None and 300 <= self.status < 400

    @property
    def is_waiting(self) -> bool:
        """True while waiting makes sense: nothing listens yet, or it says itself that it is not ready."""
        return self.status in (None, 503)


def probe(address: str, question: Question, timeout: float) -> Answer:
    """Ask an address; never raises for what the network or the app does."""
    connection = http.client.HTTPConnection(address, question.port, timeout=timeout)
    try:
        connection.connect()
        with _within(timeout, connection.sock) as is_cut:
            return _asked(connection, question, timeout, is_cut)
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
    connection: http.client.HTTPConnection, question: Question, timeout: float, is_cut: threading.Event
) -> Answer:
    connection.request("GET", question.path, headers=question.headers)
    response = connection.getresponse()
    if is_cut.is_set():  # http.client takes the end of the bytes for the end of the headers
        return Answer(None)
    location = UNPRINTABLE.sub("", response.getheader("Location", ""))[:LOCATION_LIMIT]
    return Answer(response.status, _body(response, time.monotonic() + timeout), location)


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
