"""Stop and maintenance: the edge answers in the app's place, and the ledger says so until the opposite is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ferryman_agent.containers import database_name
from ferryman_agent.errors import Refused
from ferryman_agent.ledger import App
from ferryman_agent.transaction import accessories, after
from ferryman_agent.transaction.after import Committed
from ferryman_agent.transaction.change import MaintenanceOrder, StopOrder
from ferryman_agent.transaction.commits import NOTHING
from ferryman_agent.transaction.journal import Step
from ferryman_agent.transaction.run import Run
from ferryman_agent.transaction.server import Server

DATABASE_GRACE_SECONDS = 60.0
UP = ("running", "restarting", "paused")


def serving_of(server: Server, app: App) -> Committed:
    """What the app serves, or served until it was stopped; Refused `nothing-serves` before the first commit."""
    target = after.committed(server, app)
    if target is None:
        raise Refused(
            "nothing-serves",
            f"{app.id} has no release that serves",
            state="nothing was changed",
            hint="ferryman deploy",
        )
    return target


@dataclass
class Stop(Run):
    """New requests are answered by the edge, those in flight finish, then every role stops."""

    order: StopOrder

    def _reach_the_commit(self) -> bool:
        with self.journal.step("preflight") as step:
            target = serving_of(self.server, self.app)
            stopped, database = self.app.stopped, self.order.database and target.manifest.database is not None
            if stopped and (stopped["database"] or not database):
                step.detail = f"{self.app.id} is stopped already"
                return False
            self.server.ledger.target(self.journal.deployment.id, target.release.number)
        self.journal.started(target.release, NOTHING)
        with self.journal.step("commit"), self.journal.committing():
            since = stopped["since"] if stopped else self.journal.deployment.started_at
            change = {"stopped": {"database": database, "since": since}, "degraded": ""}
            self.server.ledger.commit_change(self.journal.deployment, change)
        return True

    def _bring_forward(self, app: App) -> None:
        if not serving_of(self.server, app).manifest.is_published:
            if not self._forward("switch", lambda _: self.server.agree()):
                return
            self._forward("drain", lambda step: _drain(self.server, app, step))
        self._forward("stop", lambda _: stop_all(self.server, app))


def _drain(server: Server, app: App, step: Step) -> None:
    target = serving_of(server, app)
    if not after.drain(target, app.lane):
        step.detail = f"open requests were cut after {target.manifest.web.drain_timeout:g} s"


def stop_all(server: Server, app: App) -> None:
    """Stop what must not run while the app is stopped. The containers stay, and with them their logs."""
    target = serving_of(server, app)
    after.remove_candidates(server, app)
    for container in server.role_containers(app.id, "web").values():  # a deploy that failed may have left another one
        server.docker.set_restart_policy(container["Id"], after.LASTING)
    for container in server.docker.containers({"ferryman.app": app.id}):
        role = container["Labels"].get("ferryman.role", "")
        if role != "postgres" and accessories.LABEL not in container["Labels"] and container["State"] in UP:
            server.docker.stop(container["Id"], target.manifest.stop_graces.get(role, after.DROPPED_GRACE_SECONDS))
    if app.stopped and app.stopped["database"]:
        for container in server.docker.containers({"ferryman.app": app.id, accessories.LABEL: ""}):
            accessories.stop(server, container)
        server.docker.stop(database_name(app.id), DATABASE_GRACE_SECONDS)


def keep_stopped(server: Server, app: App) -> None:
    """Have a stopped app as the ledger says: the edge answers, no role runs.

    PostgreSQL and accessories run, unless they are stopped too.
    """
    target = serving_of(server, app)
    server.prepare_app(app)
    if app.stopped and not app.stopped["database"]:
        if target.manifest.database:
            server.postgres(app).ensure(target.manifest.database)
        accessories.keep_running(server, app)
    server.agree()
    if not target.manifest.is_published:
        after.drain(target, app.lane)
    stop_all(server, app)


def is_kept_stopped(server: Server, app: App, containers: list[dict[str, Any]]) -> bool:
    """True when nothing is to be done for a stopped app; `containers` are all that it has."""
    target = serving_of(server, app)
    up = {container["Labels"].get("ferryman.role") for container in containers if container["State"] in UP}
    kept = {record.name for record in server.ledger.accessories(app.id) if record.is_committed}
    kept |= {"postgres"} if target.manifest.database else set()
    return up == (kept if app.stopped and not app.stopped["database"] else set())


def _edge_needed(app: App) -> Refused:
    return Refused(
        "edge-needed",
        f"only the edge can answer in the place of {app.id}, and with the strategy recreate it has none",
        state="nothing was changed",
        hint='ferryman stop; or strategy = "blue-green" in [app]',
    )


@dataclass
class Maintenance(Run):
    """The edge answers 503 but for the health check; the app goes on running."""

    order: MaintenanceOrder

    def _reach_the_commit(self) -> bool:
        found = {"message": self.order.message, "retry_after": self.order.retry_after}
        with self.journal.step("preflight") as step:
            target = serving_of(self.server, self.app)
            known = self.app.maintenance
            if self.order.is_on and target.manifest.is_published:
                raise _edge_needed(self.app)
            is_same = known is not None and {**known, **found} == known
            if is_same if self.order.is_on else known is None:
                step.detail = "nothing changes"
                return False
            self.server.ledger.target(self.journal.deployment.id, target.release.number)
        self.journal.started(target.release, NOTHING)
        with self.journal.step("commit"), self.journal.committing():
            since = known["since"] if known else self.journal.deployment.started_at
            change = {"maintenance": {**found, "since": since} if self.order.is_on else None}
            self.server.ledger.commit_change(self.journal.deployment, change)
        return True

    def _bring_forward(self, app: App) -> None:  # noqa: ARG002 - as in every run
        self._forward("switch", lambda _: self.server.agree())
