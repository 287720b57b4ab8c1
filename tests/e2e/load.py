"""Load from clients that never retry: each lost request, and each connection closed on it, is counted."""

from __future__ import annotations

import collections
import http.client
import select
import threading
import time
from types import TracebackType
from typing import Self

from ferryman.rehearsal.polling import wait_until

PAUSE_SECONDS = 0.02
SLOW_BODY_SECONDS = 1.5
SLOW_PIECES = 10
PIECE = b"x" * 1000


class Client:
    """One keep-alive connection to the edge; a failure is told, and a new connection made."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.connection = self._connect()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.load.port, timeout=15)

    def get(self) -> None:
        """GET."""
        self.request("GET", lambda: self.connection.request("GET", "/", headers=self.load.headers))

    def post(self) -> None:
        """POST with a body that is there at once."""
        self.request("POST", lambda: self.connection.request("POST", "/", body=PIECE, headers=self.load.headers))

    def slow_post(self) -> None:
        """POST with a body that takes its time."""
        self.request("slow POST", self._send_slowly)

    def _send_slowly(self) -> None:
        self.connection.putrequest("POST", "/", skip_host=bool(self.load.headers))
        for name, value in {**self.load.headers, "Content-Length": str(SLOW_PIECES * len(PIECE))}.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()
        for _ in range(SLOW_PIECES):
            self.connection.send(PIECE)
            threading.Event().wait(SLOW_BODY_SECONDS / SLOW_PIECES)

    def request(self, kind: str, send: object) -> None:
        """Send one, take its answer, and note what came of it."""
        if self._is_closed():
            self._failed(kind, "the connection was closed between two requests")
        try:
            if callable(send):
                send()
            response = self.connection.getresponse()
            response.read()
        except (http.client.HTTPException, OSError) as error:
            self._failed(kind, repr(error))
            return
        self.load.counts[kind] += 1
        self.load.statuses[response.status] += 1
        if response.status not in self.load.accepted:
            self._failed(kind, f"status {response.status}")
        elif response.will_close:
            self._failed(kind, "the answer ends the connection")
        else:
            self.load.marks.append((time.monotonic(), True))

    def _is_closed(self) -> bool:
        socket = self.connection.sock
        return socket is not None and bool(select.select([socket], [], [], 0)[0])

    def _failed(self, kind: str, why: str) -> None:
        self.load.marks.append((time.monotonic(), False))
        self.load.failures.append(f"{kind} {self.load.counts[kind]}: {why}")
        self.connection.close()
        self.connection = self._connect()


class Load:
    """Clients that run as long as the `with` block: two GET and one POST connection; `slow` adds slow bodies.

    An answer with a status that is not `accepted` counts as lost.
    """

    def __init__(
        self, port: int, host: str | None, *, slow: bool = False, accepted: frozenset[int] = frozenset({200})
    ) -> None:
        self.port = port
        self.accepted = accepted
        self.statuses: collections.Counter[int] = collections.Counter()
        self.headers = {"Host": host} if host else {}
        self.counts: collections.Counter[str] = collections.Counter()
        self.failures: list[str] = []
        self.marks: list[tuple[float, bool]] = []
        self._over = threading.Event()
        kinds = ["get", "get", "post", *(["post", "slow_post", "slow_post"] if slow else [])]
        self._threads = [threading.Thread(target=self._run, args=(kind,), daemon=True) for kind in kinds]

    def _run(self, kind: str) -> None:
        client = self.make_client()
        while not self._over.wait(PAUSE_SECONDS):
            getattr(client, kind)()
        client.connection.close()

    def make_client(self) -> Client:
        """What each thread asks with."""
        return Client(self)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        wait_until(lambda: self.counts["GET"] > 4, "the load has begun", seconds=20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    @property
    def total(self) -> int:
        """How many requests were answered."""
        return sum(self.counts.values())

    @property
    def outage_seconds(self) -> float:
        """How long nobody was answered: from the last good answer before a failure to the next one, summed up."""
        outage, last_good, is_out = 0.0, self.marks[0][0] if self.marks else 0.0, False
        for at, is_good in sorted(self.marks):
            if is_good:
                outage += at - last_good if is_out else 0.0
                last_good, is_out = at, False
            else:
                is_out = True
        return outage


class Upload:
    """A POST whose first half is with the app, until `finish` sends the rest."""

    def __init__(self, port: int, host: str | None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.connection.putrequest("POST", "/", skip_host=bool(host))
        if host:
            self.connection.putheader("Host", host)
        self.connection.putheader("Content-Length", str(2 * len(PIECE)))
        self.connection.endheaders()
        self.connection.send(PIECE)

    def finish(self) -> tuple[int, str]:
        """The answer's status and text."""
        self.connection.send(PIECE)
        response = self.connection.getresponse()
        text = response.read().decode()
        self.connection.close()
        return response.status, text
