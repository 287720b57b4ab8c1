"""The port to whatever runs containers: what the agent asks of it, and what it answers, in the agent's own words.

The Docker Engine is behind it today (`engine/docker/`). Docker Swarm fits behind it too: docs/design.md says how.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from ferryman_agent.errors import AgentError


class EngineError(AgentError):
    """The engine refused. `status` is its HTTP status, 0 where a stream reported the fault; `reason` its own words."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__("engine-error", f"the Docker Engine refused: {reason}")
        self.status = status
        self.reason = reason

    @property
    def is_missing(self) -> bool:
        """True when it knows no such thing."""
        return self.status == 404


class Keep(Enum):
    """What the engine itself does with a workload that ended, or after its own restart.

    It is for the engine, and for the doctor of a lost ledger. What was committed is told by the ledger.
    """

    NO = "no"  # a candidate: it stays down, so that its exit is seen
    UP = "unless-stopped"
    RETURNING = "always"  # the engine starts it after a reboot although it was stopped


class State(str, Enum):  # noqa: UP042 - StrEnum is of Python 3.11
    """What a workload does; as the engine calls it."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"

    def __str__(self) -> str:
        return self.value


UP = frozenset({State.RUNNING, State.RESTARTING, State.PAUSED})


@dataclass(frozen=True)
class Endpoint:
    """Where a workload is reached: its network, its address there (None: the engine chooses), its name there.

    The alias '' is none beside the workload's own name.
    """

    network: str
    address: str | None
    alias: str


@dataclass(frozen=True)
class HealthCommand:
    """A command inside the workload by which the engine learns its health. Seconds."""

    command: tuple[str, ...]
    interval: int
    first: int
    retries: int = 3


@dataclass(frozen=True)
class Limits:
    """What a workload may use at most; None is no limit. Bytes, CPUs, processes."""

    memory: int | None = None
    cpus: float | None = None
    pids: int | None = None
    shared_memory: int | None = None
    open_files: int | None = None


@dataclass(frozen=True)
class Workload:
    """What to run. `endpoint` None is the host's own network; `published` is port of the host → port of the workload.

    `volumes` and `folders` (of the host) are name → path inside, `tmpfs` is path → bytes. Privileges are dropped but
    for `capabilities`.
    """

    image: str
    labels: Mapping[str, str]
    endpoint: Endpoint | None
    environment: tuple[str, ...] = field(default=(), repr=False)
    command: tuple[str, ...] = ()
    user: str = ""
    limits: Limits = Limits()
    capabilities: tuple[str, ...] = ()
    is_read_only: bool = False
    tmpfs: Mapping[str, int] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)
    published: Mapping[int, int] = field(default_factory=dict)
    health: HealthCommand | None = None
    stop_grace: float = 10.0
    keep: Keep = Keep.NO


@dataclass(frozen=True)
class Observed:
    """What is there, as a look at all of them shows it. `addresses`: network → address on it, '' when it has none."""

    id: str
    name: str
    labels: Mapping[str, str]
    state: State
    addresses: Mapping[str, str] = field(default_factory=dict)
    published: frozenset[int] = frozenset()

    @property
    def is_running(self) -> bool:
        """True while its process runs, be it paused."""
        return self.state in (State.RUNNING, State.PAUSED)

    @property
    def is_up(self) -> bool:
        """True unless it has ended for good."""
        return self.state in UP

    @property
    def app(self) -> str:
        """The app that it belongs to, '' for the edge."""
        return self.labels.get("ferryman.app", "")

    @property
    def role(self) -> str:
        """Its role in the app: web, worker, postgres, the name of an accessory …"""
        return self.labels.get("ferryman.role", "")

    @property
    def release(self) -> int | None:
        """The release that it runs, None for what belongs to none."""
        number = self.labels.get("ferryman.release", "")
        return int(number) if re.fullmatch(r"[0-9]+", number) else None

    @property
    def is_accessory(self) -> bool:
        """True for an accessory."""
        return "ferryman.accessory" in self.labels

    @property
    def is_scheduled(self) -> bool:
        """True for the run of a schedule."""
        return "ferryman.schedule" in self.labels


@dataclass(frozen=True)
class Inspected(Observed):
    """What a look at one of them shows beside. Times as the engine writes them, '' before; `health` None without.

    `pid` is its first process on this server, 0 where there is none.
    """

    image: str = ""
    user: str = ""
    exit_code: int = 0
    is_out_of_memory: bool = False
    restarts: int = 0
    health: str | None = None
    stop_grace: float | None = None
    keep: Keep = Keep.NO
    started_at: str = ""
    finished_at: str = ""
    pid: int = 0


@dataclass(frozen=True)
class Image:
    """An image on this server. `digests` and `tags` are full references."""

    id: str
    size: int
    architecture: str = ""
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    digests: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageUsage:
    """What all images take, in bytes: the layers in all, and image id → (its size, what of it others share).

    What others share is -1 where that is not known.
    """

    layers: int
    images: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Subnet:
    """A network's addresses, and those of them that the engine may choose from."""

    addresses: str
    chosen_from: str


@dataclass(frozen=True)
class Facts:
    """The engine: its version, the architecture of its server, the folder of its files."""

    version: str
    architecture: str
    folder: Path


@dataclass(frozen=True)
class Happened:
    """Something that happened to an object; `name` '' and `kind` '': from here on nothing is missed."""

    kind: str = ""
    action: str = ""
    name: str = ""


class Engine(Protocol):
    """Whatever runs workloads. Missing things are None or ignored; other faults raise EngineError or Unavailable."""

    # -- itself
    def facts(self) -> Facts:
        """What it says of itself."""

    def happenings(self) -> Iterator[Happened]:
        """What ends, pauses or loses its network from now on, for ever; Unavailable when the engine breaks off."""

    # -- images
    def image(self, reference: str) -> Image | None:
        """An image by reference or digest."""

    def images(self, repository: str) -> list[Image]:
        """The local images of a repository."""

    def image_usage(self) -> ImageUsage | None:
        """What all images take; None when it is not known now."""

    def pull(self, reference: str, auth: dict[str, str] | None, is_cancelled: Callable[[], bool]) -> None:
        """Pull by tag or digest; a cancel ends it, and nothing is raised. EngineError when it can't be had."""

    def login(self, auth: dict[str, str]) -> str:
        """Why the registry does not take these credentials, '' when it does."""

    def remove_image(self, reference: str) -> bool:
        """Remove by digest; False when it is gone already or a workload uses it."""

    # -- networks and volumes
    def ensure_network(self, name: str, subnet: Subnet, labels: Mapping[str, str]) -> None:
        """Have the network with a subnet of its own; one with another subnet is replaced."""

    def subnet(self, network: str) -> Subnet | None:
        """The subnet of a network, None when there is no such network or it has none."""

    def connect(self, endpoint: Endpoint, workload: str) -> None:
        """Put a workload, running or not, on a network once more, at this endpoint."""

    def remove_network(self, name: str) -> None:
        """Remove it, whatever is still connected to it."""

    def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Create the named volume unless it exists; one that exists keeps its labels."""

    def volume_folder(self, name: str) -> Path:
        """Where a volume's files lie on this server."""

    def volumes(self, labels: Mapping[str, str], prefix: str = "") -> list[str]:
        """The names of all volumes that carry these labels, and of those whose name has the prefix, if one is given."""

    def remove_volume(self, name: str) -> None:
        """Remove it with its data."""

    # -- workloads
    def create(self, name: str, workload: Workload) -> str:
        """Have a workload there, not running; returns its id."""

    def start(self, workload: str) -> None:
        """Start it; running already is fine."""

    def resume(self, workload: str) -> None:
        """Let a paused one go on; going on already is fine."""

    def stop(self, workload: str, grace: float) -> None:
        """SIGTERM (or the image's stop signal), SIGKILL after `grace` seconds; gone already, or going, is fine."""

    def remove(self, workload: str) -> None:
        """Remove it by force, with its anonymous volumes. When it returns, the name is free."""

    def keep(self, workload: str, keep: Keep) -> None:
        """Set what the engine itself does with it from now on."""

    def workload(self, name: str) -> Inspected | None:
        """What is there under a name or id, looked at closely."""

    def workloads(self, labels: Mapping[str, str]) -> list[Observed]:
        """All that carry these labels, running or not; a label with value '' has any value."""

    def memory_of(self, workload: str) -> int | None:
        """Bytes that it uses, without what the kernel can drop; None when that is not known."""

    def wait(self, workload: str, limit: float) -> int | None:
        """Wait until it exits; its exit code, or None when it still runs after `limit` seconds."""

    def archive(self, workload: str, path: str) -> bytes:
        """A file of a workload, running or not, as a tar archive."""

    def logs(self, workload: str, *, tail: int | None = None) -> Iterator[tuple[str, bytes]]:
        """(stream, bytes) of the log."""

    def follow_logs(self, workload: str, tail: int | None) -> tuple[Callable[[], None], Iterator[tuple[str, bytes]]]:
        """(stop, the log as it comes): it ends with the workload, or when another thread calls `stop`."""

    # -- commands inside
    def run(self, workload: str, command: list[str], user: str = "", stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        """Run a command inside a running workload; (exit code, standard output, standard error), all in memory."""

    def stream(
        self, workload: str, command: list[str], user: str = "", stdin: Iterable[bytes] | None = None
    ) -> Iterator[bytes]:
        """The standard output of a command inside, as it comes, while `stdin` is fed to it; no limit in memory.

        AgentError `command-failed`, with its exit code and the end of its standard error, after the last byte.
        """

    def exec_create(self, workload: str, command: list[str], *, tty: bool, stdin: bool, user: str = "") -> str:
        """Prepare a command inside a running workload; returns its id."""

    def exec_attach(self, identifier: str, *, tty: bool) -> socket.socket:
        """Start it; returns the two-way stream (multiplexed frames unless `tty`)."""

    def exec_resize(self, identifier: str, rows: int, columns: int) -> None:
        """Tell the terminal its size."""

    def exec_result(self, identifier: str) -> int:
        """The exit code of a command whose stream has ended."""
