"""What happens at which passage of a transaction: crashes, cancels, full disks, restarts and things removed by hand."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferryman_agent.containers import HOST_PORT
from ferryman_agent.edge.configuration import DIRECT_KEY
from ferryman_agent.edge.runtime import EdgeError
from ferryman_agent.engine import EngineError, State
from ferryman_agent.errors import Unavailable
from ferryman_agent.testing.crash import DOCKER_EFFECTS, LEDGER_EFFECTS, Crash, CrashPoint
from ferryman_agent.testing.docker import FakeDocker

if TYPE_CHECKING:
    from ferryman_agent.testing.machine import FakeMachine

NEEDS_SPACE = frozenset({"pull", "create", "start", "run", "agree", "write_release", "ensure_volume"}) | LEDGER_EFFECTS
HELD_ALONE = frozenset({"agree", "commit", "commit_change"})  # under a lock: nobody else comes in between


@dataclass(frozen=True)
class Outage:
    """The passage, by number and name, at which nothing answered for a key of the edge's host map."""

    host: str
    at: int
    where: str


@dataclass(frozen=True)
class Strike:
    """At the passage `at` something happens; what lasts ends `lasts` passages later. `pick` chooses what is removed.

    `crash`: the agent's end. `power`: the server's. `cancel`. `other`: a whole transaction of another app comes in
    between. `full`: the disk. `engine away`, `engine restarts`, `edge restarts`, `edge goes`. `container goes`,
    `image goes`, `network goes`: by hand.
    """

    at: int
    what: str
    lasts: int = 0
    pick: int = 0


class Script(CrashPoint):
    """Carries strikes out. `cancel` and `other` are set by whoever has them to do.

    `lanes` tells slot → lane of what the ledger says. `untrue` is where the edge was made to differ from it.
    `outages` are the passages at which a request found no container, of the hosts that were served at the beginning:
    by the edge, or by a published container.
    """

    def __init__(self, machine: FakeMachine, strikes: Sequence[Strike]) -> None:
        deaths = [strike.at for strike in strikes if strike.what in ("crash", "power")]
        super().__init__(min(deaths, default=None))
        self.machine = machine
        self.cancel: Callable[[], object] = lambda: None
        self.other: Callable[[], object] = lambda: None
        self.lanes: Callable[[], dict[int, str | None]] | None = None
        self.outages: list[Outage] = []
        self._strikes = sorted(strikes, key=lambda strike: strike.at)
        up = running(machine.docker)
        self._served = [host for host in {*machine.edge.hosts, DIRECT_KEY} if self._is_answered(host, up)]
        self._full_until = self._away_until = -1
        self.untrue: list[str] = []

    def passing(self, where: str) -> None:
        """Do what is due, then raise what a full disk or an absent engine raises."""
        try:
            super().passing(where)
        except Crash:
            self._cut_power()
            raise
        count, name = len(self.passed) - 1, where.partition(" ")[2]
        if self._served:
            up = running(self.machine.docker)
            self.outages += [Outage(host, count, where) for host in self._served if not self._is_answered(host, up)]
        if where == "after agree" and self.lanes is not None:
            self._compare(self.lanes())
        while self._strikes and self._strikes[0].at <= count:
            if self._strikes[0].what in ("other", "cancel") and name in HELD_ALONE:
                break
            self._do(self._strikes.pop(0), count)
        self.machine.is_full = count < self._full_until
        if where.startswith("before"):
            self._raise(name, is_away=count < self._away_until)

    @property
    def is_down(self) -> bool:
        """Whether an outage lasted beyond the last passage."""
        return bool(self.outages) and self.outages[-1].at == len(self.passed) - 1

    def _is_answered(self, host: str, up: set[str]) -> bool:
        if self.machine.edge.is_answered(host, up):
            return True
        return host == DIRECT_KEY and HOST_PORT in self.machine.docker.published()

    def _compare(self, lanes: dict[int, str | None]) -> None:
        """Traffic follows the ledger: the edge never goes ahead of it."""
        edge = self.machine.edge
        routed = set(edge.hosts.values())
        ready = {slot: lane for (slot, lane), state in edge.lanes.items() if state == "ready" and slot in routed}
        self.untrue += [f"slot {slot}: {lane}" for slot, lane in ready.items() if lanes.get(slot, lane) != lane]

    def reading(self, name: str) -> None:
        """A look at the engine, which may be away."""
        if len(self.passed) < self._away_until:
            self._raise(name, is_away=True)

    def end(self) -> None:
        """The disk has room and the engine is there again."""
        self._full_until = self._away_until = -1
        self.machine.is_full = False

    def _raise(self, name: str, *, is_away: bool) -> None:
        if is_away and name not in LEDGER_EFFECTS | {"agree", "cut", "write_release"}:
            raise Unavailable("engine-down", "the Docker Engine does not answer")
        if not self.machine.is_full or name not in NEEDS_SPACE:
            return
        if name in LEDGER_EFFECTS:
            raise sqlite3.OperationalError("database or disk is full")
        if name in DOCKER_EFFECTS:
            raise EngineError(500, f"write /var/lib/docker: {os.strerror(errno.ENOSPC).lower()}")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _do(self, strike: Strike, count: int) -> None:
        docker, edge = self.machine.docker, self.machine.edge
        acts: dict[str, Callable[[], object]] = {
            "cancel": self.cancel,
            "other": self.other,
            "full": lambda: setattr(self, "_full_until", count + strike.lasts),
            "engine away": lambda: setattr(self, "_away_until", count + strike.lasts),
            "engine restarts": self._reboot,
            "edge restarts": self._restart_edge,
            "edge goes": lambda: setattr(edge, "is_running", False),
            "container goes": lambda: lose_container(docker, strike.pick),
            "image goes": lambda: lose_image(docker, strike.pick),
            "network goes": lambda: lose_network(docker, strike.pick),
        }
        acts[strike.what]()

    def _cut_power(self) -> None:
        """Once, where the crash was one."""
        if any(strike.what == "power" and strike.at == self.at for strike in self._strikes):
            self._strikes = []
            self._reboot()

    def _reboot(self) -> None:
        self.machine.docker.reboot()
        self._restart_edge()

    def _restart_edge(self) -> None:
        """The engine does it, where there is an edge. One that can't have a port it wants has ended again."""
        if self.machine.edge.is_running:
            with contextlib.suppress(EdgeError):
                self.machine.edge.restart()


def running(docker: FakeDocker) -> set[str]:
    """The addresses of the containers that run."""
    return {found.address for found in docker.by_name.values() if found.is_up and found.address}


def lose_container(docker: FakeDocker, pick: int) -> None:
    """`docker rm -f` of one of them."""
    if names := sorted(docker.by_name):
        del docker.by_name[names[pick % len(names)]]


def lose_image(docker: FakeDocker, pick: int) -> None:
    """`docker rmi` of one that no container uses."""
    unused = sorted(set(docker.images_here) - {found.workload.image for found in docker.by_name.values()})
    if unused:
        gone = unused[pick % len(unused)]
        del docker.images_here[gone]
        docker.pruned.add(gone)


def lose_network(docker: FakeDocker, pick: int) -> None:
    """`docker network rm` of one: its containers must be stopped for it."""
    if names := sorted(docker.networks):
        gone = names[pick % len(names)]
        del docker.networks[gone]
        for found in docker.by_name.values():
            if found.workload.endpoint and found.workload.endpoint.network == gone and found.is_up:
                found.state, found.exit_code = State.EXITED, 137
