"""Convergence: web and the edge are brought to the committed release, whatever was interrupted."""

from __future__ import annotations

import contextlib

from ferryman_agent.containers import lane_address
from ferryman_agent.edge.runtime import EdgeError
from ferryman_agent.errors import AgentError
from ferryman_agent.transaction.after import (
    LASTING,
    PROBE_TIMEOUT_SECONDS,
    STAY_UP_POLL_SECONDS,
    Committed,
    drain,
    others,
    start_role,
    stop_old,
    switch,
)
from ferryman_agent.transaction.server import Server

ANSWER_LIMIT_SECONDS = 10.0


def converge(target: Committed) -> None:
    """Bring web and edge to the committed release, whatever was interrupted.

    1. Its web container is there and runs; EngineError when it can't be started.
    2. While another release that served is still up, it answers its health check; AgentError when it does not.
    3. The edge routes to it.
    4. Other releases' web containers drain, stop and go.
    """
    if target.manifest.is_published:
        take_over(target)
        return
    start_role(target, target.manifest.web)
    if any(container["State"] == "running" for container in others(target, "web")):
        wait_until_it_answers(target)
    switch(target)
    drain(target)
    stop_old(target)


def take_over(target: Committed) -> None:
    """The same for a release whose port Docker publishes: the others stop before it can start.

    1. Where it does not run: its image is here, the others stop, it starts and answers.
    2. It has the lasting restart policy, the edge does not route to the app, the others go.
    3. An edge that nobody needs goes.
    """
    server, web = target.server, target.manifest.web
    found = server.docker.container(target.container("web"))
    if not (found and found["State"]["Running"]):
        if found is None:
            server.pull_release(target.release, None, lambda: False)
        for container in others(target, "web"):
            server.docker.stop(container["Id"], web.stop_grace)
        start_role(target, web)
        wait_until_it_answers(target)
    server.docker.set_restart_policy(target.container("web"), LASTING)
    _let_go(server)
    stop_old(target)
    server.leave_edge(target.app.id)


def _let_go(server: Server) -> None:
    """The edge has nothing to do with the app any more. One that does not answer is brought back by the apps it has."""
    with contextlib.suppress(EdgeError):
        server.agree()


def wait_until_it_answers(target: Committed, limit: float = ANSWER_LIMIT_SECONDS) -> None:
    """Until the committed release's web container answers its health check; AgentError `unhealthy` at the limit."""
    web, stopwatch = target.manifest.web, target.server.stopwatch
    fixed = lane_address(target.app, target.app.lane or "a")
    deadline = stopwatch.seconds() + limit
    while not target.server.probe(
        fixed, web.port, web.health, target.manifest.host_header, PROBE_TIMEOUT_SECONDS
    ).is_healthy:
        if stopwatch.seconds() > deadline:
            raise AgentError("unhealthy", f"release {target.release.number} does not answer yet")
        stopwatch.wait(STAY_UP_POLL_SECONDS)
