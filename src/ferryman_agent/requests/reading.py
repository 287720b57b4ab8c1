"""hello, status, releases, deployments, plan: requests that change nothing."""

from __future__ import annotations

from typing import Any

from ferryman_agent import __version__
from ferryman_agent.containers import accessory_name, current_name, lane_address
from ferryman_agent.database import known_migrations, pending
from ferryman_agent.engine import Image, Inspected
from ferryman_agent.ledger import App, Release
from ferryman_agent.manifest import Manifest, parse_manifest
from ferryman_agent.protocol import SUPPORTED
from ferryman_agent.requests.call import Call
from ferryman_agent.requests.schedules import told
from ferryman_agent.transaction.accessories import Source, change_of, described
from ferryman_agent.transaction.before import missing_variables
from ferryman_agent.transaction.commits import NOTHING, brought
from ferryman_agent.transaction.order import app_id, known_app, parse_deploy, rollback_target, whole_number

PROBE_TIMEOUT_SECONDS = 2.0


def hello(call: Call) -> dict[str, Any]:
    """Versions of agent, protocol and engine."""
    engine = call.server.docker.facts()
    return {
        "agent": __version__,
        "protocols": list(SUPPORTED),
        "role": call.role,
        "engine": engine.version,
        "architecture": engine.architecture,
    }


def status(call: Call) -> dict[str, Any]:
    """What serves: release, state, containers, health, since; for one app, or for all."""
    is_one = call.params.get("app") is not None
    apps = [known_app(call.server.ledger, call.params)] if is_one else call.server.ledger.apps()
    return {
        "agent": __version__,
        "edge": call.server.edge.state(),
        "outbox": call.outbox.state(),
        "apps": [_app_status(call, app) for app in apps],
    }


def _app_status(call: Call, app: App) -> dict[str, Any]:
    release = call.server.ledger.release(app.id, app.serving) if app.serving else None
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
        "maintenance": app.maintenance,
        "stopped": app.stopped,
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
    for record in call.server.ledger.accessories(app.id):
        if record.is_committed:
            name = accessory_name(record)
            container = call.server.docker.workload(name)
            found[record.name] = {
                **_told(name, container),
                "health": container.health if container else None,
                "image": record.definition["image"],
                "release": record.release,
                "definition": change_of(call.server, record, source) or "current",
            }
    return found


def _container(call: Call, app: App, release: Release, role: str) -> dict[str, Any]:
    name = current_name(app, role, release.number)
    return _told(name, call.server.docker.workload(name))


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
    answer = call.server.probe(address, web.port, web.health, manifest.host_header, PROBE_TIMEOUT_SECONDS)
    return {"healthy": answer.is_healthy, "path": web.health, "status": answer.status}


def releases(call: Call) -> dict[str, Any]:
    """All releases of an app that the ledger knows, newest first."""
    app = known_app(call.server.ledger, call.params)
    listed = [
        {
            **r.summary(),
            "state": r.state,
            "created_at": r.created_at,
            "serving": r.number == app.serving,
            "image_here": "pruned" not in r.state and call.server.docker.image(r.reference) is not None,
        }
        for r in call.server.ledger.releases(app.id)
    ]
    return {"app": app.name, "environment": app.environment, "releases": listed}


def deployments(call: Call) -> dict[str, Any]:
    """The newest deployments of an app, newest first."""
    app = known_app(call.server.ledger, call.params)
    found = call.server.ledger.deployments(app.id, limit=min(whole_number(call.params, "limit") or 20, 500))
    keys = ("id", "kind", "release", "previous", "sequence", "state", "started_at", "seconds", "downtime", "error")
    return {"deployments": [{key: getattr(deployment, key) for key in keys} for deployment in found]}


def plan(call: Call) -> dict[str, Any]:
    """What a deploy or a rollback would do; changes nothing."""
    if call.params.get("kind") == "rollback":
        app = known_app(call.server.ledger, call.params)
        ledger, number = call.server.ledger, whole_number(call.params, "to")
        target = rollback_target(app, ledger.releases(app.id), number, ledger.served_before(app.id))
        return {**_plan(call, app, target, parse_manifest(target.manifest)), **NOTHING.as_json()}
    order = parse_deploy(call.params)
    found = call.server.ledger.app(order.manifest.app_id)
    version, _ = call.server.ledger.environment(order.manifest.app_id)
    releases = call.server.ledger.releases(order.manifest.app_id)
    number = call.server.ledger.next_number(order.manifest.app_id)
    fields = (order.manifest.app_id, number, order.manifest.image, order.digest, order.revision)
    release = Release(*fields, order.manifest.content, version, migrations=None, state="candidate", created_at="")
    serving = next((r for r in releases if found and r.number == found.serving), None)
    commits = brought(order.commits, serving, releases)
    return {**_plan(call, found, release, order.manifest), **commits.as_json()}


def _plan(call: Call, app: App | None, release: Release, manifest: Manifest) -> dict[str, Any]:
    serving = call.server.ledger.release(app.id, app.serving) if app and app.serving else None
    _, stored = call.server.ledger.environment(manifest.app_id, release.environment_version)
    missing = missing_variables(manifest, stored)
    is_same = serving is not None and serving.has_same_content(release)
    image = call.server.docker.image(release.reference)
    return {
        "app": manifest.app,
        "environment": manifest.environment,
        "serving": serving.summary() if serving else None,
        "release": release.summary(),
        "unchanged": is_same,
        "refused": [f"ferryman.toml requires {name}, which is not set" for name in missing],
        "steps": [] if is_same else _steps(call, app, Source(manifest, release), image),
    }


def _steps(call: Call, app: App | None, source: Source, image: Image | None) -> list[dict[str, str]]:
    manifest, web = source.manifest, source.manifest.web
    beside = described(call.server, app, source)
    others = [role for role in manifest.roles if role != "web"]
    steps: list[tuple[str, str]] = [
        ("preflight", "check variables, domain and sequence"),
        ("room", "check disk, inodes and memory"),
        ("pull", "the image is on the server already" if image else f"pull {manifest.image} by digest"),
        *([("accessories", beside)] if beside else []),
        ("database", _database_plan(call, app, manifest, image)),
    ]
    start = [
        ("start web", f"{manifest.memory >> 20} MiB, {manifest.cpus:g} CPUs, port {web.port}"),
        ("healthy", f"GET {web.health} as {manifest.host_header}, at most {web.health_timeout:g} s"),
        ("commit", "the new release is what serves"),
    ]
    stop = ("stop old", f"SIGTERM, SIGKILL after {web.stop_grace:g} s")
    if manifest.is_published:
        down = ("stop old", f"{stop[1]}; from here on it is down, until the new one is healthy or the old one is back")
        steps += [down, *start, ("remove old", "the old container goes")]
    else:
        switch = [("switch", "the edge sends new requests to it")]
        drain = [("drain", f"wait for open requests, at most {web.drain_timeout:g} s")]
        steps += [*start, *switch, *drain, stop]
    steps += [("roles", f"replace {', '.join(others)}")] if others else []
    steps.append(("retain", f"keep the last {manifest.retain} healthy releases"))
    return [{"step": name, "detail": detail} for name, detail in steps]


def _database_plan(call: Call, app: App | None, manifest: Manifest, image: Image | None) -> str:
    if manifest.database is None or not manifest.database.migrate:
        return "nothing to migrate"
    if app is None or call.server.docker.workload(f"ferryman.{app.id}.postgres") is None:
        return f"start PostgreSQL {manifest.database.version} and run all migrations"
    known = known_migrations(image) if image else None
    if known is None:
        return "run the migrations that are pending (known once the image is on the server)"
    todo = pending(known, call.server.postgres(app).applied_migrations()) or []
    return f"run {len(todo)} migrations: {', '.join(todo)}" if todo else "no migration is pending"


def outbox(call: Call) -> dict[str, Any]:
    """How many reports wait for Harbour, and whether it takes them."""
    return call.outbox.state()


def environment_list(call: Call) -> dict[str, Any]:
    """Names and versions of what `env set` stored; values only for the operator who asks for them."""
    app = app_id(call.params)
    version, values = call.server.ledger.environment(app)
    shown = dict(values) if call.params.get("values") is True else dict.fromkeys(values)
    return {"version": version, "variables": dict(sorted(shown.items()))}


def environment_history(call: Call) -> dict[str, Any]:
    """All environment versions: number, time, and which names changed."""
    return {"versions": call.server.ledger.environment_history(app_id(call.params))}
