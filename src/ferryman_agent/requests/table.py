"""Which request is answered by which function, and which roles may ask it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ferryman_agent.requests import (
    changes,
    deployments,
    doctoring,
    operating,
    plan,
    pruning,
    reading,
    registries,
    schedules,
)
from ferryman_agent.requests.call import Call

PIPELINE = frozenset({"pipeline", "operator"})
OPERATOR = frozenset({"operator"})


@dataclass(frozen=True)
class Request:
    """A request's function and the roles that may ask it."""

    answer: Callable[[Call], dict[str, Any]]
    roles: frozenset[str]


REQUESTS = {
    "hello": Request(reading.hello, PIPELINE),
    "deploy": Request(deployments.deploy, PIPELINE),
    "rollback": Request(deployments.rollback, PIPELINE),
    "follow": Request(deployments.follow, PIPELINE),
    "cancel": Request(deployments.cancel, PIPELINE),
    "plan": Request(plan.plan, PIPELINE),
    "status": Request(reading.status, PIPELINE),
    "releases": Request(reading.releases, PIPELINE),
    "deployments": Request(reading.deployments, PIPELINE),
    "outbox": Request(reading.outbox, PIPELINE),
    "prune": Request(pruning.prune, PIPELINE),
    "removal.plan": Request(changes.removal_plan, OPERATOR),
    "restart": Request(changes.restart, OPERATOR),
    "start": Request(changes.start, OPERATOR),
    "stop": Request(changes.stop, OPERATOR),
    "maintenance": Request(changes.maintenance, OPERATOR),
    "remove": Request(changes.remove, OPERATOR),
    "accessory.remove": Request(changes.accessory_remove, OPERATOR),
    "env.list": Request(reading.environment_list, OPERATOR),
    "env.history": Request(reading.environment_history, OPERATOR),
    "env.set": Request(operating.environment_set, OPERATOR),
    "env.unset": Request(operating.environment_unset, OPERATOR),
    "reports.set": Request(operating.reports_set, OPERATOR),
    "registry.login": Request(registries.login, OPERATOR),
    "registry.logout": Request(registries.logout, OPERATOR),
    "registry.list": Request(registries.listed, OPERATOR),
    "logs": Request(operating.logs, OPERATOR),
    "run": Request(schedules.run, OPERATOR),
    "doctor": Request(doctoring.doctor, OPERATOR),
    "exec": Request(operating.execute, OPERATOR),
}
