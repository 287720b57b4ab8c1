"""The removal of an app: its containers, network, images, releases and secrets go; its volumes only when asked for."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import uuid
from typing import Any

from ferryman_agent.containers import LANE_ADDRESS, network_name
from ferryman_agent.engine import Observed
from ferryman_agent.host import Host
from ferryman_agent.host.lookups import app_containers, app_volumes
from ferryman_agent.host.serving import committed
from ferryman_agent.ledger import App, Deployment, Kind, Outcome, Removal
from ferryman_agent.reports import AppRemoved, Place
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.orders import RemoveOrder
from ferryman_agent.transaction.steps.accessories import containers as accessories
from ferryman_agent.transaction.steps.roles import DROPPED_GRACE_SECONDS
from ferryman_agent.transaction.steps.step import Step, always
from ferryman_agent.transaction.steps.switchover import drain
from ferryman_agent.transaction.steps.teardown.retention import held_by_others
from ferryman_agent.transaction.steps.teardown.stopping import DATABASE_GRACE_SECONDS
from ferryman_agent.transaction.transaction import Transaction


def what_goes(host: Host, app_id: str, with_data: bool) -> dict[str, Any]:
    """What a removal takes away, and which volumes it keeps."""
    releases = host.ledger.releases(app_id)
    held = held_by_others(host, app_id)
    images = sorted({r.reference for r in releases if r.reference not in held and host.engine.image(r.reference)})
    volumes = app_volumes(host.engine, app_id)
    _, variables = host.ledger.environment(app_id)
    return {
        "containers": sorted(container.name for container in app_containers(host.engine, app_id)),
        "network": network_name(app_id),
        "images": images,
        "releases": len(releases),
        "variables": len(variables),
        "volumes": volumes if with_data else [],
        "kept": [] if with_data else volumes,
    }


def _commit(transaction: Transaction, _: StepEntry) -> None:
    """Decided here; each step after it can be done twice, and the end forgets the app."""
    order = transaction.order
    assert isinstance(order, RemoveOrder)  # noqa: S101 - the story of this order alone has this step
    change = {"removal": Removal(order.with_data, transaction.facts.goes)}
    with transaction.journal.committing():
        transaction.host.ledger.commit_change(transaction.journal.deployment, change)


COMMIT_REMOVAL = Step(StepName.COMMIT, always("the app is to be removed"), _commit)


def _close_edge(host: Host, app: App) -> None:
    """No new request reaches the app; those in flight finish, at most within the drain limit."""
    target = committed(host, app)
    if target is None:
        return
    host.routing.agree()
    drain(target, app.lane)
    if host.edge.state()["state"] == "running":
        for lane in LANE_ADDRESS:
            host.edge.cut(app.slot, lane)


def _remove_containers(host: Host, app: App) -> None:
    """Roles first, what they depend on last."""
    target = committed(host, app)
    graces = target.manifest.stop_graces if target else {}
    for container in sorted(app_containers(host.engine, app.id), key=_is_needed):
        if container.is_accessory:
            accessories.stop(host, container)
        else:
            grace = DATABASE_GRACE_SECONDS if container.role == "postgres" else DROPPED_GRACE_SECONDS
            host.engine.stop(container.id, graces.get(container.role, grace))
        host.engine.remove(container.id)


def _is_needed(container: Observed) -> bool:
    """By roles, which stop first."""
    return container.role == "postgres" or container.is_accessory


def _remove_network(host: Host, app: App) -> None:
    host.engine.remove_network(network_name(app.id))


def _remove_images(host: Host, app: App) -> None:
    """Those that only this app retained."""
    held = held_by_others(host, app.id)
    for reference in {release.reference for release in host.ledger.releases(app.id)} - held:
        host.engine.remove_image(reference)


def _remove_data(host: Host, app: App) -> None:
    if app.removal and app.removal.with_data:
        for volume in app_volumes(host.engine, app.id):
            host.engine.remove_volume(volume)


def _remove_files(host: Host, app: App) -> None:
    folder = host.secrets.app_folder(app.id)
    if folder.exists():
        shutil.rmtree(folder)


PARTS = {
    StepName.SWITCH: _close_edge,
    StepName.STOP: _remove_containers,
    StepName.NETWORK: _remove_network,
    StepName.IMAGES: _remove_images,
    StepName.DATA: _remove_data,
    StepName.FILES: _remove_files,
}
TEXTS = {
    StepName.SWITCH: "no new request reaches it",
    StepName.STOP: "its containers stop and go",
    StepName.NETWORK: "its network goes",
    StepName.IMAGES: "images that only this app retained go",
    StepName.DATA: "its volumes go",
    StepName.FILES: "its folder goes",
}


def _part(name: StepName, needs: StepName | None = None) -> Step:
    """A step that needs the one before: the order is what keeps a half-done removal harmless."""

    def plan(facts: Facts) -> str:
        is_kept = name is StepName.DATA and isinstance(facts.order, RemoveOrder) and not facts.order.with_data
        return "its volumes stay" if is_kept else TEXTS[name]

    return Step(name, plan, lambda transaction, _: PARTS[name](transaction.host, transaction.app), needs=needs)


STEPS = (
    _part(StepName.SWITCH),
    _part(StepName.STOP, StepName.SWITCH),
    _part(StepName.NETWORK, StepName.STOP),
    _part(StepName.IMAGES, StepName.NETWORK),
    _part(StepName.DATA, StepName.IMAGES),
    _part(StepName.FILES, StepName.DATA),
)


def end(transaction: Transaction) -> None:
    """An app that is gone has no deployments: its removal is recorded beside them. Else the reconciliation goes on."""
    host, app, journal = transaction.host, transaction.app, transaction.journal
    with contextlib.suppress(sqlite3.Error):  # on a full disk
        if transaction.open_ends:
            host.ledger.set_degraded(app.id, "; ".join(transaction.open_ends))
            return
        journal.keep_events(Outcome.SUCCEEDED)
        forget(host, app, journal.deployment, journal.seconds)


def forget(host: Host, app: App, deployment: Deployment, seconds: float | None) -> None:
    """The end: slot and subnet are free, and the removal's answer is kept."""
    goes = app.removal.goes if app.removal else {}
    ended = {"kind": "remove", "outcome": "succeeded", "seconds": seconds and round(seconds, 3), "degraded": ""}
    result = {**ended, **goes}
    with_data = bool(app.removal and app.removal.with_data)
    report = AppRemoved(Place(app.name, app.environment), with_data, result.get("kept"))
    host.ledger.remove_app(deployment, result, report.as_json())


def carry_on(host: Host, app: App) -> None:
    """Finish a removal that was interrupted after its commit.

    A rebuilt ledger does not know which deployment that was: it gets one of its own.
    """
    for act in PARTS.values():
        act(host, app)
    unfinished = [d for d in host.ledger.unfinished() if d.app == app.id and d.kind is Kind.REMOVE]
    found = unfinished[-1] if unfinished else host.ledger.begin(app, str(uuid.uuid4()), Kind.REMOVE, None)
    forget(host, app, found, None)
