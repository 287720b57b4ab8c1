"""Reconciliation: containers and edge are brought to what the ledger says, whatever happened to them."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ferryman_agent.containers import database_name
from ferryman_agent.edge.runtime import EdgeError
from ferryman_agent.errors import AgentError
from ferryman_agent.ledger import App
from ferryman_agent.transaction import accessories, after
from ferryman_agent.transaction.after import Committed
from ferryman_agent.transaction.convergence import converge
from ferryman_agent.transaction.outcomes import record_unfinished
from ferryman_agent.transaction.removal import carry_on
from ferryman_agent.transaction.running import RunningTransactions
from ferryman_agent.transaction.server import Server, closed_of
from ferryman_agent.transaction.stop import is_kept_stopped, keep_stopped


def look_after(server: Server, running: RunningTransactions) -> None:
    """One round over all apps."""
    for known in server.ledger.apps():
        try:
            running.when_idle(known.id, lambda app: settle(server, app))
        except Exception as error:  # noqa: BLE001 - the next round tries again
            sys.stderr.write(f"{known.id} could not be looked after: {error!r}\n")


def settle(server: Server, app: App) -> None:
    """Bring an app to its committed release unless it is there; record what is left to do, and what nobody recorded."""
    is_settled = not app.degraded and accessories.are_committed(server, app) and _agrees(server, app)
    why = "" if is_settled else bring(server, app)
    if why != app.degraded:
        server.ledger.set_degraded(app.id, why)
    record_unfinished(server, app.id)
    server.copy_ledger(app.id)


def bring(server: Server, app: App) -> str:
    """Bring an app to its committed release; returns why it is degraded, '' when all is as it should be.

    An app that is to be removed is removed; one that is stopped is kept so. Otherwise:

    1. What somebody paused goes on; what was never committed goes.
    2. Network, PostgreSQL and accessories are there.
    3. Web and edge are as the ledger says, then the other roles.
    """
    problems: list[str] = []
    if app.removal:
        _attempt(problems, lambda: carry_on(server, app))
        return "".join(problems)
    _attempt(problems, lambda: _resume_paused(server, app))
    _attempt(problems, lambda: _remove_candidates(server, app))
    if app.stopped:
        _attempt(problems, lambda: keep_stopped(server, app))
        return "; ".join(problems)
    target = after.committed(server, app)
    if target:
        _attempt(problems, lambda: _prepare(target))
        if _attempt(problems, lambda: converge(target)):
            _attempt(problems, lambda: problems.append(after.replace_roles(target)))
    return "; ".join(problem for problem in problems if problem)


def _resume_paused(server: Server, app: App) -> None:
    """The engine counts a paused container as one that runs."""
    for container in server.docker.containers({"ferryman.app": app.id}):
        if container["State"] == "paused":
            server.docker.resume(container["Id"])


def _remove_candidates(server: Server, app: App) -> None:
    after.remove_candidates(server, app)
    accessories.remove_candidates(server, app)


def _prepare(target: Committed) -> None:
    target.server.prepare_app(target.app)
    if target.manifest.database:
        target.server.postgres(target.app).ensure(target.manifest.database)
    accessories.keep_running(target.server, target.app)


def _attempt(problems: list[str], act: Callable[[], None]) -> bool:
    try:
        act()
    except Exception as error:  # noqa: BLE001 - the rest, and the other apps, are looked after all the same
        message = error.reason if isinstance(error, AgentError) else repr(error)
        problems.append(f"not as the ledger says: {message}")
        return False
    return True


def _agrees(server: Server, app: App) -> bool:
    """One look at the containers, one at the edge and one at web's policy; True when nothing is to be done."""
    target = after.committed(server, app)
    found = server.docker.containers({"ferryman.app": app.id})
    containers = [container for container in found if "ferryman.schedule" not in container["Labels"]]
    names = {container["Names"][0].lstrip("/") for container in containers}
    if any(not record.is_committed for record in server.ledger.accessories(app.id)):
        return False
    if any(container["State"] == "paused" for container in found):
        return False
    if target is None:
        return not app.removal and names <= {database_name(app.id)}
    if app.removal or not _edge_agrees(server, app, target) or not server.is_attached(app, found):
        return False
    if app.stopped:
        return is_kept_stopped(server, app, containers)
    is_up = names == _wanted(target) and all(container["State"] == "running" for container in containers)
    return is_up and _is_lasting(target)


def _is_lasting(target: Committed) -> bool:
    """False after a way back on which the engine went away: the old container has the policy of one that returns."""
    web = target.server.docker.container(target.container("web"))
    return bool(web and web["HostConfig"]["RestartPolicy"]["Name"] == after.LASTING)


def _edge_agrees(server: Server, app: App, target: Committed) -> bool:
    """Whether the edge routes to the app as it should; it has nothing to do with a published one."""
    if target.manifest.is_published:
        return True
    closed = closed_of(app, target.manifest)
    try:
        is_closed_as_wanted = server.edge.closed(app.slot) == (closed.value if closed else None)
        if not server.edge.is_written(server.routes()):
            return False
        return is_closed_as_wanted and server.edge.serving_lane(app.slot) == (None if app.stopped else app.lane)
    except EdgeError:
        return False


def _wanted(target: Committed) -> set[str]:
    return set(target.server.lasting_containers(target.app, target.release))
