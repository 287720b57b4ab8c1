"""Looking: what each kind of order is about, from ledger and engine. Changes nothing; `plan` looks in the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ferryman_agent.containers import accessory_name
from ferryman_agent.errors import Refused
from ferryman_agent.host import Host
from ferryman_agent.host.lookups import app_volumes, lasting_containers
from ferryman_agent.host.serving import Committed, committed, serving_of
from ferryman_agent.ledger import App, Release, ReleaseState
from ferryman_agent.manifest import parse_manifest
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.orders import (
    AccessoryRemoveOrder,
    DeployOrder,
    MaintenanceOrder,
    Order,
    RemoveOrder,
    RestartOrder,
    RollbackOrder,
    StartOrder,
    StopOrder,
)
from ferryman_agent.transaction.orders.commits import brought
from ferryman_agent.transaction.orders.deploying import rollback_target
from ferryman_agent.transaction.steps.accessories import containers as accessories
from ferryman_agent.transaction.steps.accessories.containers import Source
from ferryman_agent.transaction.steps.database import foreseen
from ferryman_agent.transaction.steps.roles import replaced
from ferryman_agent.transaction.steps.teardown.removal import what_goes


def look(host: Host, order: Order, app: App | None) -> Facts:
    """The facts of an order. Refused when it asks for what there is not; `app` None before its first deploy."""
    if app and app.removal and not isinstance(order, RemoveOrder):
        raise _being_removed(app)
    if isinstance(order, DeployOrder):
        return _deploy(host, order, app)
    assert app is not None  # noqa: S101 - everything else is asked of an app that is known
    return LOOKS[type(order)](host, order, app)


def _being_removed(app: App) -> Refused:
    why = f": {app.degraded}" if app.degraded else ""
    return Refused(
        "being-removed",
        f"{app.id} is being removed{why}",
        state="nothing was changed by this call",
        hint="ferryman remove",
    )


def _deploy(host: Host, order: DeployOrder, app: App | None) -> Facts:
    """A new release, unless it is what serves already, in full."""
    version, _ = host.ledger.environment(order.app_id)
    manifest = order.manifest
    release = Release(
        app=order.app_id,
        number=host.ledger.next_number(order.app_id),
        image=manifest.image,
        digest=order.digest,
        revision=order.revision,
        manifest=manifest.content,
        environment_version=version,
        migrations=None if order.migrations is None else list(order.migrations),
        state=ReleaseState.CANDIDATE,
        created_at="",
    )
    serving = host.ledger.release(app.id, app.serving) if app and app.serving else None
    commits = brought(order.commits, serving, host.ledger.releases(order.app_id))
    if app and serving and _is_served(host, app, serving, release):
        why = f"release {app.serving} serves this image and configuration already"
        return Facts(order, app, manifest, release, serving, unchanged=why, commits=commits)
    kept = [] if app is None or serving else app_volumes(host.engine, app.id)
    return _of_release(
        host,
        Facts(order, app, manifest, release, serving, commits=commits, detail=_found_again(release, app, kept)),
    )


def _found_again(release: Release, app: App | None, kept: list[str]) -> str:
    """With what a person may not expect: that the app starts, or that it takes over data of an app that was removed."""
    detail = f"release {release.number}"
    if app and app.stopped:
        return f"{detail}; starts the app, which was stopped"
    return f"{detail}; takes over the data that is here: {', '.join(kept)}" if kept else detail


def _is_served(host: Host, app: App, serving: Release, chosen: Release) -> bool:
    """Whether a deploy of it would change nothing: it serves, nothing is degraded, and every container runs."""
    if app.degraded or app.stopped or not serving.has_same_content(chosen):
        return False
    containers = map(host.engine.workload, lasting_containers(host.ledger, app, serving))
    return all(container is not None and container.is_up for container in containers)


def _of_release(host: Host, facts: Facts) -> Facts:
    """With what follows from the release that is to serve."""
    manifest, release, app = facts.wanted, facts.release, facts.app
    assert release is not None  # noqa: S101 - the caller has it
    image = host.engine.image(release.reference)
    return replace(
        facts,
        has_image=image is not None,
        accessories=accessories.described(host, app, Source(manifest, release)),
        migrations="run the migrations that are pending",
        roles=replaced(host, app, manifest),
        volumes=tuple(app_volumes(host.engine, app.id)) if app and manifest.volumes else (),
    )


def with_migrations(host: Host, facts: Facts) -> Facts:
    """With what would be migrated: a question to PostgreSQL, which a deploy asks when it comes to it."""
    if facts.unchanged or facts.release is None:
        return facts
    return replace(facts, migrations=foreseen(host, facts.app, facts.wanted, facts.release))


def _rollback(host: Host, order: RollbackOrder, app: App) -> Facts:
    ledger = host.ledger
    release = rollback_target(app, ledger.releases(app.id), order.number, ledger.served_before(app.id))
    manifest = parse_manifest(release.manifest)
    serving = ledger.release(app.id, app.serving) if app.serving else None
    detail = _found_again(release, app, [])
    return _of_release(host, Facts(order, app, manifest, release, serving, detail=detail))


def _of_serving(order: Order, target: Committed, **found: Any) -> Facts:
    return Facts(order, target.app, target.manifest, target.release, target.release, **found)


def _start(host: Host, order: StartOrder, app: App) -> Facts:
    target = serving_of(host, app)
    if not app.stopped:
        return _of_serving(order, target, unchanged=f"release {target.release.number} is not stopped")
    return _of_restart(host, order, target, list(target.manifest.roles))


def _restart(host: Host, order: RestartOrder, app: App) -> Facts:
    """Of all roles, of one, or of an accessory. Refused when there is no such role, or the app is stopped."""
    target = serving_of(host, app)
    known = list(target.manifest.roles)
    beside = _accessory_names(host, target)
    if app.stopped:
        raise Refused("app-stopped", f"{app.id} is stopped", hint="ferryman start")
    if order.role in beside:
        source = Source(target.manifest, target.release)
        record = accessories.replacement(host, app, source, str(order.role))
        detail = f"{order.role} as release {record.release} defines it"
        return _of_serving(order, target, detail=detail, replaces_web=False, records=(record,))
    if order.role is not None and order.role not in known:
        choices = [*known, *beside]
        raise Refused(
            "unknown-role",
            f"release {target.release.number} has no role {order.role}; it has {', '.join(choices)}",
            choices=choices,
        )
    return _of_restart(host, order, target, known if order.role is None else [order.role])


def _accessory_names(host: Host, target: Committed) -> list[str]:
    """The accessories that run, or that the serving release defines."""
    known = {record.name for record in host.ledger.accessories(target.app.id) if record.is_committed}
    return sorted(known | target.manifest.accessories.keys())


def _of_restart(host: Host, order: Order, target: Committed, roles: list[str]) -> Facts:
    app, manifest = target.app, target.manifest
    detail = f"release {target.release.number}: {', '.join(roles)}"
    others = tuple(role for role in roles if role != "web")
    if "web" not in roles:
        return _of_serving(order, target, detail=detail, replaces_web=False, roles=others, turning=tuple(roles))
    records = [record for record in host.ledger.accessories(app.id) if record.is_committed]
    return _of_serving(
        order,
        target,
        detail=detail,
        turn=app.turns.get("web", 0) + 1,
        has_image=host.engine.image(target.release.reference) is not None,
        accessories=", ".join(record.name for record in records),
        roles=replaced(host, app, manifest),
        turning=tuple(roles),
        volumes=tuple(app_volumes(host.engine, app.id)) if manifest.volumes else (),
    )


def _stop(host: Host, order: StopOrder, app: App) -> Facts:
    target = serving_of(host, app)
    wants_database = order.database and target.manifest.database is not None
    if app.stopped and (app.stopped.database or not wants_database):
        return _of_serving(order, target, unchanged=f"{app.id} is stopped already")
    return _of_serving(order, target)


def _maintenance(host: Host, order: MaintenanceOrder, app: App) -> Facts:
    target, known = serving_of(host, app), app.maintenance
    if order.is_on and target.manifest.is_published:
        raise Refused(
            "edge-needed",
            f"only the edge can answer in the place of {app.id}, and with the strategy recreate it has none",
            state="nothing was changed",
            hint='ferryman stop; or strategy = "blue-green" in [app]',
        )
    asked = (order.message, order.retry_after) if order.is_on else None
    is_same = asked == ((known.message, known.retry_after) if known else None)
    return _of_serving(order, target, unchanged="nothing changes" if is_same else "")


def _remove(host: Host, order: RemoveOrder, app: App) -> Facts:
    goes, target = what_goes(host, app.id, order.with_data), committed(host, app)
    if target is None:
        return Facts(order, app, goes=goes)
    return _of_serving(order, target, goes=goes)


def _remove_accessory(host: Host, order: AccessoryRemoveOrder, app: App) -> Facts:
    name, target, records = order.name, serving_of(host, app), host.ledger.accessories(app.id)
    found = [record for record in records if record.name == name]
    if not found:
        known = [record.name for record in records]
        raise Refused(
            "unknown-accessory",
            f"{app.id} has no accessory {name}; it has {', '.join(known) or 'none'}",
            choices=known,
        )
    if name in target.manifest.accessories:
        raise Refused(
            "accessory-defined",
            f"release {target.release.number} defines {name}",
            hint=f"take [accessories.{name}] out of ferryman.toml and deploy first",
        )
    remaining = tuple(record for record in records if record.name != name)
    return _of_serving(order, target, detail=accessory_name(found[0]), records=remaining)


LOOKS: dict[type, Callable[[Host, Any, App], Facts]] = {
    RollbackOrder: _rollback,
    StartOrder: _start,
    RestartOrder: _restart,
    StopOrder: _stop,
    MaintenanceOrder: _maintenance,
    RemoveOrder: _remove,
    AccessoryRemoveOrder: _remove_accessory,
}
