"""What the rehearsal has made for a project, kept in `<project>/.ferryman/rehearsal/state.json`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ferryman.errors import Refused


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RegistryState(_Record):
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


class MachineState(_Record):
    """A throw-away server: sshd at 127.0.0.1:`ssh_port`, its ports 80 and 8000 at `http_port` and `app_port`."""

    container: str
    network: str
    ssh_port: int
    http_port: int
    app_port: int
    host_key: str
    identity: Path


class GroundState(_Record):
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
            return GroundState.model_validate_json(self.path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def save(self, state: GroundState) -> None:
        """Write the state in one step, readable by its owner only; git is told to ignore the folder."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder.parent / ".gitignore").write_text("*\n")
        partial = self.path.with_suffix(".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(state.model_dump_json(indent=2))
        partial.replace(self.path)
