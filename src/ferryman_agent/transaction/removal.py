"""The removal of an app: its containers, network, images, releases and secrets go; its volumes only when asked for."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ferryman_agent.containers import LANE_ADDRESS, network_name
from ferryman_agent.ledger import App, Deployment
from ferryman_agent.reports import AppRemoved, Place
from ferryman_agent.transaction import accessories, after
from ferryman_agent.transaction.change import RemoveOrder
from ferryman_agent.transaction.commits import NOTHING
from ferryman_agent.transaction.journal import Step
from ferryman_agent.transaction.retention import held_by_others
from ferryman_agent.transaction.run import Run
from ferryman_agent.transaction.server import Server
from ferryman_agent.transaction.stop import DATABASE_GRACE_SECONDS


def what_goes(server: Server, app_id: str, with_data: bool) -> dict[str, Any]:
    """What a removal takes away, and which volumes it keeps."""
    releases = server.ledger.releases(app_id)
    held = held_by_others(server, app_id)
    images = sorted({r.reference for r in releases if r.reference not in held and server.docker.image(r.reference)})
    volumes = sorted(server.docker.volumes({"ferryman.app": app_id}))
    _, variables = server.ledger.environment(app_id)
    return {
        "containers": sorted(found["Names"][0].lstrip("/") for found in _containers(server, app_id)),
        "network": network_name(app_id),
        "images": images,
        "releases": len(releases),
        "variables": len(variables),
        "volumes": volumes if with_data else [],
        "kept": [] if with_data else volumes,
    }


def _containers(server: Server, app_id: str) -> list[dict[str, Any]]:
    return server.docker.containers({"ferryman.app": app_id})


@dataclass
class Removal(Run):
    """Decided by its commit; each step after it can be done twice, and the last one forgets the app."""

    order: RemoveOrder

    def _reach_the_commit(self) -> bool:
        with self.journal.step("preflight"):
            found = what_goes(self.server, self.app.id, self.order.with_data)
        target = after.committed(self.server, self.app)
        self.journal.started(target.release if target else None, NOTHING)
        with self.journal.step("commit"), self.journal.committing():
            change = {"removal": {"with_data": self.order.with_data, "goes": found}}
            self.server.ledger.commit_change(self.journal.deployment, change)
        return True

    def _bring_forward(self, app: App) -> None:
        for name, act in STEPS:
            if not self._forward(name, partial(_without_step, act, self.server, app)):
                return

    def _go_forward(self) -> None:
        """As in every run; but an app that is gone has no deployments, so its removal is recorded beside them."""
        app = self.server.ledger.app(self.app.id)
        assert app is not None  # noqa: S101 - it was just committed
        self.server.copy_ledger(app.id)
        self._bring_forward(app)
        with contextlib.suppress(sqlite3.Error):  # on a full disk; the reconciliation goes on
            if self.open_ends:
                self.server.ledger.set_degraded(app.id, "; ".join(self.open_ends))
                return
            self.journal.keep_events("succeeded")
            forget(self.server, app, self.journal.deployment, self.journal.seconds)


def _without_step(act: Callable[[Server, App], None], server: Server, app: App, _: Step) -> None:
    act(server, app)


def _close_edge(server: Server, app: App) -> None:
    """No new request reaches the app; those in flight finish, at most within the drain limit."""
    target = after.committed(server, app)
    if target is None:
        return
    server.agree()
    after.drain(target, app.lane)
    if server.edge.state()["state"] == "running":
        for lane in LANE_ADDRESS:
            server.edge.cut(app.slot, lane)


def _remove_containers(server: Server, app: App) -> None:
    """Roles first, what they depend on last."""
    target = after.committed(server, app)
    graces = target.manifest.stop_graces if target else {}
    for container in sorted(_containers(server, app.id), key=_is_needed):
        role = container["Labels"].get("ferryman.role", "")
        if accessories.LABEL in container["Labels"]:
            accessories.stop(server, container)
        else:
            grace = DATABASE_GRACE_SECONDS if role == "postgres" else after.DROPPED_GRACE_SECONDS
            server.docker.stop(container["Id"], graces.get(role, grace))
        server.docker.remove(container["Id"])


def _is_needed(container: dict[str, Any]) -> bool:
    """By roles, which stop first."""
    return container["Labels"].get("ferryman.role") == "postgres" or accessories.LABEL in container["Labels"]


def _remove_network(server: Server, app: App) -> None:
    server.docker.remove_network(network_name(app.id))


def _remove_images(server: Server, app: App) -> None:
    """Those that only this app retained."""
    held = held_by_others(server, app.id)
    for reference in {release.reference for release in server.ledger.releases(app.id)} - held:
        server.docker.remove_image(reference)


def _remove_data(server: Server, app: App) -> None:
    if app.removal and app.removal["with_data"]:
        for volume in server.docker.volumes({"ferryman.app": app.id}):
            server.docker.remove_volume(volume)


def _remove_files(server: Server, app: App) -> None:
    folder = server.app_folder(app.id)
    if folder.exists():
        shutil.rmtree(folder)


STEPS: list[tuple[str, Callable[[Server, App], None]]] = [
    ("switch", _close_edge),
    ("stop", _remove_containers),
    ("network", _remove_network),
    ("images", _remove_images),
    ("data", _remove_data),
    ("files", _remove_files),
]


def forget(server: Server, app: App, deployment: Deployment, seconds: float | None) -> None:
    """The end: slot and subnet are free, and the removal's answer is kept."""
    removal = app.removal or {}
    ended = {"kind": "remove", "outcome": "succeeded", "seconds": seconds and round(seconds, 3), "degraded": ""}
    result = {**ended, **removal.get("goes", {})}
    report = AppRemoved(Place(app.name, app.environment), removal.get("with_data"), result.get("kept"))
    server.ledger.remove_app(deployment, result, report.as_json())


def carry_on(server: Server, app: App) -> None:
    """Finish a removal that was interrupted after its commit.

    A rebuilt ledger does not know which deployment that was: it gets one of its own.
    """
    for _, act in STEPS:
        act(server, app)
    unfinished = [d for d in server.ledger.unfinished() if d.app == app.id and d.kind == RemoveOrder.kind]
    found = unfinished[-1] if unfinished else server.ledger.begin(app, str(uuid.uuid4()), RemoveOrder.kind, None)
    forget(server, app, found, None)
    server.report_added()
