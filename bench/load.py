"""Clients that keep their connections and never retry: what a deploy must not make them lose."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PAUSE_SECONDS = 0.01
SLOW_SECONDS = 1.5
SLOW_PIECES = 10
SLOW_BYTES = 4096
TIMEOUT_SECONDS = 30
SHOWN_FAULTS = 5
GET_CLIENTS = 2
POST_CLIENTS = 2

READ_PATH = "/api/v1/deployments/"
WRITE_PATH = "/api/v1/reports/"


@dataclass
class Tally:
    """What the clients got; a fault is anything but 200."""

    requests: int = 0
    slow: int = 0
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str, fault: str, *, is_slow: bool) -> None:
        """Count one request."""
        with self.lock:
            self.requests += 1
            self.slow += is_slow
            if fault:
                self.faults.append(f"{what}: {fault}")


@dataclass(frozen=True)
class Load:
    """Clients of Harbour at `url` that report with `token`."""

    url: str
    token: str

    @contextlib.contextmanager
    def running(self) -> Iterator[Tally]:
        """Clients run until the block ends; each finishes the request it is in."""
        tally, over = Tally(), threading.Event()
        work: list[Callable[[http.client.HTTPConnection], int]] = [
            *([_get] * GET_CLIENTS),
            *([self._post] * POST_CLIENTS),
            self._post_slowly,
        ]
        threads = [threading.Thread(target=self._client, args=(one, tally, over)) for one in work]
        for thread in threads:
            thread.start()
        try:
            yield tally
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _client(
        self, request: Callable[[http.client.HTTPConnection], int], tally: Tally, over: threading.Event
    ) -> None:
        address = urlsplit(self.url)
        what = request.__name__.strip("_")
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
        while not over.wait(PAUSE_SECONDS):
            fault = ""
            try:
                status = request(connection)
                fault = "" if status == http.client.OK else f"status {status}"
            except (OSError, http.client.HTTPException) as error:
                fault = repr(error)
                connection.close()
            tally.add(what, fault, is_slow=request == self._post_slowly)
        connection.close()

    def _post(self, connection: http.client.HTTPConnection) -> int:
        connection.request("POST", WRITE_PATH, body=report(), headers=self._headers)
        return _status(connection)

    def _post_slowly(self, connection: http.client.HTTPConnection) -> int:
        body = report().ljust(SLOW_BYTES)
        connection.putrequest("POST", WRITE_PATH)
        for name, value in {**self._headers, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders()
        size = len(body) // SLOW_PIECES + 1
        for start in range(0, len(body), size):
            time.sleep(SLOW_SECONDS / SLOW_PIECES)
            connection.send(body[start : start + size])
        return _status(connection)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}


def report() -> bytes:
    """A report of one event, the same each time: Harbour stores it once and answers 200 to all."""
    event = {
        "sequence": 1,
        "at": "2026-01-01T00:00:00Z",
        "kind": "bench.load",
        "app": "bench",
        "environment": "load",
        "deployment": str(uuid.UUID(int=1)),
        "data": {},
    }
    return json.dumps({"agent": "0.1.0", "events": [event]}).encode()


def _get(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", READ_PATH)
    return _status(connection)


def _status(connection: http.client.HTTPConnection) -> int:
    response = connection.getresponse()
    response.read()
    return response.status
