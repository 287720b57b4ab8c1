"""Harbour served by a real gunicorn over the test database: what a test client can't show."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from django.db import connection

from tests.running import Running, environment, gunicorn


@dataclass
class Served:
    """A gunicorn as its clients see it on the wire."""

    running: Running

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.running.url.rpartition(":")[2])

    def connect(self, seconds: float = 30) -> socket.socket:
        """A connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)

    def post(self, body: bytes, token: str) -> tuple[int, bytes]:
        """Send a report; status and body of the answer."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        client.request("POST", "/api/v1/reports/", body, headers(token))
        answer = client.getresponse()
        told = answer.status, answer.read()
        client.close()
        return told

    def status(self, path: str) -> int:
        """The status of a GET."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        client.request("GET", path)
        status = client.getresponse().status
        client.close()
        return status

    def kill(self) -> None:
        """End all its processes at once, as a power cut would."""
        self.running.kill()


def headers(token: str) -> dict[str, str]:
    """What comes with a report."""
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Host": "testserver"}


def database_url() -> str:
    """Where the test database is."""
    told = connection.settings_dict
    password = f":{quote(told['PASSWORD'])}" if told["PASSWORD"] else ""
    if told["HOST"].startswith("/"):
        return f"postgres://{told['USER']}{password}@/{told['NAME']}?host={quote(told['HOST'])}"
    return f"postgres://{told['USER']}{password}@{told['HOST']}:{told['PORT'] or 5432}/{told['NAME']}"


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Serve the test database by one worker of four threads until the block ends."""
    variables = environment(database_url(), ALLOWED_HOSTS="*", WEB_CONCURRENCY="1", HARBOUR_THREADS="4")
    with gunicorn(folder, variables) as running:
        try:
            yield Served(running)
        finally:
            # Slow bodies are open: a graceful stop would wait for them.
            if running.process.poll() is None:
                running.kill()
