"""A local HTTP server that stands in for an API: every request and answer is held against its description."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from openapi import Call, Description, Request, Violation


@dataclass
class Fault:
    """What is answered to a request in the place of the truth, `times` times. `status` 0: nothing, until the test ends.

    With `is_carried_out` the request has its effect all the same.
    """

    method: str
    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    times: int = 1
    is_carried_out: bool = False


class StandIn(ThreadingHTTPServer):
    """`violations` are what the description does not allow; tests demand that there are none."""

    daemon_threads = True

    def __init__(self, description: Description) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.description = description
        self.requests: list[tuple[str, str]] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self.before: Callable[[Call], None] = lambda _: None
        self.lock = threading.RLock()
        self.leave = threading.Event()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fault(self, request: Request) -> Fault | None:
        """The fault that is due for a request."""
        for fault in self.faults:
            if fault.times and fault.method == request.method and re.search(fault.path, request.path):
                fault.times -= 1
                return fault
        return None

    def refusal(self, headers: dict[str, str]) -> tuple[int, Any] | None:
        """The answer to a request whose headers are not right."""
        raise NotImplementedError

    def carry_out(self, call: Call) -> tuple[int, Any]:
        """Answer a call: status and body."""
        raise NotImplementedError

    def deviate(self, call: Call, answer: Any) -> Any:
        """The answer as the real API is known to give it where its description is wrong."""
        return answer

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.leave.set()
            self.shutdown()
            thread.join()
            self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        request = Request(self.command, parts.path, parts.query, body)
        self.server.requests.append((self.command, self.path))
        fault = self.server.fault(request)
        if fault is None or fault.is_carried_out:
            status, answer = self._truth(request)
        if fault is not None:
            if fault.status == 0:
                self.server.leave.wait(20)
                self.close_connection = True
                return
            status, answer = fault.status, fault.body
        self._reply(status, answer, fault.headers if fault else {})

    def _truth(self, request: Request) -> tuple[int, Any]:
        refusal = self.server.refusal({name.lower(): value for name, value in self.headers.items()})
        if refusal:
            return refusal
        try:
            call = self.server.description.check_request(request)
            with self.server.lock:
                self.server.before(call)
                status, answer = self.server.carry_out(call)
            self.server.description.check_answer(call, status, answer)
            answer = self.server.deviate(call, answer)
        except (Violation, ValueError) as violation:
            self.server.violations.append(f"{request.method} {self.path}: {violation}")
            return 400, {"message": str(violation)}
        return status, answer

    def _reply(self, status: int, answer: Any, headers: dict[str, str]) -> None:
        body = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if body:
            self.send_header("Content-Type", "application/json; charset=utf-8")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - the base class names them so

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""
