"""Pure: what the server has is compared with what the ledger says, or would say, in words for a person."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman_agent.containers import current_name, database_name
from ferryman_agent.doctor.findings import Found
from ferryman_agent.ledger import App, Release


def differences(apps: Sequence[App], releases: Sequence[Release], found: Found) -> list[str]:
    """Nothing when containers, networks and the edge's files are as these rows want them."""
    said = [f"{app_id}: the ledger does not know it" for app_id in found.app_ids if app_id not in {a.id for a in apps}]
    for app in apps:
        own = {release.number: release for release in releases if release.app == app.id}
        said += [f"{app.id}: {difference}" for difference in _of_app(app, own, found)]
    return said


def _of_app(app: App, releases: dict[int, Release], found: Found) -> list[str]:
    if app.removal:
        return ["it is being removed"]
    serving = releases.get(app.serving) if app.serving else None
    if serving is None:
        return [f"{c.name} is there, and nothing serves" for c in found.of(app.id) if c.role not in ("postgres",)]
    said = [*_of_containers(app, serving, found), *_of_edge(app, serving, found)]
    if found.networks.get(app.id) != app.subnet:
        said.append("its network is not there" if app.id not in found.networks else "its network has another subnet")
    copies = {copy.app_id: copy for copy in found.copies}
    kept = copies[app.id].releases if app.id in copies else {}
    said += [
        f"the folder of release {n} is not there" for n, r in releases.items() if r.state == "healthy" and n not in kept
    ]
    return said


def _of_containers(app: App, serving: Release, found: Found) -> list[str]:
    roles = {role: current_name(app, role, serving.number) for role in serving.manifest.get("roles", {})}
    if serving.manifest.get("database"):
        roles["postgres"] = database_name(app.id)
    there = {container.name: container for container in found.of(app.id)}
    other = [name for name, c in there.items() if not (c.is_accessory or c.is_run or name in roles.values())]
    said = [f"{name} is there, and is not needed" for name in other]
    if app.stopped:
        return said + [
            f"{c.name} runs, and the app is stopped" for c in there.values() if c.is_running and c.role == "web"
        ]
    for name in roles.values():
        if name not in there:
            said.append(f"{name} is not there")
        elif not there[name].is_running:
            said.append(f"{name} does not run")
        elif not there[name].is_attached:
            said.append(f"{name} is not on the app's network")
    return said


def _of_edge(app: App, serving: Release, found: Found) -> list[str]:
    if serving.manifest.get("strategy") == "recreate":  # its port is Docker's
        return []
    slot = next((slot for slot in found.slots if slot.slot == app.slot), None)
    if slot is None:
        return ["the edge's files do not have it"]
    wanted = None if app.stopped else app.lane
    return [] if slot.lane == wanted else [f"the edge sends requests to lane {slot.lane}, not to {wanted}"]
