"""An edge in memory: what the running HAProxy does, and what its configuration would have it do after a restart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ferryman_agent.containers import HOST_PORT
from ferryman_agent.edge import Closed, Edge, Route
from ferryman_agent.edge.configuration import (
    DIRECT,
    DIRECT_KEY,
    LANES,
    NAMED,
    PORTS,
    UNUSED_ADDRESS,
    files,
    frontends,
    server_lines,
)
from ferryman_agent.edge.runtime import EdgeError


class FakeEdge(Edge):
    """Lanes are `ready`, `drain` or `maint`; `requests` is how many are open: (slot, lane) → counts, one per look."""

    def __init__(self) -> None:
        self.is_running = False
        self.is_broken = False
        self.restarts = 0
        self.known_frontends: set[str] = set()
        self.open_frontends: set[str] = set()
        self.taken_ports: Callable[[], set[int]] = set
        self.configured: list[Route] = []
        self.lanes: dict[tuple[int, str], str] = {}
        self.addresses: dict[tuple[int, str], str] = {}
        self.hosts: dict[str, int] = {}
        self.requests: dict[tuple[int, str], list[int]] = {}
        self.answers: dict[int, Closed] = {}

    def agree(self, routes: list[Route]) -> None:
        self._check(is_needed=False)
        self.configured = list(routes)
        if not self.is_running or not self.known_frontends >= frontends(routes):
            if routes or self.is_running:
                self.restart()
            return
        for route in (route for route in routes if route.is_known):
            for lane, (address, serves) in server_lines(route).items():
                if serves:
                    self.addresses[route.slot, lane] = address
                    self.lanes[route.slot, lane] = "ready"
                else:
                    self.lanes[route.slot, lane] = "drain"
        self.hosts = {route.key: route.slot for route in routes if route.is_known}
        self.answers = {route.slot: route.closed for route in routes if route.closed}
        self._have_port(DIRECT in self.known_frontends & frontends(routes))

    def _have_port(self, is_needed: bool) -> None:
        self.open_frontends -= {DIRECT}
        if is_needed:
            self._bind(DIRECT)

    def _bind(self, frontend: str) -> None:
        if PORTS[frontend] in self.taken_ports():
            raise EdgeError("edge-refused", "Failed to resume frontend (port conflict?)")
        self.open_frontends.add(frontend)

    def ports(self) -> set[int]:
        """The port of apps without a domain, while the edge has it."""
        return {HOST_PORT} if self.is_running and DIRECT in self.open_frontends else set()

    def ports_to_open(self, route: Route) -> set[int]:
        return {PORTS[frontend] for frontend in frontends([route]) - self.known_frontends}

    def prepare(self) -> None:
        """Its image is always here."""

    def remove(self) -> None:
        self.is_running = False
        self.open_frontends, self.known_frontends = set(), set()

    def is_written(self, routes: list[Route]) -> bool:
        return files(self.configured) == files(routes)

    def written(self) -> dict[str, str]:
        return files(self.configured)

    def restart(self) -> None:
        """What HAProxy does with its configuration when it starts: it must have every port, or it ends."""
        self.restarts += 1
        self.is_running, self.open_frontends = False, set()
        self.known_frontends = frontends(self.configured)
        for frontend in sorted(self.known_frontends):
            self._bind(frontend)
        self.is_running = True
        served = [route for route in self.configured if route.is_known]
        self.answers = {route.slot: route.closed for route in served if route.closed}
        self.lanes = {(r.slot, lane): "ready" if lane == r.lane else "maint" for r in served for lane in LANES}
        self.addresses = {(route.slot, lane): route.addresses[lane] for route in served for lane in LANES}
        self.hosts = {route.key: route.slot for route in served}

    def _check(self, is_needed: bool = True) -> None:
        if self.is_broken or (is_needed and not self.is_running):
            raise EdgeError("edge-down", "the edge's runtime socket does not answer")

    def open_requests(self, slot: int, lane: str) -> int:
        counts = self.requests.get((slot, lane), [])
        return counts.pop(0) if counts else 0

    def cut(self, slot: int, lane: str) -> None:
        self._check()
        self.requests.pop((slot, lane), None)
        self.lanes[slot, lane] = "maint"

    def state(self) -> dict[str, Any]:
        return {"state": "running" if self.is_running else "missing", "since": None}

    def closed(self, slot: int) -> str | None:
        self._check()
        return self.answers[slot].value if slot in self.answers else None

    def serving_lane(self, slot: int) -> str | None:
        self._check()
        ready = [lane for lane in LANES if self.lanes.get((slot, lane)) == "ready"]
        return ready[0] if len(ready) == 1 else None

    def answer(self, domain: str | None) -> Closed | None:
        """What a new request for this host name is answered with, in the app's place."""
        return self.answers.get(self.hosts.get(domain or DIRECT_KEY, 0))

    def is_answered(self, host: str, up: set[str]) -> bool:
        """Whether a new request for a key of the host map finds an answer: the edge's own, or a container that runs."""
        slot, frontend = self.hosts.get(host), DIRECT if host == DIRECT_KEY else NAMED
        if not self.is_running or slot is None or frontend not in self.open_frontends:
            return False
        ready = [self.addresses.get((slot, lane), "") for lane in LANES if self.lanes.get((slot, lane)) == "ready"]
        return slot in self.answers or bool(ready and all(place.partition(":")[0] in up for place in ready))

    def targets(self, domain: str | None) -> list[str]:
        """The addresses that a new request for this host name may reach now, if the edge does not answer itself."""
        key, frontend = domain or DIRECT_KEY, NAMED if domain else DIRECT
        slot = self.hosts.get(key)
        if not self.is_running or slot is None or frontend not in self.open_frontends:
            return []
        return [
            self.addresses.get((slot, lane), UNUSED_ADDRESS)
            for lane in LANES
            if self.lanes.get((slot, lane)) == "ready"
        ]
