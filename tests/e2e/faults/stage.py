"""What a cell is carried out on: one app on a throw-away server, its images in the registry, and a way to be cut."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command import Call
from cut import Proxy
from shop import Settings, Shop

INSIDE = Path(__file__).with_name("inside.py")
PLACE = "/root/ferryman-faults.py"
IMAGES = 4  # more than are retained, so that each deploy has to pull
SETTLE_SECONDS = 90.0
DOMAIN = "faults.test"
THROUGH_PROXY = "proxy.toml"


@dataclass(frozen=True)
class Hit:
    """Where the agent was held: the step, whether the commit was behind it, the monotonic time of it."""

    step: str
    was_committed: bool
    at: float


@dataclass(frozen=True)
class Settled:
    """When nothing differed from the ledger any more, or what did; the newest deployment, and what serves."""

    at: float
    problems: list[str]
    deployment: dict[str, Any]
    serving: int


class Watcher:
    """The process in the server that holds the agent at a step."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.line()

    def line(self) -> dict[str, Any]:
        """The next line that it tells."""
        assert self._process.stdout
        text = self._process.stdout.readline()
        assert text, f"the watcher ended: {self._process.stderr.read() if self._process.stderr else ''}"
        return dict(json.loads(text))

    def hit(self) -> Hit:
        """Wait until it holds the agent."""
        found = self.line()
        assert not found.get("missed"), "the step never came"
        return Hit(found["hit"], found["committed"], found["at"])

    def go_on(self) -> None:
        """Let the agent go on, if it is still there."""
        if self._process.poll() is None and self._process.stdin:
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class Stage:
    """The app with its images; each deploy takes the next one."""

    def __init__(self, shop: Shop, proxy: Proxy) -> None:
        self.shop = shop
        self.proxy = proxy
        self.server = shop.prepared.server
        self.registry = shop.prepared.registry
        self._revisions: Iterator[str] = iter(())

    def set_up(self) -> None:
        """Build the images, and have the first one serve.

        Each step has something to do: images that do not say which migrations they know migrate each time, starting
        takes half a second, and a worker is watched after the commit.
        """

        def parts(settings: Settings) -> None:
            settings["database"] = {"version": 17, "migrate": ["migrate"], "migrate_timeout": "20s"}
            settings["app"] |= {"retain": 2}
            settings["app"]["roles"] |= {"worker": {"command": ["worker"], "stop_grace": "1s"}}

        self.shop.configure(parts)
        revisions = []
        for number in range(IMAGES):
            behaviour = {"migrations": None, "migrate_seconds": 0.5, "start_seconds": 0.5}
            revisions.append(self.shop.commit(word=f"word {number}", **behaviour))
            self.shop.ferryman("build").succeeded()
        self._revisions = itertools.cycle(revisions)
        self.server.run(["sh", "-c", f"cat > {PLACE}"], stdin=INSIDE.read_bytes())
        self.deploy().end().succeeded()

        def through(settings: Settings) -> None:
            settings["environments"]["production"]["port"] = self.proxy.port

        self.shop.configure(through, file=THROUGH_PROXY)

    def deploy(self, file: str = "ferryman.toml") -> Call:
        """Begin to deploy the next image."""
        return self.shop.start("deploy", "--revision", next(self._revisions), "--no-build", file=file)

    @contextmanager
    def watching(self, step: str, act: str) -> Iterator[Watcher]:
        """Have the agent held at this step of the next deployment."""
        docker = self.server.docker.command
        command = [*docker, "exec", "--interactive", self.server.state.container, "python3", PLACE, "watch"]
        process = subprocess.Popen(
            [*command, self.shop.id, step, act],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        watcher = Watcher(process)
        try:
            yield watcher
        finally:
            watcher.close()

    def settled(self) -> Settled:
        """Wait until no deployment runs and nothing differs from the ledger, at most so long."""
        command = ["python3", PLACE, "settle", self.shop.id, str(SETTLE_SECONDS)]
        found = json.loads(self.server.run(command, timeout=SETTLE_SECONDS + 60))
        return Settled(found["at"], found["problems"], found["deployment"], found["serving"])

    def tracebacks(self, since: float) -> int:
        """How many the agent has written since then (seconds of the epoch)."""
        command = [
            "journalctl",
            "--unit",
            "ferryman-agent",
            "--output",
            "cat",
            "--no-pager",
            "--since",
            f"@{since:.3f}",
        ]
        return self.server.run(command).count("Traceback (most recent call last)")
