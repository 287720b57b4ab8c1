"""The switch-over: the edge and web go to the committed release, whatever was interrupted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from ferryman_agent.containers import app_workload
from ferryman_agent.edge.runtime import EdgeError
from ferryman_agent.engine import Engine, EngineError, Keep, Observed, State
from ferryman_agent.errors import AgentError
from ferryman_agent.host.lookups import role_containers
from ferryman_agent.host.probe import LOOK_TIMEOUT_SECONDS, Question
from ferryman_agent.host.serving import Committed
from ferryman_agent.manifest import Role
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.steps.step import Step, always
from ferryman_agent.transaction.transaction import Transaction

ANSWER_LIMIT_SECONDS = 10.0
ANSWER_POLL_SECONDS = 0.2
DRAIN_POLL_SECONDS = 0.05


def _switch(transaction: Transaction, entry: StepEntry) -> None:
    def make_way() -> None:
        """The first of several tries tells since when."""
        if transaction.down_since is None:
            transaction.down_since = transaction.host.stopwatch.seconds()

    switch(transaction.target, make_way)
    entry.detail = transaction.down()
    if transaction.app.maintenance:
        entry.detail = "maintenance is on: the edge goes on answering 503"


def switch(target: Committed, making_way: Callable[[], None] = lambda: None) -> None:
    """The lasting restart policy, then the edge: new requests go to the committed release from here on.

    Where an old container publishes the port that the edge is to have, it goes before: `making_way` is called, and
    from then on nobody has the port until this returns.
    """
    host = target.host
    host.engine.keep(target.container("web"), Keep.UP)
    if target.manifest.domain is None and host.routing.publishing(target.app.id):
        making_way()
        stop_old(target)
    host.routing.agree()


def agree(transaction: Transaction, _: StepEntry) -> None:
    """Have the edge route as the ledger says."""
    transaction.host.routing.agree()


SWITCH = Step(StepName.SWITCH, always("the edge sends new requests to it"), _switch)


def _plan_drain(facts: Facts) -> str:
    return f"wait for open requests, at most {facts.wanted.web.drain_timeout:g} s"


def drain_with_detail(target: Committed, lane: str | None, entry: StepEntry) -> None:
    """Drain, and say so when requests were cut."""
    if not drain(target, lane):
        entry.detail = f"open requests were cut after {target.manifest.web.drain_timeout:g} s"


def drain(target: Committed, lane: str | None = None) -> bool:
    """Wait until a lane, the old one, has no open request; False when the limit came first and the rest was cut."""
    edge, slot, stopwatch = target.host.edge, target.app.slot, target.host.stopwatch
    lane = lane or target.old_lane
    deadline = stopwatch.seconds() + target.manifest.web.drain_timeout
    while edge.open_requests(slot, lane):
        if stopwatch.seconds() > deadline:
            edge.cut(slot, lane)
            return False
        stopwatch.wait(DRAIN_POLL_SECONDS)
    return True


DRAIN = Step(
    StepName.DRAIN,
    _plan_drain,
    lambda transaction, entry: drain_with_detail(transaction.target, None, entry),
    needs=StepName.SWITCH,
)


def plan_stop(facts: Facts) -> str:
    """How what serves is stopped."""
    return f"SIGTERM, SIGKILL after {facts.wanted.web.stop_grace:g} s"


def stop_old(target: Committed) -> None:
    """Stop and remove the web containers but the committed one."""
    stop_others(target, target.manifest.web)


def others(target: Committed, role: str) -> list[Observed]:
    """A role's containers, running or not, of whatever release but the committed one."""
    found = role_containers(target.host.engine, target.app.id, role)
    return [container for container in found if container.name != target.container(role)]


def stop_others(target: Committed, role: Role) -> None:
    """Stop and remove a role's containers but the committed one."""
    for container in others(target, role.name):
        target.host.engine.stop(container.id, role.stop_grace)
        target.host.engine.remove(container.id)


# the old release is stopped only when the edge routes to the new one
STOP_OLD = Step(
    StepName.STOP_OLD, plan_stop, lambda transaction, _: stop_old(transaction.target), needs=StepName.SWITCH
)


def _remove_old(transaction: Transaction, _: StepEntry) -> None:
    transaction.host.routing.step_aside(transaction.app.id, is_aside=False)
    take_over(transaction.target)


REMOVE_OLD = Step(StepName.REMOVE_OLD, always("the old container goes"), _remove_old)


def start_role(target: Committed, role: Role) -> bool:
    """Have a role's container of the committed release running; True when it did not run."""
    engine, name = target.host.engine, target.container(role.name)

    def make() -> None:
        target.host.images.pull_release(target.release)
        environment = target.host.secrets.environment(target.app, target.manifest, target.release)
        endpoint = target.endpoint if role.name == "web" else None
        workload = app_workload(target.manifest, target.release, role, environment, endpoint)
        engine.create(name, replace(workload, keep=Keep.UP))

    return have_running(engine, name, make)


def have_running(engine: Engine, name: str, make: Callable[[], None]) -> bool:
    """Have a container running, made anew where there is none or it can't start; True when it did not run."""
    found = engine.workload(name)
    if found and found.is_up:
        return False
    if found:
        try:
            engine.start(name)
            return True
        except EngineError:  # its network is gone, for instance: made anew
            engine.remove(name)
    make()
    engine.start(name)
    return True


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
    if any(container.state is State.RUNNING for container in others(target, "web")):
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
    host, web = target.host, target.manifest.web
    found = host.engine.workload(target.container("web"))
    if not (found and found.is_up):
        if found is None:
            host.images.pull_release(target.release)
        for container in others(target, "web"):
            host.engine.stop(container.id, web.stop_grace)
        start_role(target, web)
        wait_until_it_answers(target)
    host.engine.keep(target.container("web"), Keep.UP)
    with contextlib.suppress(EdgeError):  # one that does not answer is brought back by the apps it has
        host.routing.agree()
    stop_old(target)
    host.routing.leave(target.app.id)


def wait_until_it_answers(target: Committed, limit: float = ANSWER_LIMIT_SECONDS) -> None:
    """Until the committed release's web container answers its health check; AgentError `unhealthy` at the limit."""
    host, stopwatch = target.host, target.host.stopwatch
    asked = (target.endpoint.address or "", Question.of(target.manifest))
    deadline = stopwatch.seconds() + limit
    while not host.probe(*asked, LOOK_TIMEOUT_SECONDS).is_healthy:
        if stopwatch.seconds() > deadline:
            raise AgentError("unhealthy", f"release {target.release.number} does not answer yet")
        stopwatch.wait(ANSWER_POLL_SECONDS)
