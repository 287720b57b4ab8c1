"""What the rehearsal has made for a project, kept in `<project>/.ferryman/rehearsal/state.json`."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ferryman.errors import Refused


@dataclass(frozen=True)
class RegistryState:
    """A registry container: reached from this machine at 127.0.0.1:`port`, on its network as `alias`:5000."""

    container: str
    network: str
    alias: str
    port: int
    username: str = ""
    password: str = ""

    @property
    def address(self) -> str:
        """`host:port` as this machine's engine and the command line reach it."""
        return f"127.0.0.1:{self.port}"

    @property
    def inside(self) -> str:
        """`host:port` as the throw-away servers on the same network reach it."""
        return f"{self.alias}:5000"


@dataclass(frozen=True)
class MachineState:
    """A throw-away server: sshd at 127.0.0.1:`ssh_port`, its ports 80 and 8000 at `http_port` and `app_port`."""

    container: str
    network: str
    ssh_port: int
    http_port: int
    app_port: int
    host_key: str
    identity: Path


@dataclass(frozen=True)
class GroundState:
    """Everything that stands for one project."""

    name: str
    registry: RegistryState | None = None
    machine: MachineState | None = None


@dataclass(frozen=True)
class StateFile:
    """The state file of one project folder."""

    project: Path

    @property
    def folder(self) -> Path:
        """`<project>/.ferryman/rehearsal`; keys and the state lie here."""
        return self.project / ".ferryman" / "rehearsal"

    @property
    def path(self) -> Path:
        """The file itself."""
        return self.folder / "state.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """One rehearsal of a project at a time, held by the living process; Refused `rehearsal-running`."""
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder.parent / ".gitignore").write_text("*\n")
        with (self.folder.parent / "rehearsal.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(
                    "rehearsal-running",
                    f"another rehearsal of {self.project} runs on this machine",
                    state="nothing was changed by this call",
                    hint="wait for its end",
                ) from None
            yield

    def load(self) -> GroundState | None:
        """The state, or None where there is none or another version of Ferryman wrote it."""
        try:
            return _ground(json.loads(self.path.read_bytes()))
        except (FileNotFoundError, LookupError, TypeError, ValueError):
            return None

    def save(self, state: GroundState) -> None:
        """Write the state in one step, readable by its owner only; git is told to ignore the folder."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder.parent / ".gitignore").write_text("*\n")
        partial = self.path.with_suffix(".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(state), file, indent=2, default=str)
        partial.replace(self.path)


def _ground(data: dict[str, Any]) -> GroundState:
    """The state of what a file holds; TypeError for a key that is missing or not known."""
    registry, machine = data["registry"], data["machine"]
    return GroundState(
        data["name"],
        registry=RegistryState(**registry) if registry else None,
        machine=MachineState(**{**machine, "identity": Path(machine["identity"])}) if machine else None,
    )
