"""Cuts off a client that sends its body too slowly, before it and its like hold every thread of a worker.

The server hands a request to a thread as soon as its headers are there, and the thread then waits for the body with no
limit of its own. Here a body has BODY_SECONDS in all; and when bodies hold every thread of a worker, one thread is
freed of a body that takes longer than FAIR_SECONDS, the oldest first. To cut is to close the reading side of the
connection: the thread reads the end, and the client is answered 408.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

BODY_SECONDS = 20.0
FAIR_SECONDS = 2.0
LOOK_SECONDS = 0.25

Answer = Iterable[bytes]
Application = Callable[[dict[str, Any], Callable[..., Any]], Answer]


class CutOff(OSError):
    """The body ended before it was whole."""


class Body:
    """A request's body under way; `read` raises CutOff when less comes than was announced."""

    def __init__(self, stream: Any, length: int, shutdown: Callable[[int], object]) -> None:
        """Take the stream, the announced number of bytes and how to shut down the connection that they come over."""
        self.began = time.monotonic()
        self.left = length
        self._stream = stream
        self._shutdown = shutdown

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes."""
        wanted = self.left if size < 0 else min(size, self.left)
        return self._took(self._stream.read(wanted), wanted)

    def readline(self, size: int = -1) -> bytes:
        """Return up to the next line's end."""
        line: bytes = self._stream.readline(self.left if size < 0 else min(size, self.left))
        return self._took(line, 1 if self.left else 0)

    def _took(self, data: bytes, least: int) -> bytes:
        self.left -= len(data)
        if len(data) < least:
            raise CutOff("the body ended before it was whole")
        return data

    def cut(self) -> None:
        """End the body here."""
        try:
            self._shutdown(socket.SHUT_RD)
        except OSError:
            # The client has gone by itself.
            self.left = 0


def overdue(bodies: Iterable[Body], threads: int, now: float) -> list[Body]:
    """Pure: those to cut now."""
    waiting = sorted((body for body in bodies if body.left), key=lambda body: body.began)
    cut = [body for body in waiting if now - body.began > BODY_SECONDS]
    rest = waiting[len(cut) :]
    excess = max(len(rest) - (threads - 1), 0)
    return cut + [body for body in rest[:excess] if now - body.began > FAIR_SECONDS]


class SlowBodies:
    """A WSGI application whose bodies are watched; one thread looks, and only while a body is under way."""

    def __init__(self, application: Application, threads: int) -> None:
        """Wrap the application that runs with this many threads in each worker."""
        self._application = application
        self._threads = threads
        self._bodies: set[Body] = set()
        self._changed = threading.Condition()
        self._watch: threading.Thread | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Answer:
        """Answer a request; its body is watched until the application has answered."""
        connection = environ.get("gunicorn.socket")
        length = environ.get("CONTENT_LENGTH") or "0"
        if connection is None or not length.isdecimal() or length == "0":
            return self._application(environ, start_response)
        body = environ["wsgi.input"] = Body(environ["wsgi.input"], int(length), connection.shutdown)
        self._add(body)
        try:
            return self._application(environ, start_response)
        finally:
            with self._changed:
                self._bodies.discard(body)

    def _add(self, body: Body) -> None:
        with self._changed:
            self._bodies.add(body)
            # Started here and not before: a thread doesn't live through the fork of a worker.
            if self._watch is None:
                self._watch = threading.Thread(target=self._look, name="slow-bodies", daemon=True)
                self._watch.start()
            self._changed.notify()

    def _look(self) -> None:
        while True:
            with self._changed:
                while not self._bodies:
                    self._changed.wait()
                late = overdue(self._bodies, self._threads, time.monotonic())
                self._bodies.difference_update(late)
            for body in late:
                body.cut()
            time.sleep(LOOK_SECONDS)
