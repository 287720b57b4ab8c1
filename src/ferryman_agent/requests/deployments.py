"""deploy, rollback, follow, cancel: the requests that begin, watch or end a transaction."""

from __future__ import annotations

from typing import Any

from ferryman_agent.containers import SUBNETS
from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.ledger import App, Deployment
from ferryman_agent.requests.call import Call
from ferryman_agent.transaction.order import (
    DeployOrder,
    RollbackOrder,
    known_app,
    parse_deploy,
    parse_rollback,
    whole_number,
)


class Failed(AgentError):
    """The recorded failure of a deployment, as it was."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["code"], error["message"], state=error["state"], hint=error["hint"])
        self.details = error["details"]
        self.exit_status = error["exit"]


def deploy(call: Call) -> dict[str, Any]:
    """Deploy an image by digest; answers with events, then with the outcome."""
    known = call.server.ledger.deployment(call.id)
    if known:
        return _watch(call, known.id, 0)
    order = parse_deploy(call.params)
    app = call.server.ledger.add_app(order.manifest.app, order.manifest.environment, SUBNETS)
    return _begin(call, order, app)


def rollback(call: Call) -> dict[str, Any]:
    """Go back to a retained release; the same transaction."""
    known = call.server.ledger.deployment(call.id)
    if known:
        return _watch(call, known.id, 0)
    order = parse_rollback(call.params)
    return _begin(call, order, known_app(call.server.ledger, call.params))


def _begin(call: Call, order: DeployOrder | RollbackOrder, app: App) -> dict[str, Any]:
    return _watch(call, call.running.begin(call.id, order, app).id, 0)


def follow(call: Call) -> dict[str, Any]:
    """Attach to a deployment by its id (or its request's id), or to the newest; resumes after a sequence number."""
    identifier = call.params.get("deployment")
    if identifier is None:
        app = known_app(call.server.ledger, call.params)
        newest = call.server.ledger.deployments(app.id, limit=1)
        identifier = newest[0].id if newest else ""
    deployment = call.server.ledger.deployment(str(identifier))
    if deployment is None:
        raise Refused("unknown-deployment", f"there is no deployment {identifier}", hint="ferryman status")
    return _watch(call, deployment.id, whole_number(call.params, "after") or 0)


def _watch(call: Call, identifier: str, after: int) -> dict[str, Any]:
    """Send events until the deployment is over; then its outcome, or its error."""
    running = call.running.by_deployment(identifier)
    events = running.journal.follow(after) if running else iter(call.server.ledger.events(identifier, after))
    for event in events:
        call.channel.event(event)
    deployment = call.server.ledger.deployment(identifier)
    if deployment is None:
        raise AgentError("internal-error", f"deployment {identifier} is not in the ledger")
    if deployment.error:
        raise Failed({**deployment.error, "details": {**deployment.error["details"], "deployment": identifier}})
    if not deployment.is_over:
        raise AgentError(
            "outcome-not-recorded",
            f"deployment {identifier} ended without an outcome in the ledger",
            hint="on the server: journalctl -u ferryman-agent; the agent's next start records it",
        )
    return outcome(call, deployment)


def outcome(call: Call, deployment: Deployment) -> dict[str, Any]:
    """What a finished deployment led to."""
    app = call.server.ledger.app(deployment.app)
    number = deployment.release if deployment.release is not None else (app.serving if app else None)
    release = call.server.ledger.release(deployment.app, number) if number else None
    running = call.running.by_deployment(deployment.id)
    return {
        "deployment": deployment.id,
        "outcome": deployment.state,
        "release": release.summary() if release else None,
        "previous": deployment.previous,
        "seconds": deployment.seconds if not running else round(running.journal.seconds, 3),
        "degraded": app.degraded if app else "",
    }


def cancel(call: Call) -> dict[str, Any]:
    """Ask the running transaction of an app to go back; after the commit there is nothing to cancel."""
    app = known_app(call.server.ledger, call.params)
    transaction = call.running.of(app.id)
    if transaction is None:
        raise Refused("nothing-runs", f"no deployment of {app.id} runs", state="nothing was changed")
    will_go_back = transaction.journal.cancel()
    return {"deployment": transaction.journal.deployment.id, "cancelled": will_go_back}
