"""The downtime of `recreate`: the old container stops before the new one starts, and returns if that one fails."""

from __future__ import annotations

import sqlite3

from ferryman_agent.engine import Keep
from ferryman_agent.host.lookups import role_containers
from ferryman_agent.host.serving import Committed, committed
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.steps.step import Step
from ferryman_agent.transaction.steps.switchover import plan_stop, start_role, switch, wait_until_it_answers
from ferryman_agent.transaction.steps.web import clear_lane
from ferryman_agent.transaction.transaction import Transaction


def _plan(facts: Facts) -> str:
    return f"{plan_stop(facts)}; from here on it is down, until the new one is healthy or the old one is back"


def has_direct_route(target: Committed | None) -> bool:
    """True when the edge has the port of the host for this release."""
    return bool(target and not target.manifest.is_published and target.manifest.domain is None)


def _stop_serving(transaction: Transaction, entry: StepEntry) -> None:
    """Stop what serves; it is kept, and after a reboot the engine itself brings it back.

    1. The edge gives the port up, if it has it for this app.
    2. The old container gets the policy with which it returns, then SIGTERM.
    """
    host, app = transaction.host, transaction.app
    clear_lane(host, app)
    transaction.old = old = committed(host, app)
    up = [container for container in role_containers(host.engine, app.id, "web") if container.is_up]
    if up and not app.stopped:
        transaction.down_since = host.stopwatch.seconds()
    if has_direct_route(old):
        host.routing.step_aside(app.id, is_aside=True)
        host.routing.agree()
    if old is None or not up:
        entry.skip("nothing runs")
        return
    for container in up:
        host.engine.keep(container.id, Keep.RETURNING)
        host.engine.stop(container.id, old.manifest.web.stop_grace)
    entry.detail = f"release {old.release.number} is kept until the new one is healthy"


def _start_old(transaction: Transaction) -> None:
    """The edge has its port again; the old container starts again, whether that can be written down or not."""
    transaction.host.routing.step_aside(transaction.app.id, is_aside=False)
    if transaction.old is None or transaction.app.stopped:
        transaction.host.routing.agree()
        return
    try:
        with transaction.journal.step_back(StepName.START_OLD) as entry:
            _bring_back(transaction, transaction.old, entry)
    except sqlite3.Error:
        _bring_back(transaction, transaction.old, StepEntry())


def _bring_back(transaction: Transaction, old: Committed, entry: StepEntry) -> None:
    """Start it and wait until it answers; AgentError when it does not."""
    start_role(old, old.manifest.web)
    switch(old)
    wait_until_it_answers(old, old.manifest.web.health_timeout)
    transaction.is_back = True
    entry.detail = transaction.down()


STOP_SERVING = Step(StepName.STOP_OLD, _plan, _stop_serving, undo=_start_old)


def state_of(transaction: Transaction) -> str:
    """In what state a failure leaves the app; '' when what serves was not stopped."""
    if transaction.old is None or transaction.app.stopped:
        return ""
    number = transaction.old.release.number
    if not transaction.is_back:
        return f"release {number} does not answer again yet; the agent tries every half a minute"
    if transaction.journal.downtime is None:
        return ""
    return f"release {number} serves again, it was down for {transaction.journal.downtime:.1f} s"
