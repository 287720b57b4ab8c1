"""A server in memory, on which agents start, crash and start again."""

from __future__ import annotations

import contextlib
import copy
import itertools
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferryman_agent.containers import SUBNETS
from ferryman_agent.errors import AgentError
from ferryman_agent.host import Host
from ferryman_agent.host.resources import Filesystem
from ferryman_agent.ledger import App, Deployment, Ledger, Outcome, Release
from ferryman_agent.testing.behaviour import Behaviour
from ferryman_agent.testing.clock import FakeClock, FakeStopwatch
from ferryman_agent.testing.crash import DOCKER_EFFECTS, EDGE_EFFECTS, LEDGER_EFFECTS, Crash, CrashPoint, crashing
from ferryman_agent.testing.docker import FakeDocker
from ferryman_agent.testing.edge import FakeEdge
from ferryman_agent.transaction.journal import Journal
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.orders import DeployOrder, Order
from ferryman_agent.transaction.orders.deploying import parse_deploy
from ferryman_agent.transaction.runs.conductor import conduct
from ferryman_agent.transaction.runs.looking import look
from ferryman_agent.transaction.story import planned, story_of
from ferryman_agent.transaction.transaction import Transaction


def manifest(**changed: Any) -> dict[str, Any]:
    """A manifest as the command line sends it: app `shop` in `production`, on port 8000, with a database."""
    web = {"command": [], "port": 8000, "health": "/health", "health_timeout": 20.0, "drain_timeout": 5.0}
    return {
        "app": "shop",
        "environment": "production",
        "domain": None,
        "host": "shop.example.com",
        "image": "acme/shop",
        "strategy": "blue-green",
        "roles": {"web": {**web, "stop_grace": 10.0}},
        "resources": {"memory": 256 << 20, "cpus": 1.0, "pids": 128},
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 - a path inside the container
        "volumes": {},
        "schedules": {},
        "accessories": {},
        "env": {"required": [], "values": {}},
        "database": {"version": 17, "migrate": ["migrate"], "migrate_timeout": 60.0},
        "retain": 5,
        **changed,
    }


REDIS: dict[str, Any] = {
    "image": "redis:7",
    "command": ["redis-server", "--appendonly", "yes"],
    "health": ["redis-cli", "ping"],
    "stop_grace": 7.0,
    "env": {"values": {"MODE": "small"}, "secrets": []},
    "volumes": {"data": "/data"},
    "resources": {"memory": 64 << 20, "cpus": 0.5, "pids": 64},
}


def digest(word: str) -> str:
    """A digest that a word stands for."""
    return f"sha256:{word.encode().hex():0>64}"


@dataclass
class FakeMachine:
    """Engine, edge and files outlive the agent; `agent` starts a new process of it.

    The ledger is a file, unless there is one in memory that outlives the agents, too.
    """

    folder: Path
    stopwatch: FakeStopwatch = field(default_factory=FakeStopwatch)
    clock: FakeClock = field(default_factory=FakeClock)
    edge: FakeEdge = field(default_factory=FakeEdge)
    free_bytes: int = 20 << 30
    free_inodes: int | None = 1_000_000
    free_memory: int | None = 4 << 30
    is_full: bool = False
    ledger: Ledger | None = None

    def __post_init__(self) -> None:
        self.docker = FakeDocker(self.folder, self.stopwatch)
        self.docker.edge_ports, self.edge.taken_ports = self.edge.ports, self.taken_ports

    def agent(self, point: CrashPoint | None = None) -> Host:
        """A new agent on what is there; with `point` it crashes where that says."""
        return self.host(self.ledger or Ledger(self.folder / "ledger.db", self.clock), point)

    def host(self, ledger: Ledger, point: CrashPoint | None = None) -> Host:
        """What an agent works on, with this ledger."""
        engine, edge = self.docker, self.edge
        if point:
            ledger = crashing(ledger, point, LEDGER_EFFECTS)
            engine, edge = crashing(engine, point, DOCKER_EFFECTS), crashing(edge, point, EDGE_EFFECTS)
        host = Host(ledger, engine, edge, self.folder)
        host.probe, host.stopwatch, host.wall = self.docker.probe, self.stopwatch, self.stopwatch.wall
        host.filesystem, host.memory = self.filesystem, lambda: self.free_memory
        host.is_port_free, host.listening = self.is_port_free, self.docker.listening
        if point:
            _crash_at_files(host, point)
        return host

    def copy_to(self, folder: Path) -> FakeMachine:
        """The same machine somewhere else; no agent may run on it."""
        shutil.copytree(self.folder, folder)
        other = copy.deepcopy(self)
        other.folder = other.docker.folder = folder
        return other

    def taken_ports(self) -> set[int]:
        """The ports of the host that containers or other programs have."""
        return self.docker.published() | self.docker.foreign_ports

    def is_port_free(self, port: int) -> bool:
        """Whether neither a container, nor the edge, nor another program has a port of the host."""
        return port not in self.taken_ports() | self.edge.ports()

    def filesystem(self, folder: Path) -> Filesystem:
        """One disk for everything."""
        return Filesystem(str(folder), 1, 0 if self.is_full else self.free_bytes, self.free_inodes)

    def publish(self, word: str, behaviour: Behaviour | None = None, image: str = "acme/shop") -> None:
        """Put an image into the registry under the digest that the word stands for."""
        self.docker.registry[f"{image}@{digest(word)}"] = behaviour or Behaviour()

    def order(self, word: str, content: dict[str, Any] | None = None, **params: Any) -> DeployOrder:
        """The order to deploy the image that the word stands for."""
        revision = f"{word.encode().hex():0>40}"
        return parse_deploy({"manifest": content or manifest(), "digest": digest(word), "revision": revision, **params})


def _crash_at_files(server: Host, point: CrashPoint) -> None:
    write = server.secrets.write_release

    def write_release(app: App, release: Release, environment: list[str]) -> None:
        point.passing("before write_release")
        write(app, release, environment)
        point.passing("after write_release")

    server.secrets.write_release = write_release  # type: ignore[method-assign]


def begin(server: Host, order: Order, request: str) -> Transaction:
    """A transaction as it is recorded before it is carried out."""
    if isinstance(order, DeployOrder):
        app = server.ledger.add_app(order.manifest.app, order.manifest.environment, SUBNETS)
    else:
        found = server.ledger.app(order.app_id)
        if found is None:
            raise LookupError(order.app_id)
        app = found
    sequence = order.sequence if isinstance(order, DeployOrder) else None
    deployment = server.ledger.begin(app, request, order.kind, sequence)
    return Transaction(server, Journal(server.ledger, app, deployment), order, app)


def carry_out(server: Host, order: Order, request: str) -> Deployment:
    """Run one transaction in this thread; returns what the ledger has of it. LookupError after a removal.

    The steps that run are those that a plan shows; AssertionError when they are not.
    """
    foreseen = _foreseen(server, order)
    transaction = begin(server, order, request)
    conduct(transaction)
    deployment = transaction.journal.deployment
    recorded = server.ledger.deployment(deployment.id)
    if recorded is None:
        raise LookupError(deployment.id)
    _check_steps(foreseen, server.ledger.events(deployment.id), recorded.state)
    return recorded


def _foreseen(server: Host, order: Order) -> list[StepName]:
    """The steps that `plan` shows for an order; the preflight alone when it is refused."""
    try:
        facts = look(server, order, server.ledger.app(order.app_id))
        return [step.name for step in planned(story_of(facts), facts)]
    except (AgentError, AssertionError):
        return [StepName.PREFLIGHT]


def _check_steps(foreseen: list[StepName], events: list[dict[str, Any]], outcome: Outcome) -> None:
    steps = [event for event in events if event["kind"] == "step" and event["step"] != StepName.START_OLD]
    begun = [event["step"] for event in steps if event["state"] == "started"]
    ran = [name for name, _ in itertools.groupby(begun)]
    is_whole = outcome in (Outcome.SUCCEEDED, Outcome.UNCHANGED)
    if is_whole and any(event["state"] == "failed" for event in steps):  # what needs a step that was left is left, too
        foreseen = [name for name in foreseen if name in ran]
    if ran != (foreseen if is_whole else foreseen[: len(ran)]):
        raise AssertionError(f"planned were {', '.join(foreseen)}; there ran {', '.join(ran)} ({outcome})")


def interrupted(machine: FakeMachine, order: Order, at: int | None) -> CrashPoint:
    """Carry an order out by an agent that dies at its passage `at`, or does not; returns what it passed."""
    point = CrashPoint(at)
    server = machine.agent(point)
    with contextlib.suppress(Crash):
        conduct(begin(server, order, "crashed"))
    server.ledger.close()
    return point
