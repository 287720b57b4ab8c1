"""One container of the image, fenced in as the agent does it: started, asked, stopped under load."""

from __future__ import annotations

import json
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from ferryman.config import Configuration
from ferryman.config.models import App, Database
from ferryman.docker_command import docker_command
from ferryman.trial.given import agent_variables, release_variables, url_variables
from ferryman.trial.outcomes import CheckFailed
from ferryman.trial.postgresql import HERE
from ferryman.trial.tools import output

PAUSE_SECONDS = 0.1
CLIENTS = 4
LOAD_SECONDS = 1.0
TAKEN_SECONDS = 0.7
JOIN_SECONDS = 90.0
LOG_LINES = "15"
HOSTS = ("localhost", "127.0.0.1", "[::1]")
TMPFS = "{path}:rw,noexec,nosuid,nodev,size={size},mode=1777"
TMPFS_BYTES = 64 << 20  # of a folder in memory whose size nobody says


@dataclass
class Load:
    """Clients that ask again and again, each over a new connection."""

    url: str
    is_over: threading.Event = field(default_factory=threading.Event)
    answered: int = 0
    failures: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Ask until it is over."""
        while not self.is_over.is_set():
            self.ask()

    def ask(self) -> None:
        """Ask once; an answer counts whatever its status."""
        try:
            httpx.get(self.url, timeout=60).read()
            self.answered += 1
        except httpx.HTTPError as error:
            self.failures.append(str(error) or type(error).__name__)
            self.is_over.wait(PAUSE_SECONDS)


@dataclass
class Trial:
    """The web role of an image on a network; `database` is PostgreSQL's container, "" for an app without one."""

    configuration: Configuration
    image: str
    network: str
    database: str
    database_url: str
    name: str = field(default_factory=lambda: f"ferryman-test-{secrets.token_hex(4)}")
    address: str = ""

    def migrate(self, database: Database) -> None:
        """Run the migrate command in a container of the image."""
        self._docker("run", "--rm", *self._fences(), self.image, *database.migrate)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start it; remove it at the end, with its volumes."""
        web = self.configuration.app.roles.web
        options = ["--detach", "--name", self.name, "--publish", f"127.0.0.1::{web.port}"]
        self._docker("run", *options, *self._fences(), self.image, *web.command)
        try:
            yield
        finally:
            words = [*docker_command(), "rm", "--force", "--volumes", self.name]
            subprocess.run(words, capture_output=True, check=False)

    def uid(self) -> int:
        """The user that its first process has; CheckFailed when it is root."""
        user = self._docker("inspect", "--format", "{{.Config.User}}", self.name).strip()
        process = self._docker("inspect", "--format", "{{.State.Pid}}", self.name).strip()
        shown = self._docker("top", self.name, "-o", "pid,uid") if process != "0" else ""
        found = {row.split()[0]: row.split()[1] for row in shown.splitlines()[1:]}
        uid = found.get(process, user.partition(":")[0])
        if uid in ("", "0", "root"):
            raise CheckFailed("it runs as root; the Dockerfile needs a USER")
        if not uid.isdigit():
            raise CheckFailed(f"it ended before its user could be seen (USER {user}): {self._logs()}")
        return int(uid)

    def wait_until_healthy(self) -> str:
        """Ask the health path until it answers 2xx, at most health_timeout."""
        web = self.configuration.app.roles.web
        began = time.monotonic()
        told = "no answer"
        while time.monotonic() - began < web.health_timeout:
            state = json.loads(self._docker("inspect", "--format", "{{json .State}}", self.name))
            if not state["Running"]:
                raise CheckFailed(f"it ended with exit code {state['ExitCode']}: {self._logs()}")
            try:
                response = httpx.get(self._url(), timeout=5)
            except httpx.HTTPError as error:
                told = str(error) or type(error).__name__
            else:
                if response.is_success:
                    return f"{web.health} answers {response.status_code} after {time.monotonic() - began:.1f} s"
                told = f"status {response.status_code}"
            time.sleep(PAUSE_SECONDS)
        raise CheckFailed(f"{web.health}: {told} within {web.health_timeout:.0f} s: {self._logs()}")

    def stop_under_load(self) -> str:
        """Ask for a second with several clients; then send SIGTERM while one request is being worked on.

        The database stands still meanwhile, so that the request is open. No other is: the edge sends none any more
        when it stops a container.
        """
        load, last = Load(self._url()), Load(self._url())
        clients = [threading.Thread(target=load.run, daemon=True) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        load.is_over.wait(LOAD_SECONDS)
        load.is_over.set()
        for client in clients:
            client.join(JOIN_SECONDS)
        if load.failures:
            raise CheckFailed(f"{len(load.failures)} of {load.answered} requests under load failed: {load.failures[0]}")
        client = threading.Thread(target=last.ask, daemon=True)
        with self._still_database():
            client.start()
            client.join(TAKEN_SECONDS)
            was_open = client.is_alive()
            signalled = time.monotonic()
            self._docker("kill", "--signal", "TERM", self.name)
            client.join(PAUSE_SECONDS)
        client.join(JOIN_SECONDS)
        if last.failures:
            raise CheckFailed(f"the request that was open at SIGTERM got no answer: {last.failures[0]}")
        code, seconds = self._wait_for_end(signalled)
        told = "the one that was open too" if was_open else "none was open at SIGTERM: the path asks no database"
        return f"{load.answered} requests answered, {told}; ended after {seconds:.1f} s with exit code {code}"

    @contextmanager
    def _still_database(self) -> Iterator[None]:
        if not self.database:
            yield
            return
        self._docker("pause", self.database)
        try:
            yield
        finally:
            self._docker("unpause", self.database)

    def _wait_for_end(self, signalled: float) -> tuple[int, float]:
        grace = self.configuration.app.roles.web.stop_grace
        while True:
            state = json.loads(self._docker("inspect", "--format", "{{json .State}}", self.name))
            seconds = time.monotonic() - signalled
            if not state["Running"]:
                return int(state["ExitCode"]), seconds
            if seconds > grace:
                raise CheckFailed(f"it did not end within its stop_grace of {grace:.0f} s after SIGTERM")
            time.sleep(PAUSE_SECONDS)

    def _url(self) -> str:
        if not self.address:
            port = f"{self.configuration.app.roles.web.port}/tcp"
            self.address = self._docker("port", self.name, port).split()[0]
        return f"http://{self.address}{self.configuration.app.roles.web.health}"

    def _fences(self) -> list[str]:
        app = self.configuration.app
        words = ["--network", self.network, "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        words += ["--memory", str(app.resources.memory), "--pids-limit", str(app.resources.pids)]
        words += ["--read-only"] if app.read_only else []
        for path, size in _tmpfs_sizes(app).items():
            words += ["--tmpfs", TMPFS.format(path=path, size=size)]
        words += [word for path in app.volumes.values() for word in ("--volume", path)]
        return words + [word for name, value in self._variables().items() for word in ("--env", f"{name}={value}")]

    def _variables(self) -> dict[str, str]:
        app, database = self.configuration.app, self.configuration.database
        own = agent_variables(app, HOSTS) | release_variables(app)
        if self.database_url:
            own |= url_variables(database.variables if database else {}, self.database_url)
        return dict.fromkeys(app.env.required, "unset") | own | app.env.values | self.configuration.rehearsal.env

    def _logs(self) -> str:
        words = [*docker_command(), "logs", "--tail", LOG_LINES, self.name]
        shown = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout
        return shown.decode(errors="replace").strip()

    def _docker(self, *words: str) -> str:
        return output([*docker_command(), *words], folder=HERE)


def _tmpfs_sizes(app: App) -> dict[str, int]:
    """Path → bytes."""
    return dict(app.tmpfs) if isinstance(app.tmpfs, dict) else dict.fromkeys(app.tmpfs, TMPFS_BYTES)
