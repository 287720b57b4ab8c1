"""What must hold whenever an agent has recovered and no transaction runs, as a list of what does not."""

from __future__ import annotations

from ferryman_agent.containers import (
    HOST_PORT,
    accessory_name,
    address,
    current_name,
    database_name,
    lane_address,
    network_name,
)
from ferryman_agent.edge import stopped
from ferryman_agent.engine import Keep
from ferryman_agent.host import Host
from ferryman_agent.ledger import AccessoryRecord, App, Release
from ferryman_agent.ledger.states import HELD
from ferryman_agent.manifest import Manifest, parse_accessory, parse_manifest
from ferryman_agent.testing.crash import CrashPoint
from ferryman_agent.testing.machine import FakeMachine
from ferryman_agent.transaction.steps.teardown.retention import held_by_others


def broken_promises(machine: FakeMachine, server: Host) -> list[str]:
    """Deployments without an outcome, and what is not as the ledger says, for every app."""
    broken = [f"{deployment.id} has no outcome" for deployment in server.ledger.unfinished()]
    broken += [f"edge and Docker have port {port}" for port in machine.docker.published() & machine.edge.ports()]
    for app in server.ledger.apps():
        broken += [f"{app.id} is still to be removed"] if app.removal else []
        release = server.ledger.release(app.id, app.serving) if app.serving else None
        records = server.ledger.accessories(app.id)
        broken += [f"{record.name} was never committed" for record in records if not record.is_committed]
        if release:
            broken += _broken(machine, app, release, records)
        else:
            broken += _left_over(machine, app, {database_name(app.id)})
        broken += _not_retained(machine, server, app) + _files_left_over(machine, server, app)
    return broken


def _not_retained(machine: FakeMachine, server: Host, app: App) -> list[str]:
    """The release that a rollback goes to is healthy, and its image is here unless somebody removed it by hand."""
    number = server.ledger.served_before(app.id)
    release = server.ledger.release(app.id, number) if number else None
    if release is None:
        return []
    is_here = release.reference in machine.docker.images_here or release.reference in machine.docker.pruned
    return [] if release.state == "healthy" and is_here else [f"release {number}, which served before, is not retained"]


def _files_left_over(machine: FakeMachine, server: Host, app: App) -> list[str]:
    """Folders and images of releases that nothing goes back to. The next prune takes those of failed ones."""
    releases = server.ledger.releases(app.id)
    held = {release.number for release in releases if release.state in (*HELD, "failed")}
    folder = machine.folder / "apps" / app.id / "releases"
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    references = {r.reference for r in releases if r.number in held} | held_by_others(server, app.id)
    images = {reference for release in releases if (reference := release.reference) in machine.docker.images_here}
    broken = [f"the folder of release {name} is left over" for name in sorted(names - {str(n) for n in held})]
    return broken + [f"image {name} is left over" for name in sorted(images - references)]


def _left_over(machine: FakeMachine, app: App, allowed: set[str]) -> list[str]:
    """Containers that belong to nothing; those of scheduled commands belong to their runs."""
    found = machine.docker.workloads({"ferryman.app": app.id})
    names = {container.name for container in found if not container.is_scheduled}
    return [f"{name} is left over" for name in sorted(names - allowed)]


def _broken(machine: FakeMachine, app: App, release: Release, records: list[AccessoryRecord]) -> list[str]:
    manifest = parse_manifest(release.manifest)
    place = lane_address(app, app.lane or "?")
    names = {current_name(app, role, release.number) for role in manifest.roles}
    kept = {database_name(app.id)} if manifest.database else set()
    kept |= {accessory_name(record) for record in records}
    broken = [text for record in records for text in _not_as_recorded(machine, app, record)]
    if app.stopped:
        return broken + _not_stopped(machine, app, (names, kept), manifest)
    names |= kept
    broken += _left_over(machine, app, names)
    for name in sorted(names):
        broken += _not_lasting(machine, name)
    broken += _off_its_network(machine, app, names)
    web = machine.docker.by_name.get(current_name(app, "web", release.number))
    if web and (web.address, web.workload.image) != (place, release.reference):
        broken.append(f"the web container is {web.workload.image} at {web.address}")
    broken += _not_reached(machine, app, manifest, place)
    if release.state != "healthy":
        broken.append(f"release {release.number} serves and is {release.state}")
    if app.degraded:
        broken.append(f"degraded: {app.degraded}")
    return broken


def _not_reached(machine: FakeMachine, app: App, manifest: Manifest, place: str) -> list[str]:
    """What keeps requests from the app, or sends them somewhere else."""
    if manifest.is_published:
        has = machine.docker.published()
        broken = [] if has == {HOST_PORT} else [f"{app.id} is to have port {HOST_PORT}, and Docker publishes {has}"]
        return broken + _routed(machine, app)
    broken = []
    targets = machine.edge.targets(manifest.domain)
    if targets != [f"{place}:{manifest.web.port}"]:
        broken.append(f"the edge routes to {targets} and not to {place}:{manifest.web.port}")
    if bool(app.maintenance) != bool(machine.edge.answer(manifest.domain)):
        broken.append(f"maintenance is {app.maintenance}, the edge says {machine.edge.answer(manifest.domain)}")
    return broken


def _routed(machine: FakeMachine, app: App) -> list[str]:
    """An edge that routes to an app whose port Docker publishes, now or once it is started anew."""
    slots = {route.slot for route in machine.edge.configured} | set(machine.edge.hosts.values())
    is_routed = machine.edge.is_running and app.slot in slots
    return [f"the edge routes to {app.id}, which is published"] if is_routed else []


def _not_as_recorded(machine: FakeMachine, app: App, record: AccessoryRecord) -> list[str]:
    container = machine.docker.by_name.get(accessory_name(record))
    if container is None:
        return [] if app.stopped and app.stopped.database else [f"{record.name} has no container"]
    found, place = (container.address, container.workload.image), address(app, record.address)
    image = parse_accessory(record.name, record.definition).image
    return [] if found == (place, image) else [f"{record.name} is {found} and not {(place, image)}"]


def _not_stopped(
    machine: FakeMachine, app: App, containers: tuple[set[str], set[str]], manifest: Manifest
) -> list[str]:
    """Roles are stopped; what is kept beside them runs, unless it was to stop too."""
    names, kept = containers
    broken = _left_over(machine, app, names | kept)
    found = [container for name in sorted(names | kept) if (container := machine.docker.by_name.get(name))]
    up = {container.name for container in found if container.is_up}
    returning = [container.name for container in found if container.keep is Keep.RETURNING]
    broken += [f"{name} comes up at a reboot" for name in returning]
    keeps_database = bool(app.stopped and not app.stopped.database)
    if up != (kept if keeps_database else set()):
        broken.append(f"{app.id} is stopped, and {sorted(up)} run")
    if manifest.is_published:
        broken += _routed(machine, app)
    elif machine.edge.answer(manifest.domain) != stopped():
        broken.append(f"{app.id} is stopped, and the edge says {machine.edge.answer(manifest.domain)}")
    return broken + ([f"degraded: {app.degraded}"] if app.degraded else [])


def _off_its_network(machine: FakeMachine, app: App, names: set[str]) -> list[str]:
    found = [container for name in sorted(names) if (container := machine.docker.by_name.get(name))]
    off = [container for container in found if network_name(app.id) not in container.addresses]
    return [f"{container.name} is off its network" for container in off]


def _not_lasting(machine: FakeMachine, name: str) -> list[str]:
    container = machine.docker.by_name.get(name)
    if container is None:
        return [f"{name} is not there"]
    is_up = container.is_up and container.keep is Keep.UP
    return [] if is_up else [f"{name} is {container.state} and kept {container.keep.value}"]


class Watch(CrashPoint):
    """Never crashes; at each passage it looks whether a request would find a container that runs."""

    def __init__(self, machine: FakeMachine) -> None:
        super().__init__()
        self.machine = machine
        self.outages: list[str] = []

    def passing(self, where: str) -> None:
        """Note the passage, and that it was an outage."""
        super().passing(where)
        targets = {target.partition(":")[0] for target in self.machine.edge.targets(None)}
        up = {found.address for found in self.machine.docker.by_name.values() if found.is_up}
        if not targets or not targets <= up:
            self.outages.append(where)
