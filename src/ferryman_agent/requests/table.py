"""Which request is answered by which function, and which roles may ask it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ferryman_agent.requests import (
    cancel,
    changes,
    deploy,
    doctor,
    env,
    follow,
    hello,
    logs,
    plan,
    prune,
    registry,
    releases,
    remove,
    reports,
    run,
    status,
)
from ferryman_agent.requests import exec as execution
from ferryman_agent.requests.call import Call

PIPELINE = frozenset({"pipeline", "operator"})
OPERATOR = frozenset({"operator"})


@dataclass(frozen=True)
class Request:
    """A request's function and the roles that may ask it."""

    answer: Callable[[Call], dict[str, Any]]
    roles: frozenset[str]


REQUESTS = {
    "hello": Request(hello.hello, PIPELINE),
    "deploy": Request(deploy.deploy, PIPELINE),
    "rollback": Request(deploy.rollback, PIPELINE),
    "follow": Request(follow.follow, PIPELINE),
    "cancel": Request(cancel.cancel, PIPELINE),
    "plan": Request(plan.plan, PIPELINE),
    "status": Request(status.status, PIPELINE),
    "releases": Request(releases.releases, PIPELINE),
    "deployments": Request(releases.deployments, PIPELINE),
    "outbox": Request(reports.outbox, PIPELINE),
    "prune": Request(prune.prune, PIPELINE),
    "removal.plan": Request(remove.removal_plan, OPERATOR),
    "restart": Request(changes.restart, OPERATOR),
    "start": Request(changes.start, OPERATOR),
    "stop": Request(changes.stop, OPERATOR),
    "maintenance": Request(changes.maintenance, OPERATOR),
    "remove": Request(remove.remove, OPERATOR),
    "accessory.remove": Request(changes.accessory_remove, OPERATOR),
    "env.list": Request(env.environment_list, OPERATOR),
    "env.history": Request(env.environment_history, OPERATOR),
    "env.set": Request(env.environment_set, OPERATOR),
    "env.unset": Request(env.environment_unset, OPERATOR),
    "reports.set": Request(reports.reports_set, OPERATOR),
    "registry.login": Request(registry.login, OPERATOR),
    "registry.logout": Request(registry.logout, OPERATOR),
    "registry.list": Request(registry.listed, OPERATOR),
    "logs": Request(logs.logs, OPERATOR),
    "run": Request(run.run, OPERATOR),
    "doctor": Request(doctor.doctor, OPERATOR),
    "exec": Request(execution.execute, OPERATOR),
}
