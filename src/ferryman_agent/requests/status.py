"""status: what serves, and how it is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ferryman_agent import __version__
from ferryman_agent.containers import accessory_name, current_name, lane_endpoint
from ferryman_agent.engine import Inspected
from ferryman_agent.host.probe import LOOK_TIMEOUT_SECONDS, Question
from ferryman_agent.ledger import App, Release
from ferryman_agent.manifest import Manifest, parse_manifest
from ferryman_agent.requests.call import Call
from ferryman_agent.requests.run import told
from ferryman_agent.transaction.orders.deploying import known_app
from ferryman_agent.transaction.steps.accessories.containers import Source, change_of


def status(call: Call) -> dict[str, Any]:
    """What serves: release, state, containers, health, since; for one app, or for all."""
    is_one = call.params.get("app") is not None
    apps = [known_app(call.host.ledger, call.params)] if is_one else call.host.ledger.apps()
    return {
        "agent": __version__,
        "edge": call.host.edge.state(),
        "outbox": call.outbox.state(),
        "duties": call.board.as_json(),
        "notices": [notice.as_json() for notice in call.host.ledger.notices(apps[0].id if is_one else None)],
        "apps": [_app_status(call, app) for app in apps],
    }


def _app_status(call: Call, app: App) -> dict[str, Any]:
    release = call.host.ledger.release(app.id, app.serving) if app.serving else None
    found: dict[str, Any] = {
        "app": app.name,
        "environment": app.environment,
        "release": release.summary() if release else None,
        "state": "none",
        "since": app.since,
        "health": None,
        "roles": {},
        "accessories": {},
        "schedules": {},
        "degraded": app.degraded,
        "maintenance": app.maintenance and asdict(app.maintenance),
        "stopped": app.stopped and asdict(app.stopped),
        "running": call.running.told(app.id),
        "waiting": call.running.waiting(app.id),
    }
    if release:
        manifest = parse_manifest(release.manifest)
        found["domain"], found["strategy"] = manifest.domain, manifest.strategy
        found["roles"] = {role: _container(call, app, release, role) for role in manifest.roles}
        found["accessories"] = _accessories(call, app, Source(manifest, release))
        found["schedules"] = told(call, app, manifest)
        found["health"] = _health(call, app, manifest)
        found["state"] = _state(app, found)
    if app.removal:
        found["state"] = "removing"
    return found


def _state(app: App, found: dict[str, Any]) -> str:
    if app.stopped:
        return "stopped"
    others = [*found["roles"].values(), *found["accessories"].values()]
    is_up = found["health"]["healthy"] and all(
        container["state"] == "running" and container.get("health") != "unhealthy" for container in others
    )
    if not is_up or app.degraded:
        return "degraded"
    return "maintenance" if app.maintenance else "serving"


def _accessories(call: Call, app: App, source: Source) -> dict[str, Any]:
    """What runs, its health, and how it differs from what the release that serves defines."""
    found = {}
    for record in call.host.ledger.accessories(app.id):
        if record.is_committed:
            name = accessory_name(record)
            container = call.host.engine.workload(name)
            found[record.name] = {
                **_told(name, container),
                "health": container.health if container else None,
                "image": record.definition["image"],
                "release": record.release,
                "definition": change_of(call.host, record, source) or "current",
            }
    return found


def _container(call: Call, app: App, release: Release, role: str) -> dict[str, Any]:
    name = current_name(app, role, release.number)
    return _told(name, call.host.engine.workload(name))


def _told(name: str, container: Inspected | None) -> dict[str, Any]:
    if container is None:
        return {"container": name, "state": "missing", "since": None, "restarts": 0}
    since, state = container.started_at or None, container.state.value
    return {"container": name, "state": state, "since": since, "restarts": container.restarts}


def _health(call: Call, app: App, manifest: Manifest) -> dict[str, Any]:
    web, lane = manifest.web, app.lane or "a"
    if app.stopped:
        return {"healthy": False, "path": web.health, "status": None}
    address = lane_endpoint(app, lane).address or ""
    answer = call.host.probe(address, Question.of(manifest), LOOK_TIMEOUT_SECONDS)
    return {"healthy": answer.is_healthy, "path": web.health, "status": answer.status}
