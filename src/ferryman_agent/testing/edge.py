"""An edge in memory: what the running HAProxy does, and what its configuration would have it do after a restart."""

from __future__ import annotations

from typing import Any

from ferryman_agent.edge import Closed, Edge, Route
from ferryman_agent.edge.configuration import DIRECT_KEY, LANES, UNUSED_ADDRESS, frontends, server_lines
from ferryman_agent.edge.runtime import EdgeError


class FakeEdge(Edge):
    """Lanes are `ready`, `drain` or `maint`; `requests` is how many are open: (slot, lane) → counts, one per look."""

    def __init__(self) -> None:
        self.is_running = False
        self.is_broken = False
        self.restarts = 0
        self.open_frontends: set[str] = set()
        self.configured: list[Route] = []
        self.lanes: dict[tuple[int, str], str] = {}
        self.addresses: dict[tuple[int, str], str] = {}
        self.hosts: dict[str, int] = {}
        self.requests: dict[tuple[int, str], list[int]] = {}
        self.answers: dict[int, Closed] = {}

    def agree(self, routes: list[Route]) -> None:
        self._check(is_needed=False)
        self.configured = list(routes)
        if not self.is_running or not self.open_frontends >= frontends(routes):
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

    def restart(self) -> None:
        """What HAProxy does with its configuration when it starts."""
        self.restarts += 1
        self.is_running = True
        self.open_frontends = frontends(self.configured)
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

    def targets(self, domain: str | None) -> list[str]:
        """The addresses that a new request for this host name may reach now, if the edge does not answer itself."""
        key, frontend = domain or DIRECT_KEY, "named" if domain else "direct"
        slot = self.hosts.get(key)
        if not self.is_running or slot is None or frontend not in self.open_frontends:
            return []
        return [
            self.addresses.get((slot, lane), UNUSED_ADDRESS)
            for lane in LANES
            if self.lanes.get((slot, lane)) == "ready"
        ]
