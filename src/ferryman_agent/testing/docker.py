"""An engine in memory, with the semantics that the agent relies on, and images that behave as told."""

from __future__ import annotations

import itertools
import json
import queue
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ferryman_agent.engine import (
    Endpoint,
    Engine,
    EngineError,
    Facts,
    Happened,
    Image,
    ImageUsage,
    Inspected,
    Keep,
    Observed,
    State,
    Subnet,
    Workload,
)
from ferryman_agent.engine.docker.commands import check_exit
from ferryman_agent.errors import Unavailable
from ferryman_agent.host.probe import Answer, Question
from ferryman_agent.host.resources import Socket
from ferryman_agent.testing.behaviour import Behaviour, FakeDatabase
from ferryman_agent.testing.clock import FakeStopwatch
from ferryman_agent.testing.container import FakeContainer


def refuse(*_: object, **__: object) -> Any:
    """In the place of a method: the engine that can't do it now."""
    raise EngineError(500, "not now")


class Happenings(queue.Queue[Happened | None]):
    """What a test makes happen; None: the engine breaks off. Nobody listens to a copy yet."""

    def __reduce__(self) -> tuple[type[Happenings], tuple[()]]:
        return Happenings, ()


class FakeDocker(Engine):
    """An engine in memory. `registry` is what can be pulled: reference → behaviour; so are `images_here`.

    `tagged`: reference → tags that somebody gave the image here. `networks`: name → (id, subnet).
    `is_private`: what is pulled by digest needs a login.
    """

    def __init__(self, folder: Path, stopwatch: FakeStopwatch) -> None:
        self.folder = folder
        self.stopwatch = stopwatch
        self.registry: dict[str, Behaviour] = {
            name: Behaviour() for name in ("postgres:17", "haproxy:3.0", "redis:7", "redis:8")
        }
        self.images_here: dict[str, Behaviour] = {}
        self.tagged: dict[str, list[str]] = {}
        self.pruned: set[str] = set()
        self.networks: dict[str, tuple[str, Subnet]] = {}
        self.volume_labels: dict[str, dict[str, str]] = {}
        self.databases: dict[str, FakeDatabase] = {}
        self.by_name: dict[str, FakeContainer] = {}
        self.calls: list[str] = []
        self.pulls: list[tuple[str, dict[str, str] | None]] = []
        self.probes: list[tuple[str, Question, float]] = []
        self.happened = Happenings()
        self.memory_used = 80 << 20
        self.edge_ports: Callable[[], set[int]] = set
        self.foreign_ports: set[int] = set()
        self.wrong_password = "wrong"  # noqa: S105 - the one that is refused
        self.is_private = False
        self._numbers = itertools.count(1)

    def _number(self) -> str:
        return f"{next(self._numbers):064x}"

    def _find(self, workload: str) -> FakeContainer | None:
        named = self.by_name.get(workload)
        return named or next((found for found in self.by_name.values() if found.id == workload), None)

    def _found(self, workload: str) -> FakeContainer:
        if found := self._find(workload):
            return found
        raise EngineError(404, f"No such container: {workload}")

    def _behaviour(self, found: FakeContainer) -> Behaviour:
        return self.images_here.get(found.workload.image, Behaviour())

    def facts(self) -> Facts:
        return Facts("26.1.5", "amd64", self.folder)

    def happenings(self) -> Iterator[Happened]:
        """What a test puts into `happened`; None: the engine breaks off."""
        yield Happened()
        while (happened := self.happened.get()) is not None:
            yield happened
        raise Unavailable("engine-down", "the Docker Engine broke off its events")

    # -- images

    def image(self, reference: str) -> Image | None:
        behaviour = self.images_here.get(reference)
        if behaviour is None:
            return None
        labels = {} if behaviour.migrations is None else {"ferryman.migrations": json.dumps(behaviour.migrations)}
        digests, tags = (reference,) if "@" in reference else (), self.tagged.get(reference, [])
        tags = tags if digests else [reference]
        return Image(reference, behaviour.size, behaviour.architecture, behaviour.user, labels, digests, tuple(tags))

    def pull(self, reference: str, auth: dict[str, str] | None, is_cancelled: Callable[[], bool]) -> None:
        self.pulls.append((reference, auth))
        if is_cancelled():
            return
        if self.is_private and "@" in reference and (auth is None or self.login(auth)):
            raise EngineError(404, "pull access denied")
        if reference not in self.registry:
            raise EngineError(404, f"manifest for {reference} not found")
        self.images_here[reference] = self.registry[reference]

    def prune(self) -> None:
        """What `docker system prune --all` takes: containers that do not run, and images that none has."""
        for name in [name for name, found in self.by_name.items() if not found.is_up]:
            del self.by_name[name]
        for reference in list(self.images_here):
            if self.remove_image(reference):
                self.pruned.add(reference)

    def login(self, auth: dict[str, str]) -> str:
        return "unauthorized" if auth["password"] == self.wrong_password else ""

    def images(self, repository: str) -> list[Image]:
        found = [name for name in self.images_here if name.partition("@")[0].rpartition(":")[0] == repository]
        found += [name for name in self.images_here if name.startswith(f"{repository}@")]
        return [image for name in found if (image := self.image(name))]

    def image_usage(self) -> ImageUsage | None:
        sizes = {name: (behaviour.size, 0) for name, behaviour in self.images_here.items()}
        return ImageUsage(sum(size for size, _ in sizes.values()), sizes)

    def remove_image(self, reference: str) -> bool:
        if any(found.workload.image == reference for found in self.by_name.values()):
            return False
        return self.images_here.pop(reference, None) is not None

    # -- networks and volumes

    def ensure_network(self, name: str, subnet: Subnet, labels: Mapping[str, str]) -> None:  # noqa: ARG002
        if name not in self.networks:
            self.networks[name] = (self._number(), subnet)

    def subnet(self, network: str) -> Subnet | None:
        return self.networks[network][1] if network in self.networks else None

    def remove_network(self, name: str) -> None:
        self.networks.pop(name, None)
        for found in self.by_name.values():
            found.addresses.pop(name, None)

    def disconnect(self, network: str, workload: str) -> None:
        """What somebody does by hand: the container runs on, and nobody reaches it."""
        self._found(workload).addresses.pop(network, None)

    def connect(self, endpoint: Endpoint, workload: str) -> None:
        found = self._found(workload)
        found.addresses[endpoint.network] = endpoint.address or ""
        found.network = self.networks[endpoint.network][0]

    def remove_volume(self, name: str) -> None:
        users = [found.name for found in self.by_name.values() if name in found.workload.volumes]
        if users:
            raise EngineError(409, f"volume is in use - {users}")
        self.volume_labels.pop(name, None)
        self.databases.pop(name, None)

    def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        self.volume_labels.setdefault(name, dict(labels))
        (self.folder / "volumes" / name).mkdir(parents=True, exist_ok=True)

    def volume_folder(self, name: str) -> Path:
        if name not in self.volume_labels:
            raise EngineError(404, f"no such volume: {name}")
        return self.folder / "volumes" / name

    def volumes(self, labels: Mapping[str, str], prefix: str = "") -> list[str]:
        carrying = {name for name, carried in self.volume_labels.items() if labels.items() <= carried.items()}
        return sorted(carrying | {name for name in self.volume_labels if prefix and name.startswith(prefix)})

    # -- workloads

    def create(self, name: str, workload: Workload) -> str:
        """A volume that is not there yet is made with it, without a label."""
        if name in self.by_name:
            raise EngineError(409, f"Conflict. The container name {name} is already in use")
        if workload.image not in self.images_here:
            raise EngineError(404, f"No such image: {workload.image}")
        for volume in workload.volumes:
            self.ensure_volume(volume, {})
        found = self.by_name[name] = FakeContainer(self._number(), name, workload, workload.keep)
        if endpoint := workload.endpoint:
            found.network = self.networks[endpoint.network][0] if endpoint.network in self.networks else ""
            found.addresses = {endpoint.network: endpoint.address or ""}
        return found.id

    def start(self, workload: str) -> None:
        found = self._found(workload)
        if found.is_up:
            return
        self._check_network(found)
        for port in found.workload.published.keys() & (self.published() | self.edge_ports() | self.foreign_ports):
            raise EngineError(500, f"Bind for 0.0.0.0:{port} failed: port is already allocated")
        self.calls.append(f"start {found.name}")
        found.begin(self._now())
        behaviour, role = self._behaviour(found), found.workload.labels.get("ferryman.role", "")
        if found.workload.health:
            found.health = behaviour.health
        if role == "migrate":
            self._migrate(found, behaviour)
        if role in behaviour.exits:
            self.exit(workload, behaviour.exits[role])

    def _check_network(self, found: FakeContainer) -> None:
        endpoint = found.workload.endpoint
        known = self.networks.get(endpoint.network) if endpoint else None
        if endpoint and (known is None or known[0] != found.network):
            raise EngineError(404, f"network {found.network} not found")
        if found.address and any(other.is_up and other.address == found.address for other in self.by_name.values()):
            raise EngineError(403, "Address already in use")

    def published(self) -> set[int]:
        """The ports of the host that running containers publish."""
        return {port for found in self.by_name.values() for port in found.ports}

    def _migrate(self, found: FakeContainer, behaviour: Behaviour) -> None:
        if behaviour.migrate_hangs:
            return
        url = next(line for line in found.workload.environment if line.startswith("DATABASE_URL="))
        app, name = found.workload.labels["ferryman.app"], url.rpartition("/")[2]
        arriving = behaviour.migrations if behaviour.arrives is None else behaviour.arrives
        arriving = behaviour.stays if behaviour.exits.get("migrate") else arriving or []
        self.databases[f"ferryman.{app}.postgres-17"].record(name, behaviour.schema, arriving)
        if "migrate" not in behaviour.exits:
            self.exit(found.id, 0)

    def exit(self, workload: str, code: int) -> None:
        """The container's process ends by itself; the engine keeps up what it is to keep up."""
        found = self._found(workload)
        if found.keep is Keep.NO:
            found.end(code, self._now())
        else:
            found.restarts += 1

    def _now(self) -> str:
        """As the engine writes it."""
        return self.stopwatch.wall().strftime("%Y-%m-%dT%H:%M:%S.%f000Z")

    def reboot(self) -> None:
        """Everything ends; what is kept, and was not stopped or is to return all the same, comes up again."""
        was_up = {name for name, found in self.by_name.items() if found.is_up}
        for name in was_up:
            self.by_name[name].end(255, self._now())
        for name, found in self.by_name.items():
            is_lasting = found.keep is Keep.RETURNING or (found.keep is Keep.UP and name in was_up)
            if is_lasting and not found.workload.published.keys() & self.published():
                found.begin(self._now())

    def resume(self, workload: str) -> None:
        found = self._found(workload)
        found.state = State.RUNNING if found.state is State.PAUSED else found.state

    def stop(self, workload: str, grace: float) -> None:
        if found := self._find(workload):
            self.calls.append(f"stop {found.name} within {grace:g} s")
            if found.is_up:
                found.end(143, self._now())

    def remove(self, workload: str) -> None:
        if found := self._find(workload):
            del self.by_name[found.name]

    def keep(self, workload: str, keep: Keep) -> None:
        self._found(workload).keep = keep

    def workload(self, name: str) -> Inspected | None:
        found = self._find(name)
        return found.inspected(self._behaviour(found).user) if found else None

    def workloads(self, labels: Mapping[str, str]) -> list[Observed]:
        return [found.observed() for found in self.by_name.values() if found.carries(labels)]

    def memory_of(self, workload: str) -> int | None:
        return self.memory_used if self._find(workload) else None

    def wait(self, workload: str, limit: float) -> int | None:
        found = self._found(workload)
        if found.is_up:
            self.stopwatch.wait(limit)
            return None
        return found.exit_code

    def archive(self, workload: str, path: str) -> bytes:
        raise EngineError(404, f"{path} is not in {workload}")

    def logs(self, workload: str, *, tail: int | None = None) -> Iterator[tuple[str, bytes]]:
        lines = self._behaviour(self._found(workload)).log.splitlines(keepends=True)
        yield from (("stdout", line.encode()) for line in (lines if tail is None else lines[-tail:]))

    def follow_logs(self, workload: str, tail: int | None) -> tuple[Callable[[], None], Iterator[tuple[str, bytes]]]:
        return (lambda: None), self.logs(workload, tail=tail)

    # -- commands inside

    def exec_create(self, workload: str, command: list[str], *, tty: bool, stdin: bool, user: str = "") -> str:
        raise EngineError(
            500, f"{workload} is in memory: {command[0]} has no terminal of {user or 'root'}, {tty=}, {stdin=}"
        )

    def exec_attach(self, identifier: str, *, tty: bool) -> socket.socket:
        raise EngineError(404, f"no such exec: {identifier}, {tty=}")

    def exec_resize(self, identifier: str, rows: int, columns: int) -> None:
        raise EngineError(404, f"no such exec: {identifier}, {rows=}, {columns=}")

    def exec_result(self, identifier: str) -> int:
        raise EngineError(404, f"no such exec: {identifier}")

    def run(self, workload: str, command: list[str], user: str = "", stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        """pg_isready and psql inside a PostgreSQL container."""
        found = self._found(workload)
        if not found.is_up:
            raise EngineError(409, f"container {workload} is not running")
        database = self.databases.setdefault(next(iter(found.workload.volumes)), FakeDatabase())
        if command[0] == "pg_isready":
            return 0, b"", b""
        if user != "postgres":
            return 2, b"", b"role does not exist"
        return database.psql(command[command.index("-d") + 1], stdin.decode())

    def stream(
        self, workload: str, command: list[str], user: str = "", stdin: Iterable[bytes] | None = None
    ) -> Iterator[bytes]:
        """What `run` answers, in one piece."""
        code, output, errors = self.run(workload, command, user, b"".join(stdin or ()))
        yield output
        check_exit(command, code, errors)

    def listening(self, pid: int) -> list[Socket] | None:
        """What is listened on in a container, as its image's behaviour has it."""
        return next(
            (self._behaviour(c).listening for c in self.by_name.values() if c.is_up and int(c.id, 16) == pid), None
        )

    def probe(self, address: str, question: Question, timeout: float) -> Answer:
        """What a container at this address answers to its health check."""
        self.probes.append((address, question, timeout))
        for found in self.by_name.values():
            is_there = found.is_up and address in found.addresses.values()
            if is_there and f"PORT={question.port}" in found.workload.environment:
                answers = self._behaviour(found).answers
                return answers.pop(0) if len(answers) > 1 else answers[0] if answers else Answer(None)
        return Answer(None)
