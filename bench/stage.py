"""What is measured on: a clone of this repository, shipped by a rehearsal of its own to a throw-away server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import Any

from ferryman.destination import REHEARSAL, Destination
from ferryman.environments import find_destination
from ferryman.errors import FerrymanError
from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.ground import Ground, ground_name
from ferryman.rehearsal.machine import Machine
from ferryman.rehearsal.state import GroundState, MachineState, StateFile
from ferryman.shipping.images import ShippedImage, ship_image
from ferryman.shipping.options import DeployOptions
from ferryman.shipping.request import deploy_parameters
from ferryman.watching.spectator import ask_transaction

REPOSITORY = Path(__file__).resolve().parents[1]
COMMAND_SECONDS = 900
PAGE = Path("service/pages/templates/layout.html")
Log = Callable[[str], None]


class BenchFailed(FerrymanError):
    """Something could not be measured."""


@dataclass(frozen=True)
class Transaction:
    """One deploy or rollback as its caller saw it; seconds count from the sending of the request.

    `steps` holds the server's own seconds of each step; `release` is the number of the release that serves now.
    """

    to_commit: float
    total: float
    steps: Mapping[str, float]
    release: int


@dataclass
class Stage:
    """A clone of this repository in `folder`, where commits can be made, and its rehearsal."""

    folder: Path
    log: Log
    words: int = 0
    run: str = field(default_factory=lambda: token_hex(4))  # a word of an earlier run is in the engine's build cache
    made: list[str] = field(default_factory=list)

    @property
    def project(self) -> Path:
        """The clone."""
        return self.folder / "checkout"

    @cached_property
    def docker(self) -> Docker:
        """The docker command of this machine."""
        return Docker()

    def clone(self, revision: str) -> None:
        """Clone this repository at a revision; what is not committed is not measured."""
        self._run(["git", "clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(self.project)])
        self._run(["git", "-C", str(self.project), "checkout", "--quiet", "--detach", revision])
        self.commit_word()

    def commit_word(self) -> str:
        """Commit a change of one word on Harbour's page; the new revision."""
        page, self.words = self.project / PAGE, self.words + 1
        text = page.read_text(encoding="utf-8")
        before = f"<!-- word {self.run}.{self.words - 1} -->"
        after = f"<!-- word {self.run}.{self.words} -->\n</body>"
        page.write_text(text.replace(f"{before}\n", "").replace("</body>", after), encoding="utf-8")
        return self.commit(self.project, f"Word {self.words}")

    def commit(self, repository: Path, subject: str) -> str:
        """Commit all that is in a repository of the stage; the new revision."""
        git = ["git", "-C", str(repository)]
        author = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false"]
        self._run([*git, "add", "--all"])
        self._run([*git, *author, "commit", "--quiet", "--message", subject])
        self.made.append(self._run([*git, "rev-parse", "HEAD"]).strip())
        return self.made[-1]

    def ferryman(self, *words: str) -> str:
        """Run the clone's own command in the clone, and return what it wrote on standard output."""
        return self._run([str(Path(sys.executable).parent / "ferryman"), *words], folder=self.project)

    @property
    def state(self) -> GroundState:
        """The rehearsal's state, once there is one."""
        state = StateFile(self.project).load()
        if state is None:
            raise BenchFailed("bench-no-ground", "the rehearsal left no state")
        return state

    @property
    def server(self) -> MachineState:
        """The throw-away server."""
        if self.state.machine is None:
            raise BenchFailed("bench-no-ground", "the rehearsal made no server")
        return self.state.machine

    @cached_property
    def machine(self) -> Machine:
        """The throw-away server, to look into."""
        return Machine(self.server, self.docker)

    @cached_property
    def destination(self) -> Destination:
        """Where commits are shipped to."""
        return find_destination(self.project / "ferryman.toml", REHEARSAL, os.environ)

    @property
    def url(self) -> str:
        """Where Harbour answers."""
        return f"http://127.0.0.1:{self.server.app_port}"

    def ship_word(self) -> ShippedImage:
        """Commit a word, build the image and push it."""
        self.commit_word()
        return ship_image(self.destination, DeployOptions(), os.environ, _ignore)

    def deploy(self, image: ShippedImage) -> Transaction:
        """Ask the agent to deploy an image that is in the registry."""
        parameters = deploy_parameters(self.destination, image, DeployOptions(), os.environ)
        return transact(self.destination, "deploy", parameters)

    def rollback(self, number: int | None = None) -> Transaction:
        """Ask the agent to go back: to the previous release, or to `number`."""
        return transact(self.destination, "rollback", {**self.destination.app, "to": number, "credentials": None})

    def reference(self, image: ShippedImage) -> str:
        """The image's name by digest, as the server's engine knows it."""
        return f"{self.destination.configuration.app.image}@{image.digest}"

    def inspected(self, role: str = "web") -> dict[str, Any]:
        """What the server's engine knows of the container of a role that serves now."""
        app = f"{self.destination.manifest['app']}.{self.destination.name}"
        labels = ["--filter", f"label=ferryman.app={app}", "--filter", f"label=ferryman.role={role}"]
        found = self.machine.run(["docker", "ps", "--quiet", *labels]).split()
        inspected: dict[str, Any] = json.loads(self.machine.run(["docker", "inspect", found[0]]))[0]
        return inspected

    def remove(self) -> None:
        """Remove the server, the registry, and the images that were built of the clone's commits."""
        if not self.project.exists():
            return
        Ground(self.project, ground_name(self.project, "harbour"), self.log).down()
        names = self.docker.run(["images", "--format", "{{.Repository}}:{{.Tag}}"]).split()
        for name in names:
            if name.rpartition(":")[2] in self.made:
                self.docker.succeeds(["rmi", name])

    def _run(self, command: list[str], *, folder: Path | None = None) -> str:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
        if done.returncode != 0:
            shown = " ".join(Path(word).name if n == 0 else word for n, word in enumerate(command[:4]))
            raise BenchFailed("bench-command-failed", f"`{shown}` failed:\n{done.stdout}{done.stderr}")
        return done.stdout


def transact(destination: Destination, kind: str, parameters: Mapping[str, Any]) -> Transaction:
    """Carry out one transaction over a connection of its own, and time it as its caller sees it."""
    steps: dict[str, float] = {}
    commits: list[float] = []

    def hear(event: dict[str, Any]) -> None:
        if event["kind"] == "step" and event["state"] in ("done", "skipped"):
            steps[event["step"]] = event["seconds"]
            if event["step"] == "commit":
                commits.append(time.monotonic() - began)

    began = time.monotonic()
    result = ask_transaction(destination, kind, parameters, hear)
    total = time.monotonic() - began
    if not commits or result["outcome"] != "succeeded":
        raise BenchFailed("bench-not-committed", f"a {kind} ended as {result['outcome']}")
    return Transaction(commits[0], total, steps, int(result["release"]["number"]))


def _ignore(_: dict[str, Any]) -> None:
    """Drop an event of the build."""
