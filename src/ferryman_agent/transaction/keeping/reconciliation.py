"""Reconciliation: containers and edge are brought to what the ledger says, whatever happened to them."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ferryman_agent.containers import database_name
from ferryman_agent.edge.runtime import EdgeError
from ferryman_agent.engine import Keep, State
from ferryman_agent.errors import AgentError
from ferryman_agent.host import Host
from ferryman_agent.host.lookups import app_containers, lasting_containers
from ferryman_agent.host.network import is_attached, prepare_network
from ferryman_agent.host.routing import closed_of
from ferryman_agent.host.serving import Committed, committed, copy_ledger, postgres_of
from ferryman_agent.ledger import App
from ferryman_agent.transaction.keeping.outcomes import record_unfinished
from ferryman_agent.transaction.steps import web
from ferryman_agent.transaction.steps.accessories import containers as accessories
from ferryman_agent.transaction.steps.roles import replace_roles
from ferryman_agent.transaction.steps.switchover import converge
from ferryman_agent.transaction.steps.teardown.removal import carry_on
from ferryman_agent.transaction.steps.teardown.stopping import is_kept_stopped, keep_stopped


def recover(host: Host, app: App) -> None:
    """What a crash, an OOM kill or a power cut interrupted goes back before its commit, forward after it.

    Nothing is raised: what a full disk does not let the ledger record now is recorded by the next look.
    """
    try:
        _record(host, app, bring(host, app))
    except Exception as error:  # noqa: BLE001 - the other apps are recovered all the same, this one again later
        sys.stderr.write(f"{app.id}: what was recovered can't be recorded: {error!r}\n")


def settle(host: Host, app: App) -> None:
    """Bring an app to its committed release unless it is there; record what is left to do, and what nobody recorded."""
    is_settled = not app.degraded and accessories.are_committed(host, app) and _agrees(host, app)
    _record(host, app, "" if is_settled else bring(host, app))


def _record(host: Host, app: App, why: str) -> None:
    if why != app.degraded:
        host.ledger.set_degraded(app.id, why)
    record_unfinished(host, app.id)
    copy_ledger(host, app.id)


def bring(host: Host, app: App) -> str:
    """Bring an app to its committed release; returns why it is degraded, '' when all is as it should be.

    An app that is to be removed is removed; one that is stopped is kept so. Otherwise:

    1. What somebody paused goes on; what was never committed goes.
    2. Network, PostgreSQL and accessories are there.
    3. Web and edge are as the ledger says, then the other roles.
    """
    problems: list[str] = []
    if app.removal:
        _attempt(problems, lambda: carry_on(host, app))
        return "".join(problems)
    _attempt(problems, lambda: _resume_paused(host, app))
    _attempt(problems, lambda: _remove_candidates(host, app))
    if app.stopped:
        _attempt(problems, lambda: keep_stopped(host, app))
        return "; ".join(problems)
    target = committed(host, app)
    if target:
        _attempt(problems, lambda: _prepare(target))
        if _attempt(problems, lambda: converge(target)):
            _attempt(problems, lambda: problems.append(replace_roles(target)))
    return "; ".join(problem for problem in problems if problem)


def _resume_paused(host: Host, app: App) -> None:
    """The engine counts a paused container as one that runs."""
    for container in app_containers(host.engine, app.id):
        if container.state is State.PAUSED:
            host.engine.resume(container.id)


def _remove_candidates(host: Host, app: App) -> None:
    web.remove_candidates(host, app)
    accessories.remove_candidates(host, app)


def _prepare(target: Committed) -> None:
    prepare_network(target.host.engine, target.host.ledger, target.app)
    if target.manifest.database:
        postgres_of(target.host, target.app).ensure(target.manifest.database)
    accessories.keep_running(target.host, target.app)


def _attempt(problems: list[str], act: Callable[[], None]) -> bool:
    try:
        act()
    except Exception as error:  # noqa: BLE001 - the rest, and the other apps, are looked after all the same
        message = error.reason if isinstance(error, AgentError) else repr(error)
        problems.append(f"not as the ledger says: {message}")
        return False
    return True


def _agrees(host: Host, app: App) -> bool:
    """One look at the containers, one at the edge and one at web's policy; True when nothing is to be done."""
    target = committed(host, app)
    found = app_containers(host.engine, app.id)
    containers = [container for container in found if not container.is_scheduled]
    names = {container.name for container in containers}
    if any(not record.is_committed for record in host.ledger.accessories(app.id)):
        return False
    if any(container.state is State.PAUSED for container in found):
        return False
    if target is None:
        return not app.removal and names <= {database_name(app.id)}
    if app.removal or not _edge_agrees(host, app, target) or not is_attached(host.ledger, app, found):
        return False
    if app.stopped:
        return is_kept_stopped(host, app, containers)
    wanted = set(lasting_containers(host.ledger, app, target.release))
    is_up = names == wanted and all(container.state is State.RUNNING for container in containers)
    return is_up and _is_kept(target)


def _is_kept(target: Committed) -> bool:
    """False after a way back on which the engine went away: the engine would treat it as one that returns."""
    web_container = target.host.engine.workload(target.container("web"))
    return web_container is not None and web_container.keep is Keep.UP


def _edge_agrees(host: Host, app: App, target: Committed) -> bool:
    """Whether the edge routes to the app as it should; it has nothing to do with a published one."""
    if target.manifest.is_published:
        return True
    closed = closed_of(app, target.manifest)
    try:
        is_closed_as_wanted = host.edge.closed(app.slot) == (closed.value if closed else None)
        if not host.edge.is_written(host.routing.routes()):
            return False
        return is_closed_as_wanted and host.edge.serving_lane(app.slot) == (None if app.stopped else app.lane)
    except EdgeError:
        return False
