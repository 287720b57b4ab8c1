"""The steps after the commit: nothing here can be refused, all of it is repeated until it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ferryman_agent.containers import app_specification, at_address, current_name, labels, lane_address
from ferryman_agent.engine import EngineError
from ferryman_agent.errors import AgentError
from ferryman_agent.ledger import App, Release
from ferryman_agent.manifest import Manifest, Role, parse_manifest
from ferryman_agent.transaction.server import Server, have_running

LASTING = "unless-stopped"
RETURNING = "always"  # the engine starts it after a reboot although it was stopped: until the commit it is what serves
DRAIN_POLL_SECONDS = 0.05
DROPPED_GRACE_SECONDS = 10.0
STAY_UP_SECONDS = 3.0
STAY_UP_POLL_SECONDS = 0.2
PROBE_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True)
class Committed:
    """The committed release of an app, towards which the server is brought."""

    server: Server
    app: App
    manifest: Manifest
    release: Release

    def container(self, role: str) -> str:
        """The name of a role's container."""
        return current_name(self.app, role, self.release.number)

    @property
    def old_lane(self) -> str:
        """The lane that served before."""
        return self.app.next_lane

    @property
    def other_roles(self) -> list[Role]:
        """Every role but web."""
        return [role for role in self.manifest.roles.values() if role.name != "web"]


def committed(server: Server, app: App) -> Committed | None:
    """What the ledger says that this app serves; None before the first commit."""
    release = server.ledger.release(app.id, app.serving) if app.serving else None
    return Committed(server, app, parse_manifest(release.manifest), release) if release else None


def switch(target: Committed, making_way: Callable[[], None] = lambda: None) -> None:
    """The lasting restart policy, then the edge: new requests go to the committed release from here on.

    Where an old container publishes the port that the edge is to have, it goes before: `making_way` is called, and
    from then on nobody has the port until this returns.
    """
    server = target.server
    server.docker.set_restart_policy(target.container("web"), LASTING)
    if target.manifest.domain is None and server.publishing(target.app.id):
        making_way()
        stop_old(target)
    server.agree()


def drain(target: Committed, lane: str | None = None) -> bool:
    """Wait until a lane, the old one, has no open request; False when the limit came first and the rest was cut."""
    edge, slot, stopwatch = target.server.edge, target.app.slot, target.server.stopwatch
    lane = lane or target.old_lane
    deadline = stopwatch.seconds() + target.manifest.web.drain_timeout
    while edge.open_requests(slot, lane):
        if stopwatch.seconds() > deadline:
            edge.cut(slot, lane)
            return False
        stopwatch.wait(DRAIN_POLL_SECONDS)
    return True


def stop_old(target: Committed) -> None:
    """Stop and remove the web containers but the committed one."""
    _stop_others(target, target.manifest.web)


def others(target: Committed, role: str) -> list[dict[str, Any]]:
    """A role's containers, running or not, of whatever release but the committed one."""
    found = target.server.role_containers(target.app.id, role)
    return [container for name, container in found.items() if name != target.container(role)]


def _stop_others(target: Committed, role: Role) -> None:
    for container in others(target, role.name):
        target.server.docker.stop(container["Id"], role.stop_grace)
        target.server.docker.remove(container["Id"])


def has_other_roles(target: Committed) -> bool:
    """True when there is a role besides web, or a container of one that the release no longer has."""
    try:
        return bool(target.other_roles or _dropped(target))
    except (AgentError, EngineError):
        return True  # not known now: the step finds out


def replace_roles(target: Committed) -> str:
    """Replace every role other than web; returns why the release is degraded, '' when all stay up.

    What runs already is left alone; it is watched again only when it was degraded.
    """
    for container in _dropped(target):
        target.server.docker.stop(container["Id"], _own_grace(target, container["Labels"]))
        target.server.docker.remove(container["Id"])
    watched = []
    for role in target.other_roles:
        if role.overlap:
            is_new = start_role(target, role)
            _stop_others(target, role)
        else:
            _stop_others(target, role)
            is_new = start_role(target, role)
        if is_new or target.app.degraded:
            watched.append(role)
    return "; ".join(_watch(target, watched))


def _dropped(target: Committed) -> list[dict[str, Any]]:
    """Containers of roles that the release does not have; what is no role's carries other labels."""
    found = target.server.docker.containers({"ferryman.app": target.app.id, "ferryman.release": ""})
    return [
        container
        for container in found
        if container["Labels"].get("ferryman.role") not in target.manifest.roles
        and "ferryman.schedule" not in container["Labels"]
    ]


def _own_grace(target: Committed, carried: dict[str, str]) -> float:
    """The `stop_grace` that a container's own release gives its role."""
    number = carried["ferryman.release"]
    release = target.server.ledger.release(target.app.id, int(number)) if number.isdigit() else None
    graces = parse_manifest(release.manifest).stop_graces if release else {}
    return graces.get(carried.get("ferryman.role", ""), DROPPED_GRACE_SECONDS)


def start_role(target: Committed, role: Role) -> bool:
    """Have a role's container of the committed release running; True when it did not run."""
    docker, name = target.server.docker, target.container(role.name)

    def make() -> None:
        target.server.pull_release(target.release, None, lambda: False)
        docker.create(name, _specification(target, role))

    return have_running(docker, name, make)


def _specification(target: Committed, role: Role) -> dict[str, Any]:
    server, app, release = target.server, target.app, target.release
    environment = server.environment_of(app, target.manifest, release)
    specification = app_specification(app, target.manifest, release, role, environment)
    specification["HostConfig"]["RestartPolicy"] = {"Name": LASTING}
    if role.name != "web":
        return specification
    return at_address(specification, app, lane_address(app, app.lane or "a"), "web")


def _watch(target: Committed, roles: list[Role]) -> list[str]:
    """Problems of roles that do not stay up for a few seconds."""
    stopwatch = target.server.stopwatch
    problems: dict[str, str] = {}
    restarts: dict[str, int] = {}
    deadline = stopwatch.seconds() + STAY_UP_SECONDS
    while roles and stopwatch.seconds() < deadline:
        for role in roles:
            container = target.server.docker.container(target.container(role.name))
            count = container["RestartCount"] if container else 0
            # one that was degraded may have restarted long ago; a new one has not restarted yet
            is_stable = count == restarts.setdefault(role.name, count if target.app.degraded else 0)
            # while it is up again it does not tell why it had ended
            is_news = role.name not in problems and not is_stable
            if not container or not _is_up(container) or is_news:
                problems[role.name] = _problem(target, role, container)
        stopwatch.wait(STAY_UP_POLL_SECONDS)
    return list(problems.values())


def _is_up(container: dict[str, Any]) -> bool:
    return bool(container["State"]["Running"] and not container["State"].get("Restarting"))


def _problem(target: Committed, role: Role, container: dict[str, Any] | None) -> str:
    if container is None:
        return f"{role.name} has no container"
    last = (target.server.tail(target.container(role.name), 1) or [""])[-1]
    code = "" if _is_up(container) else f" (exit code {container['State']['ExitCode']})"
    return f"{role.name} does not stay up{code}" + (f": {last}" if last else "")


def remove_candidates(server: Server, app: App) -> None:
    """Remove what was never committed: migrations, and web containers that never got the lasting policy."""
    for container in server.docker.containers(labels(app.id, "migrate")):
        server.docker.remove(container["Id"])
    current = current_name(app, "web", app.serving) if app.serving else ""
    for name, container in server.role_containers(app.id, "web").items():
        found = server.docker.container(container["Id"]) if name != current else None
        if found and found["HostConfig"]["RestartPolicy"]["Name"] not in (LASTING, RETURNING):
            server.docker.remove(container["Id"])


def clear_lane(server: Server, app: App) -> None:
    """Free the lane that does not serve: candidates go at once, a release that served is drained first."""
    remove_candidates(server, app)
    serving = committed(server, app)
    if serving and others(serving, "web"):
        drain(serving)
        stop_old(serving)
