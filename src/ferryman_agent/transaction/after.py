"""The steps after the commit: nothing here can be refused, all of it is repeated until it is done."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ferryman_agent.containers import app_specification, at_address, container_name, labels, lane_address
from ferryman_agent.engine import EngineError
from ferryman_agent.ledger import App, Release
from ferryman_agent.manifest import Manifest, Role
from ferryman_agent.transaction.server import Server

LASTING = "unless-stopped"
DRAIN_POLL_SECONDS = 0.05
STAY_UP_SECONDS = 3.0


@dataclass(frozen=True)
class Committed:
    """The committed release of an app, towards which the server is brought."""

    server: Server
    app: App
    manifest: Manifest
    release: Release

    @property
    def web_name(self) -> str:
        """The name of its web container."""
        return container_name(self.app.id, "web", self.release.number)

    @property
    def old_lane(self) -> str:
        """The lane that served before."""
        return self.app.next_lane


def switch(committed: Committed) -> None:
    """The lasting restart policy, then the edge: new requests go to the committed release from here on."""
    committed.server.docker.set_restart_policy(committed.web_name, LASTING)
    committed.server.edge.agree(committed.server.routes())


def drain(committed: Committed) -> bool:
    """Wait until the old lane has no open request; False when the limit came first and the rest was cut."""
    edge, slot, lane = committed.server.edge, committed.app.slot, committed.old_lane
    deadline = time.monotonic() + committed.manifest.web.drain_timeout
    while edge.open_requests(slot, lane):
        if time.monotonic() > deadline:
            edge.cut(slot, lane)
            return False
        time.sleep(DRAIN_POLL_SECONDS)
    return True


def stop_old(committed: Committed) -> list[int]:
    """Stop and remove the web containers of other releases; returns their numbers."""
    return _stop_others(committed, committed.manifest.web)


def _stop_others(committed: Committed, role: Role) -> list[int]:
    docker = committed.server.docker
    found = committed.server.role_containers(committed.app.id, role.name)
    others = {number: container for number, container in found.items() if number != committed.release.number}
    for container in others.values():
        docker.stop(container["Id"], role.stop_grace)
        docker.remove(container["Id"])
    return sorted(others)


def replace_roles(committed: Committed) -> str:
    """Replace every role other than web; returns why the release is degraded, '' when all stay up."""
    roles = [role for role in committed.manifest.roles.values() if role.name != "web"]
    _remove_dropped_roles(committed)
    for role in roles:
        if role.overlap:
            start_role(committed, role)
        _stop_others(committed, role)
        if not role.overlap:
            start_role(committed, role)
    return "; ".join(_watch(committed, roles))


def _remove_dropped_roles(committed: Committed) -> None:
    kept = {*committed.manifest.roles, "postgres", "network", "volume"}
    for container in committed.server.docker.containers({"ferryman.app": committed.app.id}):
        if container["Labels"].get("ferryman.role") not in kept:
            committed.server.docker.stop(container["Id"], 10)
            committed.server.docker.remove(container["Id"])


def start_role(committed: Committed, role: Role) -> None:
    """Have a role's container of the committed release running, with the lasting restart policy."""
    server, app, release = committed.server, committed.app, committed.release
    name = container_name(app.id, role.name, release.number)
    if server.docker.container(name) is None:
        environment = server.environment_of(app, committed.manifest, release)
        specification = app_specification(app, committed.manifest, release, role, environment)
        specification["HostConfig"]["RestartPolicy"] = {"Name": LASTING}
        if role.name == "web":
            specification = at_address(specification, app, lane_address(app, app.lane or "a"), "web")
        server.docker.create(name, specification)
    server.docker.start(name)


def _watch(committed: Committed, roles: list[Role]) -> list[str]:
    """Problems of roles that do not stay up for a few seconds."""
    problems: dict[str, str] = {}
    deadline = time.monotonic() + STAY_UP_SECONDS
    while roles and time.monotonic() < deadline:
        for role in roles:
            name = container_name(committed.app.id, role.name, committed.release.number)
            container = committed.server.docker.container(name)
            if not container or not container["State"]["Running"] or container["RestartCount"]:
                code = container["State"]["ExitCode"] if container else None
                last = (committed.server.tail(name, 1) or [""])[-1]
                problems[role.name] = f"{role.name} does not stay up (exit code {code}): {last}"
        time.sleep(0.2)
    return list(problems.values())


def converge(committed: Committed) -> None:
    """Bring containers and edge to the committed release, whatever was interrupted.

    1. Its web container is there and runs; an image that is gone leaves this to the next deploy or rollback.
    2. The edge routes to it.
    3. Other releases' web containers drain, stop and go.
    """
    try:
        start_role(committed, committed.manifest.web)
    except EngineError:
        committed.server.ledger.set_degraded(committed.app.id, "the web container can't be started")
        return
    switch(committed)
    drain(committed)
    stop_old(committed)


def leftovers_of_candidates(server: Server, app: App) -> None:
    """Remove the containers of candidates that were never committed."""
    for role in ("web", "migrate"):
        for container in server.docker.containers(labels(app.id, role)):
            if container["Labels"].get("ferryman.release") != str(app.serving):
                server.docker.remove(container["Id"])
