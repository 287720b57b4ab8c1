"""Where application servers are measured: PostgreSQL with a large fleet, one server under test, the edge before it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bench.stage import BenchFailed, Log
from ferryman.image.dockerfile import without_pins
from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.stand_ins import HAPROXY, POSTGRES, PYTHON, Images
from ferryman_agent.edge.configuration import FOLDER, UNAVAILABLE, UNUSED_ADDRESS, Route, render, render_map

PORT = 8000
READY_SECONDS = 60
GENERATE_SECONDS = 1800
PASSWORD = "bench"  # noqa: S105 # of a database that lives for one run
ENVIRONMENT = {
    "DATABASE_URL": f"postgres://postgres:{PASSWORD}@database/postgres",
    "SECRET_KEY": "a-key-of-the-bench-" * 4,
    "ALLOWED_HOSTS": "*",
    # No limit on requests: it would be measured instead of the server.
    **dict.fromkeys(("HARBOUR_RATE_ANONYMOUS", "HARBOUR_RATE_USER", "HARBOUR_RATE_TOKEN"), "0"),
}
LOCKED_DOWN = ["--read-only", "--tmpfs", "/tmp", "--memory", "1g", "--cap-drop", "ALL"]  # noqa: S108
TOKENS = """
from access.models import Scope, User
from access.tokens import create_server_token, create_token
from fleet.models import Server
staff = User.objects.create_user("bench@example.com", is_staff=True)
print(create_token(staff, [Scope.READ])[1])
for server in Server.objects.order_by("id")[:8]:
    print(create_server_token(server))
"""


@dataclass(frozen=True)
class Fleet:
    """How much is in the database."""

    deployments: int
    events: int


@dataclass(frozen=True)
class Contestant:
    """What serves: an image and its command; None is the image's own."""

    name: str
    image: str
    command: Sequence[str] | None = None


@dataclass(frozen=True)
class Serving:
    """A contestant that serves: its container, and the edge's address."""

    container: str
    edge: str


@dataclass
class Arena:
    """Containers of the bench's own on a network of their own; `service` is the folder that Harbour is built of."""

    service: Path
    fleet: Fleet
    log: Log
    docker: Docker = field(default_factory=Docker)
    name: str = f"ferryman-bench-{os.getpid()}"
    reader: str = ""
    reporters: list[str] = field(default_factory=list)

    @cached_property
    def harbour(self) -> str:
        """Harbour's image."""
        return self._build("harbour")

    def up(self) -> None:
        """Start PostgreSQL, fill it, make tokens."""
        images = Images(self.log, self.docker)
        for image in (PYTHON, POSTGRES, HAPROXY):
            images.ensure(image)
        self.docker.run(["network", "create", self.name])
        self.docker.run(
            [
                *["run", "--detach", "--name", f"{self.name}-database", "--network", self.name],
                *["--network-alias", "database", "--shm-size", "256m", "--env", f"POSTGRES_PASSWORD={PASSWORD}"],
                *[POSTGRES, "postgres", "-c", "max_wal_size=4GB", "-c", "max_connections=200"],
            ]
        )
        self._wait_for_postgres()
        self.log(f"generating {self.fleet.deployments} deployments and {self.fleet.events} events")
        self.manage("migrate", "--noinput")
        sizes = [f"--deployments={self.fleet.deployments}", f"--events={self.fleet.events}"]
        self.manage("generate_load_data", *sizes)
        lines = self.manage("shell", "--verbosity=0", "--command", TOKENS).split()
        self.reader, *self.reporters = lines

    def down(self) -> None:
        """Remove all of it."""
        for container in self.docker.run(["ps", "--all", "--quiet", "--filter", f"name=^{self.name}"]).split():
            self.docker.succeeds(["rm", "--force", "--volumes", container])
        self.docker.succeeds(["network", "rm", self.name])
        for image in self.docker.run(["images", "--format", "{{.Repository}}", f"{self.name}/*"]).split():
            self.docker.succeeds(["rmi", image])

    def manage(self, *words: str) -> str:
        """Run one of Harbour's commands; what it wrote."""
        command = ["run", "--rm", "--network", self.name, *_variables(ENVIRONMENT), self.harbour]
        return self.docker.run([*command, "python", "manage.py", *words], timeout=GENERATE_SECONDS)

    @contextmanager
    def serving(self, contestant: Contestant) -> Iterator[Serving]:
        """Start a contestant and an edge before it; both are removed at the end."""
        app, edge = f"{self.name}-app", f"{self.name}-edge"
        self.docker.run(
            [
                *["run", "--detach", "--name", app, "--network", self.name, *LOCKED_DOWN, *_variables(ENVIRONMENT)],
                *[contestant.image, *(contestant.command or ())],
            ]
        )
        try:
            address = self._address(app)
            self.docker.run(["create", "--name", edge, "--network", self.name, "--user", "0", HAPROXY])
            self._configure(edge, address)
            self.docker.run(["start", edge])
            serving = Serving(app, self._address(edge))
            self._wait(serving)
            yield serving
        finally:
            for container in (app, edge):
                self.docker.succeeds(["rm", "--force", "--volumes", container])

    def headers(self, token: str) -> dict[str, str]:
        """What a request is sent with."""
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Host": "bench.example.com"}

    def pss_mb(self, container: str) -> float:
        """Memory of all processes of a container, shared pages divided among them, in MB of 1,000,000 bytes."""
        total = 0
        for process in self.docker.run(["top", container, "-eo", "pid"]).split()[1:]:
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
            total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        return total * 1024 / 1e6

    def _build(self, name: str) -> str:
        tag = f"{self.name}/{name}"
        self.log(f"building {name}")
        images = Images(self.log, self.docker)
        images.ensure(PYTHON)
        with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as scratch:
            context = shutil.copytree(
                self.service, Path(scratch) / name, ignore=shutil.ignore_patterns("__pycache__", ".*_cache")
            )
            text, _ = without_pins((context / "Dockerfile").read_text(encoding="utf-8"), images.present_stand_ins())
            (context / "Dockerfile").write_text(text, encoding="utf-8")
            self.docker.build(context, tag, labels={})
        return tag

    def _configure(self, edge: str, address: str) -> None:
        routes = [Route(slot=1, domain=None, addresses={"a": f"{address}:{PORT}", "b": UNUSED_ADDRESS}, lane="a")]
        texts = {
            "haproxy.cfg": render(routes),
            "hosts.map": render_map(routes),
            "503.http": UNAVAILABLE,
            "closed.map": "",
            "run/.keep": "",
        }
        folder = FOLDER.removeprefix("/")
        self.docker.put(edge, {f"{folder}/{name}": (text.encode(), 0o644) for name, text in texts.items()})

    def _address(self, container: str) -> str:
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return self.docker.run(["inspect", "--format", template, container]).strip()

    def _wait_for_postgres(self) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            # Over TCP: the server that initialises the cluster listens on a socket alone.
            if self.docker.succeeds(["exec", f"{self.name}-database", "pg_isready", "--host=127.0.0.1"]):
                return
            time.sleep(0.5)
        raise BenchFailed("bench-no-database", "PostgreSQL does not answer")

    def _wait(self, serving: Serving) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            connection = http.client.HTTPConnection(serving.edge, PORT, timeout=5)
            try:
                connection.request("GET", "/api/v1/deployments/", headers=self.headers(self.reader))
                if connection.getresponse().status == http.client.OK:
                    return
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(0.1)
        raise BenchFailed("bench-not-serving", f"never answered: {self.docker.logs(serving.container, lines=20)}")


def deployment_report(sequence: int, deployment: str, events: int) -> bytes:
    """A report of `events` new events of one deployment after the other."""
    told = []
    for number in range(events):
        step, turn = divmod(number % 26, 2)
        told.append(
            {
                "sequence": sequence + number,
                "at": f"2026-11-23T08:00:{number % 60:02}Z",
                "kind": "deployment.step",
                "app": "load-0001",
                "environment": "production",
                "deployment": f"{deployment[:-6]}{number // 26:06x}",
                "data": (
                    {"step": f"step {step}", "state": "done", "seconds": 0.5}
                    if turn
                    else {"step": f"step {step}", "state": "started"}
                ),
            }
        )
    return json.dumps({"agent": "0.1.0", "events": told}).encode()


def _variables(environment: Mapping[str, str]) -> list[str]:
    return [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
