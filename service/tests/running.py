"""Runs Harbour as its image does: gunicorn with its workers as processes, beside a PostgreSQL that tests may stop."""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

SERVICE = Path(__file__).resolve().parent.parent
START_SECONDS = 30
# A line for each request of a test would bury what it has to say.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass
class Running:
    """A gunicorn that runs, and what it was started with."""

    process: subprocess.Popen[bytes]
    url: str
    environment: dict[str, str]
    log: Path
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask once, over a connection of its own."""
        return httpx.get(f"{self.url}{path}", timeout=30, **options)

    def kill(self) -> None:
        """End all its processes at once, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def workers(self) -> set[int]:
        """Process numbers of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(number) for number in children.split()}

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged; each line must be JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def wait_until_ready(self) -> float:
        """Return the seconds until it was ready."""
        began = time.monotonic()
        while time.monotonic() < began + START_SECONDS:
            assert self.process.poll() is None, self.log.read_text()
            with contextlib.suppress(httpx.TransportError):
                if self.get("/health/ready").status_code == 200:
                    return time.monotonic() - began
            time.sleep(0.05)
        raise AssertionError(f"not ready: {self.log.read_text()}")


def environment(database: str, **variables: str) -> dict[str, str]:
    """Return what a process of Harbour needs in its environment, and nothing of this process's Django."""
    return {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "a-key-of-the-tests-" + "0123456789abcdefghij" * 3,
        "DATABASE_URL": database,
        "ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "tests.web_settings",
        **variables,
    }


def manage(variables: dict[str, str], *arguments: str) -> str:
    """Run one command of manage.py and return what it printed. It must succeed."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=SERVICE, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def new_database(cluster: str, name: str) -> str:
    """Make a database in a cluster; returns its DATABASE_URL."""
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return cluster.replace("/postgres?", f"/{name}?")


@contextlib.contextmanager
def gunicorn(folder: Path, variables: dict[str, str]) -> Iterator[Running]:
    """Run gunicorn with Harbour's own configuration until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "gunicorn.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "gunicorn"],
            cwd=SERVICE,
            env={**variables, "PORT": str(port)},
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        running = Running(process, f"http://127.0.0.1:{port}", variables, log)
        running.wait_until_ready()
        yield running
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(40)
        process.kill()
        process.wait()
