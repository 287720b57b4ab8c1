"""hello, status, releases, deployments: requests that change nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ferryman_agent import __version__
from ferryman_agent.containers import accessory_name, current_name, lane_address
from ferryman_agent.engine import Inspected
from ferryman_agent.ledger import App, Release
from ferryman_agent.manifest import Manifest, parse_manifest
from ferryman_agent.protocol import SUPPORTED
from ferryman_agent.requests.call import Call
from ferryman_agent.requests.schedules import told
from ferryman_agent.transaction.orders.deploying import known_app
from ferryman_agent.transaction.orders.parameters import app_id, whole_number
from ferryman_agent.transaction.steps.accessories.containers import Source, change_of

PROBE_TIMEOUT_SECONDS = 2.0


def hello(call: Call) -> dict[str, Any]:
    """Versions of agent, protocol and engine."""
    engine = call.host.engine.facts()
    return {
        "agent": __version__,
        "protocols": list(SUPPORTED),
        "role": call.role,
        "engine": engine.version,
        "architecture": engine.architecture,
        "duties": call.board.as_json(),
    }


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
    address = lane_address(app, lane)
    answer = call.host.probe(address, web.port, web.health, manifest.host_header, PROBE_TIMEOUT_SECONDS)
    return {"healthy": answer.is_healthy, "path": web.health, "status": answer.status}


def releases(call: Call) -> dict[str, Any]:
    """All releases of an app that the ledger knows, newest first."""
    app = known_app(call.host.ledger, call.params)
    listed = [
        {
            **r.summary(),
            "state": r.state,
            "created_at": r.created_at,
            "serving": r.number == app.serving,
            "image_here": "pruned" not in r.state and call.host.engine.image(r.reference) is not None,
        }
        for r in call.host.ledger.releases(app.id)
    ]
    return {"app": app.name, "environment": app.environment, "releases": listed}


def deployments(call: Call) -> dict[str, Any]:
    """The newest deployments of an app, newest first."""
    app = known_app(call.host.ledger, call.params)
    found = call.host.ledger.deployments(app.id, limit=min(whole_number(call.params, "limit") or 20, 500))
    keys = ("id", "kind", "release", "previous", "sequence", "state", "started_at", "seconds", "downtime", "error")
    return {"deployments": [{key: getattr(deployment, key) for key in keys} for deployment in found]}


def outbox(call: Call) -> dict[str, Any]:
    """How many reports wait for Harbour, and whether it takes them."""
    return call.outbox.state()


def environment_list(call: Call) -> dict[str, Any]:
    """Names and versions of what `env set` stored; values only for the operator who asks for them."""
    app = app_id(call.params)
    version, values = call.host.ledger.environment(app)
    shown = dict(values) if call.params.get("values") is True else dict.fromkeys(values)
    return {"version": version, "variables": dict(sorted(shown.items()))}


def environment_history(call: Call) -> dict[str, Any]:
    """All environment versions: number, time, and which names changed."""
    return {"versions": call.host.ledger.environment_history(app_id(call.params))}
