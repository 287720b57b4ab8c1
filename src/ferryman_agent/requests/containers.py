"""Which container of an app a caller means by a role."""

from __future__ import annotations

from ferryman_agent.containers import accessory_name, current_name, run_name
from ferryman_agent.errors import BadRequest, Refused
from ferryman_agent.manifest import NAME
from ferryman_agent.requests.call import Call
from ferryman_agent.transaction.orders.deploying import known_app
from ferryman_agent.transaction.orders.parameters import whole_number


def container_of(call: Call) -> str:
    app = known_app(call.host.ledger, call.params)
    role = str(call.params.get("role") or "web")
    number = whole_number(call.params, "release") or app.serving
    for record in call.host.ledger.accessories(app.id):
        if record.name == role:
            return accessory_name(record)
    scheduled = running_schedule(call, app.id, role)
    if scheduled:
        return scheduled
    if not NAME.fullmatch(role):
        raise BadRequest("bad-request", f"role: {role!r} is not a role's name")
    if number is None:
        raise Refused("nothing-serves", f"{app.id} has no release that serves", hint="ferryman deploy")
    name = current_name(app, role, number)
    if call.host.engine.workload(name) is None:
        raise Refused("no-container", f"there is no container {name}", hint="ferryman status")
    return name


def running_schedule(call: Call, app: str, name: str) -> str | None:
    """The container of a schedule's run that is under way."""
    return next((run_name(run) for run in call.host.ledger.runs(app, name) if run.state == "running"), None)
