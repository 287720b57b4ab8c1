"""An engine in memory, with the semantics that the agent relies on, and images that behave as told."""

from __future__ import annotations

import itertools
import json
import queue
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferryman_agent.engine import (
    Docker,
    Endpoint,
    EngineError,
    Facts,
    Happened,
    ImageUsage,
    Inspected,
    Keep,
    Observed,
    Subnet,
    Workload,
)
from ferryman_agent.engine.docker.client import WATCHED
from ferryman_agent.engine.docker.reading import facts_of, happened, image_of, inspected, observed, usage_of
from ferryman_agent.engine.docker.specification import workload_json
from ferryman_agent.errors import Unavailable
from ferryman_agent.probe import Answer
from ferryman_agent.testing.clock import FakeStopwatch
from ferryman_agent.testing.copies import copied


def refuse(*_: object, **__: object) -> Any:
    """In the place of a method: the engine that can't do it now."""
    raise EngineError(500, "not now")


@dataclass
class Behaviour:
    """How an image behaves: it serves, and its migrations succeed, unless told otherwise.

    `exits`: role → exit code right after the start. `answers` of the health check, in order, the last for ever;
    none: nothing listens. `health` is what the container's health command leads to. `stays`: migrations that are
    applied although `migrate` exits with an error.
    """

    migrations: list[str] | None = None
    exits: dict[str, int] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=lambda: [Answer(200, "ok")])
    stays: list[str] = field(default_factory=list)
    migrate_hangs: bool = False
    log: str = ""
    user: str = ""
    health: str = "healthy"
    architecture: str = "amd64"
    size: int = 100 << 20


@dataclass
class FakeDatabase:
    """What PostgreSQL keeps on its volume: roles with passwords, databases with their applied migrations."""

    roles: dict[str, str] = field(default_factory=dict)
    databases: dict[str, set[str]] = field(default_factory=dict)

    def psql(self, database: str, statement: str) -> tuple[int, bytes, bytes]:
        """Answer the agent's own statements as psql does."""
        if database != "postgres" and database not in self.databases:
            return 2, b"", f'database "{database}" does not exist'.encode()
        words = statement.replace('"', "").replace("'", "").rstrip(";\n").split()
        rows: list[str] = []
        if "pg_database_size" in statement:
            rows = [str(8 << 20)]
        elif "to_regclass" in statement:
            rows = sorted(self.databases[database])
        elif words[:2] == ["SELECT", "rolname"]:
            rows = list(self.roles)
        elif words[:2] == ["SELECT", "datname"]:
            rows = list(self.databases)
        elif words[:2] == ["CREATE", "DATABASE"]:
            self.databases[words[2]] = set()
        elif words[1] == "ROLE":
            self.roles[words[2]] = words[-1]
        else:
            return 3, b"", f"syntax error in {statement}".encode()
        return 0, "".join(f"{row}\n" for row in rows).encode(), b""


def _host_ports(found: dict[str, Any]) -> set[int]:
    """The ports of the host that a container publishes when it runs."""
    bindings = found["HostConfig"].get("PortBindings") or {}
    return {int(binding["HostPort"]) for each in bindings.values() for binding in each}


class Happenings(queue.Queue[dict[str, Any] | None]):
    """Events that a test makes; None: the engine breaks off. Nobody listens to a copy yet."""

    def __reduce__(self) -> tuple[type[Happenings], tuple[()]]:
        return Happenings, ()


class FakeDocker(Docker):
    """An engine in memory. `registry` is what can be pulled: reference → behaviour; so are `images_here`.

    `tagged`: reference → tags that somebody gave the image here.
    `is_private`: what is pulled by digest needs a login.
    """

    def __init__(self, folder: Path, stopwatch: FakeStopwatch) -> None:
        super().__init__("/nowhere")
        self.folder = folder
        self.stopwatch = stopwatch
        self.registry: dict[str, Behaviour] = {
            name: Behaviour() for name in ("postgres:17", "haproxy:3.0", "redis:7", "redis:8")
        }
        self.images_here: dict[str, Behaviour] = {}
        self.tagged: dict[str, list[str]] = {}
        self.pruned: set[str] = set()
        self.networks: dict[str, dict[str, Any]] = {}
        self.volume_labels: dict[str, dict[str, str]] = {}
        self.databases: dict[str, FakeDatabase] = {}
        self.by_name: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.pulls: list[tuple[str, dict[str, str] | None]] = []
        self.probes: list[tuple[str, int, str, str, float]] = []
        self.happened = Happenings()
        self.memory_used = 80 << 20
        self.edge_ports: Callable[[], set[int]] = set
        self.foreign_ports: set[int] = set()
        self.wrong_password = "wrong"  # noqa: S105 - the one that is refused
        self.is_private = False
        self._numbers = itertools.count(1)

    def _number(self) -> str:
        return f"{next(self._numbers):064x}"

    def _found(self, workload: str) -> dict[str, Any]:
        for name, known in self.by_name.items():
            if workload in (name, known["Id"]):
                return known
        raise EngineError(404, f"No such container: {workload}")

    def facts(self) -> Facts:
        return facts_of(self.version(), self.folder)

    def happenings(self) -> Iterator[Happened]:
        for event in self.events(*WATCHED.values()):
            yield happened(event) if event else Happened()

    def image_usage(self) -> ImageUsage | None:
        return usage_of(self.image_bytes() or {})

    def volume_folder(self, name: str) -> Path:
        return Path(self.volume(name)["Mountpoint"])

    def subnet(self, network: str) -> Subnet | None:
        return self.networks[network]["Subnet"] if network in self.networks else None

    def keep(self, workload: str, keep: Keep) -> None:
        self.set_restart_policy(workload, keep.value)

    def workload(self, name: str) -> Inspected | None:
        found = self.container(name)
        return inspected(found) if found else None

    def workloads(self, labels: Mapping[str, str]) -> list[Observed]:
        return [observed(found) for found in self.containers(labels)]

    def version(self) -> dict[str, Any]:
        return {"Version": "26.1.5", "ApiVersion": "1.45", "Arch": "amd64", "Os": "linux"}

    def info(self) -> dict[str, Any]:
        return {"DockerRootDir": str(self.folder)}

    def events(self, types: list[str], actions: list[str]) -> Iterator[dict[str, Any]]:
        """What a test puts into `happened`; None: the engine breaks off."""
        yield {}
        while (event := self.happened.get()) is not None:
            if event["Type"] in types and event["Action"] in actions:
                yield event
        raise Unavailable("engine-down", "the Docker Engine broke off its events")

    # -- images

    def image(self, reference: str) -> Any:
        behaviour = self.images_here.get(reference)
        if behaviour is None:
            return None
        labels = {} if behaviour.migrations is None else {"ferryman.migrations": json.dumps(behaviour.migrations)}
        config = {"Labels": labels, "User": behaviour.user}
        known = {"Id": reference, "Size": behaviour.size, "Architecture": behaviour.architecture, "Config": config}
        return image_of(known)

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
        for name in [name for name, found in self.by_name.items() if not found["State"]["Running"]]:
            del self.by_name[name]
        for reference in list(self.images_here):
            if self.remove_image(reference):
                self.pruned.add(reference)

    def login(self, auth: dict[str, str]) -> str:
        return "unauthorized" if auth["password"] == self.wrong_password else ""

    def images(self, repository: str) -> Any:
        found = [name for name in self.images_here if name.partition("@")[0].rpartition(":")[0] == repository]
        found += [name for name in self.images_here if name.startswith(f"{repository}@")]
        return [image_of(self._listed(name)) for name in found]

    def _listed(self, name: str) -> dict[str, Any]:
        names = {"RepoDigests": [name], "RepoTags": self.tagged.get(name, [])}
        names = names if "@" in name else {"RepoDigests": [], "RepoTags": [name]}
        return {"Id": name, "Size": self.images_here[name].size, **names}

    def image_bytes(self) -> dict[str, Any] | None:
        images = [{**self._listed(name), "SharedSize": 0} for name in self.images_here]
        return {"LayersSize": sum(image["Size"] for image in images), "Images": images}

    def remove_image(self, reference: str) -> bool:
        if any(container["Config"]["Image"] == reference for container in self.by_name.values()):
            return False
        return self.images_here.pop(reference, None) is not None

    # -- networks and volumes

    def ensure_network(self, name: str, subnet: Subnet, labels: Mapping[str, str]) -> None:
        if name not in self.networks:
            self.networks[name] = {"Id": self._number(), "Subnet": subnet, "Labels": labels}

    def network(self, name: str) -> dict[str, Any] | None:
        found = self.networks.get(name)
        return found and {
            "Id": found["Id"],
            "IPAM": {"Config": [{"Subnet": found["Subnet"].addresses}]},
            "Labels": found["Labels"],
        }

    def remove_network(self, name: str) -> None:
        self.networks.pop(name, None)
        for found in self.by_name.values():
            found["NetworkSettings"]["Networks"].pop(name, None)

    def disconnect(self, network: str, workload: str) -> None:
        """What somebody does by hand: the container runs on, and nobody reaches it."""
        self._found(workload)["NetworkSettings"]["Networks"].pop(network, None)

    def connect(self, endpoint: Endpoint | str, workload: str, address: str | None = None, alias: str = "") -> None:
        found = self._found(workload)
        network = endpoint if isinstance(endpoint, str) else endpoint.network
        if isinstance(endpoint, Endpoint):
            address, alias = endpoint.address, endpoint.alias
        found["NetworkSettings"]["Networks"][network] = {"IPAddress": address or "", "Aliases": [alias]}
        found["NetworkID"], found["Address"] = self.networks[network]["Id"], address

    def remove_volume(self, name: str) -> None:
        users = [found["Name"] for found in self.by_name.values() if name in str(found["HostConfig"].get("Mounts"))]
        if users:
            raise EngineError(409, f"volume is in use - {users}")
        self.volume_labels.pop(name, None)
        self.databases.pop(name, None)

    def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        self.volume_labels.setdefault(name, dict(labels))
        (self.folder / "volumes" / name).mkdir(parents=True, exist_ok=True)

    def volume(self, name: str) -> dict[str, Any]:
        if name not in self.volume_labels:
            raise EngineError(404, f"no such volume: {name}")
        return {"Name": name, "Mountpoint": str(self.folder / "volumes" / name)}

    def volumes(self, labels: Mapping[str, str], prefix: str = "") -> list[str]:
        carrying = {name for name, found in self.volume_labels.items() if labels.items() <= found.items()}
        return sorted(carrying | {name for name in self.volume_labels if prefix and name.startswith(prefix)})

    # -- containers

    def create(self, name: str, workload: Workload | dict[str, Any]) -> str:
        specification = workload_json(workload) if isinstance(workload, Workload) else workload
        if name in self.by_name:
            raise EngineError(409, f"Conflict. The container name {name} is already in use")
        if specification["Image"] not in self.images_here:
            raise EngineError(404, f"No such image: {specification['Image']}")
        network = specification["HostConfig"]["NetworkMode"]
        endpoints = specification.get("NetworkingConfig", {}).get("EndpointsConfig", {})
        identifier = self._number()
        keys = ("Image", "Env", "Labels", "Cmd", "StopTimeout", "Healthcheck")
        self.by_name[name] = {
            "Id": identifier,
            "Name": f"/{name}",
            "Config": {**{key: copied(specification.get(key)) for key in keys}, "User": ""},
            "HostConfig": copied(specification["HostConfig"]),
            "State": {"Status": "created", "Running": False, "ExitCode": 0, "StartedAt": ""},
            "RestartCount": 0,
            "NetworkID": self.networks.get(network, {}).get("Id", ""),
            "Address": (fixed := endpoints.get(network, {}).get("IPAMConfig", {}).get("IPv4Address")),
            "NetworkSettings": {"Networks": {network: {"IPAddress": fixed or ""}}},
        }
        return identifier

    def start(self, workload: str) -> None:
        found = self._found(workload)
        if found["State"]["Running"]:
            return
        network, address = found["HostConfig"]["NetworkMode"], found["Address"]
        if network != "host" and self.networks.get(network, {}).get("Id") != found["NetworkID"]:
            raise EngineError(404, f"network {found['NetworkID']} not found")
        if address and any(c["Address"] == address and c["State"]["Running"] for c in self.by_name.values()):
            raise EngineError(403, "Address already in use")
        self._check_ports(found)
        self.calls.append(f"start {found['Name'][1:]}")
        found["State"].update(Status="running", Running=True, StartedAt=self._now())
        behaviour = self.images_here.get(found["Config"]["Image"], Behaviour())
        role = (found["Config"]["Labels"] or {}).get("ferryman.role", "")
        if found["Config"]["Healthcheck"]:
            found["State"]["Health"] = {"Status": behaviour.health}
        if role == "migrate":
            self._migrate(found, behaviour)
        if role in behaviour.exits:
            self.exit(workload, behaviour.exits[role])

    def published(self) -> set[int]:
        """The ports of the host that running containers publish."""
        return {port for found in self.by_name.values() if found["State"]["Running"] for port in _host_ports(found)}

    def _check_ports(self, found: dict[str, Any]) -> None:
        for port in _host_ports(found) & (self.published() | self.edge_ports() | self.foreign_ports):
            raise EngineError(500, f"Bind for 0.0.0.0:{port} failed: port is already allocated")

    def _migrate(self, found: dict[str, Any], behaviour: Behaviour) -> None:
        if behaviour.migrate_hangs:
            return
        url = next(line for line in found["Config"]["Env"] if line.startswith("DATABASE_URL="))
        app, name = found["Config"]["Labels"]["ferryman.app"], url.rpartition("/")[2]
        applied = self.databases[f"ferryman.{app}.postgres-17"].databases[name]
        applied |= set(behaviour.stays if behaviour.exits.get("migrate") else behaviour.migrations or [])
        if "migrate" not in behaviour.exits:
            self.exit(found["Id"], 0)

    def exit(self, workload: str, code: int) -> None:
        """The container's process ends by itself; its restart policy is followed."""
        found = self._found(workload)
        if found["HostConfig"]["RestartPolicy"]["Name"] in ("always", "unless-stopped"):
            found["RestartCount"] += 1
            return
        found["State"].update(Status="exited", Running=False, ExitCode=code, FinishedAt=self._now())

    def _now(self) -> str:
        """As the engine writes it."""
        return self.stopwatch.wall().strftime("%Y-%m-%dT%H:%M:%S.%f000Z")

    def reboot(self) -> None:
        """Everything ends; what has a lasting policy, and was not stopped or has `always`, comes up again."""
        policies = {name: found["HostConfig"]["RestartPolicy"]["Name"] for name, found in self.by_name.items()}
        was_up = {name for name, found in self.by_name.items() if found["State"]["Running"]}
        for found in self.by_name.values():
            if found["State"]["Running"]:
                found["State"].update(Status="exited", Running=False, ExitCode=255, FinishedAt=self._now())
        for name, policy in policies.items():
            is_lasting = policy == "always" or (policy == "unless-stopped" and name in was_up)
            if is_lasting and not _host_ports(self.by_name[name]) & self.published():
                self.by_name[name]["State"].update(Status="running", Running=True, StartedAt=self._now())

    def resume(self, workload: str) -> None:
        self._found(workload)["State"].update(Status="running")

    def stop(self, workload: str, grace: float) -> None:
        if found := self.container(workload):
            self.calls.append(f"stop {found['Name'][1:]} within {grace:g} s")
            self._found(workload)["State"].update(Status="exited", Running=False, ExitCode=143, FinishedAt=self._now())

    def remove(self, workload: str) -> None:
        if found := self.container(workload):
            del self.by_name[found["Name"][1:]]

    def set_restart_policy(self, workload: str, policy: str) -> None:
        self._found(workload)["HostConfig"]["RestartPolicy"] = {"Name": policy}

    def container(self, name: str) -> dict[str, Any] | None:
        try:
            return copied(self._found(name))
        except EngineError:
            return None

    def containers(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        found = []
        for known in self.by_name.values():
            carried = known["Config"]["Labels"] or {}
            if all(key in carried and value in ("", carried[key]) for key, value in labels.items()):
                state = known["State"]["Status"]
                ports = [{"PublicPort": port} for port in _host_ports(known) if known["State"]["Running"]]
                one = {"Id": known["Id"], "Names": [known["Name"]], "Labels": carried, "State": state, "Ports": ports}
                found.append({**one, "NetworkSettings": copied(known["NetworkSettings"])})
        return found

    def memory_of(self, workload: str) -> int | None:
        return self.memory_used if self.container(workload) else None

    def wait(self, workload: str, limit: float) -> int | None:
        state = self._found(workload)["State"]
        if state["Running"]:
            self.stopwatch.wait(limit)
            return None
        return int(state["ExitCode"])

    def archive(self, workload: str, path: str) -> bytes:
        raise EngineError(404, f"{path} is not in {workload}")

    def logs(self, workload: str, *, tail: int | None = None) -> Iterator[tuple[str, bytes]]:
        behaviour = self.images_here.get(self._found(workload)["Config"]["Image"], Behaviour())
        lines = behaviour.log.splitlines(keepends=True)
        yield from (("stdout", line.encode()) for line in (lines if tail is None else lines[-tail:]))

    def follow_logs(self, workload: str, tail: int | None) -> tuple[Callable[[], None], Iterator[tuple[str, bytes]]]:
        return (lambda: None), self.logs(workload, tail=tail)

    # -- exec

    def run(self, workload: str, command: list[str], user: str = "", stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        """pg_isready and psql inside a PostgreSQL container."""
        found = self._found(workload)
        if not found["State"]["Running"]:
            raise EngineError(409, f"container {workload} is not running")
        volume = found["HostConfig"]["Mounts"][0]["Source"]
        database = self.databases.setdefault(volume, FakeDatabase())
        if command[0] == "pg_isready":
            return 0, b"", b""
        if user != "postgres":
            return 2, b"", b"role does not exist"
        return database.psql(command[command.index("-d") + 1], stdin.decode())

    def probe(self, address: str, port: int, path: str, host: str, timeout: float) -> Answer:
        """What a container at this address answers to its health check."""
        self.probes.append((address, port, path, host, timeout))
        for found in self.by_name.values():
            is_reached = any(end["IPAddress"] == address for end in found["NetworkSettings"]["Networks"].values())
            if is_reached and found["State"]["Running"] and f"PORT={port}" in found["Config"]["Env"]:
                answers = self.images_here.get(found["Config"]["Image"], Behaviour()).answers
                return answers.pop(0) if len(answers) > 1 else answers[0] if answers else Answer(None)
        return Answer(None)
