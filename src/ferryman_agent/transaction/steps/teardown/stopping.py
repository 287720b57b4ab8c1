"""Stop and maintenance: the edge answers in the app's place, and the ledger says so until the opposite is asked for."""

from __future__ import annotations

from ferryman_agent.containers import database_name
from ferryman_agent.engine import Keep, Observed
from ferryman_agent.host import Host
from ferryman_agent.host.lookups import app_containers, role_containers
from ferryman_agent.host.network import prepare_network
from ferryman_agent.host.serving import postgres_of, serving_of
from ferryman_agent.ledger import App, Maintenance, Stopped
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.orders import MaintenanceOrder, StopOrder
from ferryman_agent.transaction.steps.accessories import containers as accessories
from ferryman_agent.transaction.steps.roles import DROPPED_GRACE_SECONDS
from ferryman_agent.transaction.steps.step import Step, always
from ferryman_agent.transaction.steps.switchover import agree, drain, drain_with_detail
from ferryman_agent.transaction.steps.web import remove_candidates
from ferryman_agent.transaction.transaction import Transaction

DATABASE_GRACE_SECONDS = 60.0


def _commit_stop(transaction: Transaction, _: StepEntry) -> None:
    known, order = transaction.app.stopped, transaction.order
    database = isinstance(order, StopOrder) and order.database and transaction.manifest.database is not None
    since = known.since if known else transaction.journal.deployment.started_at
    change = {"stopped": Stopped(database, since), "degraded": ""}
    with transaction.journal.committing():
        transaction.host.ledger.commit_change(transaction.journal.deployment, change)


COMMIT_STOP = Step(StepName.COMMIT, always("the app is stopped until it is started or deployed"), _commit_stop)


def _plan_at_edge(facts: Facts) -> str | None:
    return None if facts.is_published else "the edge answers in its place"


ANSWER_INSTEAD = Step(StepName.SWITCH, _plan_at_edge, agree)
DRAIN_SERVING = Step(
    StepName.DRAIN,
    lambda facts: None if facts.is_published else "wait for open requests",
    lambda transaction, entry: drain_with_detail(transaction.target, transaction.app.lane, entry),
    needs=StepName.SWITCH,
)


STOP = Step(
    StepName.STOP,
    always("every role stops"),
    lambda transaction, _: stop_all(transaction.host, transaction.app),
    needs=StepName.SWITCH,
)


def _commit_maintenance(transaction: Transaction, _: StepEntry) -> None:
    known, order = transaction.app.maintenance, transaction.order
    assert isinstance(order, MaintenanceOrder)  # noqa: S101 - the story of this order alone has this step
    since = known.since if known else transaction.journal.deployment.started_at
    change = {"maintenance": Maintenance(order.message, order.retry_after, since) if order.is_on else None}
    with transaction.journal.committing():
        transaction.host.ledger.commit_change(transaction.journal.deployment, change)


COMMIT_MAINTENANCE = Step(StepName.COMMIT, always("the edge answers 503, or the app does again"), _commit_maintenance)
SHOW_MAINTENANCE = Step(StepName.SWITCH, always("the edge begins or ends it"), agree)


def stop_all(host: Host, app: App) -> None:
    """Stop what must not run while the app is stopped. The containers stay, and with them their logs."""
    target = serving_of(host, app)
    remove_candidates(host, app)
    for container in role_containers(host.engine, app.id, "web"):  # a deploy that failed may have left another one
        host.engine.keep(container.id, Keep.UP)
    for container in app_containers(host.engine, app.id):
        if container.role != "postgres" and not container.is_accessory and container.is_up:
            grace = target.manifest.stop_graces.get(container.role, DROPPED_GRACE_SECONDS)
            host.engine.stop(container.id, grace)
    if app.stopped and app.stopped.database:
        for container in host.engine.workloads({"ferryman.app": app.id, accessories.LABEL: ""}):
            accessories.stop(host, container)
        host.engine.stop(database_name(app.id), DATABASE_GRACE_SECONDS)


def keep_stopped(host: Host, app: App) -> None:
    """Have a stopped app as the ledger says: the edge answers, no role runs.

    PostgreSQL and accessories run, unless they are stopped too.
    """
    target = serving_of(host, app)
    prepare_network(host.engine, host.ledger, app)
    if app.stopped and not app.stopped.database:
        if target.manifest.database:
            postgres_of(host, app).ensure(target.manifest.database)
        accessories.keep_running(host, app)
    host.routing.agree()
    if not target.manifest.is_published:
        drain(target, app.lane)
    stop_all(host, app)


def is_kept_stopped(host: Host, app: App, containers: list[Observed]) -> bool:
    """True when nothing is to be done for a stopped app; `containers` are all that it has."""
    target = serving_of(host, app)
    up = {container.role for container in containers if container.is_up}
    kept = {record.name for record in host.ledger.accessories(app.id) if record.is_committed}
    kept |= {"postgres"} if target.manifest.database else set()
    return up == (kept if app.stopped and not app.stopped.database else set())
