"""deploy, rollback, follow, cancel: the requests that begin, watch or end a transaction."""

from __future__ import annotations

from typing import Any

from ferryman_agent.containers import SUBNETS
from ferryman_agent.errors import AgentError, BadRequest, Refused
from ferryman_agent.ledger import Deployment
from ferryman_agent.protocol import is_id
from ferryman_agent.requests.call import Call
from ferryman_agent.transaction.orders.deploying import known_app, parse_deploy, parse_rollback
from ferryman_agent.transaction.orders.parameters import whole_number
from ferryman_agent.transaction.orders.terms import parse_terms
from ferryman_agent.transaction.runs.queue import Entry


class Failed(AgentError):
    """The recorded failure of a deployment, as it was."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["code"], error["message"], state=error["state"], hint=error["hint"])
        self.details = error["details"]
        self.exit_status = error["exit"]


def deploy(call: Call) -> dict[str, Any]:
    """Deploy an image by digest; answers with events, then with the outcome."""
    order, terms = parse_deploy(call.params), parse_terms(call.params, call.role)
    found = call.running.repeated(call.id, order.kind, order.manifest.app_id)
    if found:
        return attend(call, found)
    app = call.host.ledger.add_app(order.manifest.app, order.manifest.environment, SUBNETS)
    return attend(call, call.running.enter(call.id, order, app, terms))


def rollback(call: Call) -> dict[str, Any]:
    """Go back to a retained release; the same transaction."""
    order, terms = parse_rollback(call.params), parse_terms(call.params, call.role)
    found = call.running.repeated(call.id, order.kind, order.app_id)
    if found:
        return attend(call, found)
    app = known_app(call.host.ledger, call.params)
    return attend(call, call.running.enter(call.id, order, app, terms))


def follow(call: Call) -> dict[str, Any]:
    """Attach to a deployment by its id (or its request's id), or to the newest; resumes after a sequence number."""
    identifier = call.params.get("deployment")
    if identifier is None:
        app = known_app(call.host.ledger, call.params)
        running, newest = call.running.of(app.id), call.host.ledger.deployments(app.id, limit=1)
        identifier = running.journal.deployment.id if running else newest[0].id if newest else ""
        call.channel.event({"kind": "following", "deployment": identifier})
    found = call.running.find(str(identifier))
    removed = call.host.ledger.removal_result(str(identifier)) if found is None else None
    if removed:
        return removed
    if found is None:
        raise Refused("unknown-deployment", f"there is no deployment {identifier}", hint="ferryman status")
    return attend(call, found)


def attend(call: Call, place: Deployment | Entry) -> dict[str, Any]:
    """Wait for the turn where it has not come, then send events after the sequence number that was seen."""
    after = whole_number(call.params, "after") or 0
    if isinstance(place, Entry):
        for event in call.running.wait_turn(place):
            call.channel.event(event)
        if place.deployment is None:
            raise place.error or AgentError("internal-error", f"request {place.request} lost its place")
        place = place.deployment
    return _watch(call, place.id, place.app, after)


def _watch(call: Call, identifier: str, app_id: str, after: int) -> dict[str, Any]:
    """Send events until the deployment is over; then its outcome, or its error."""
    running = call.running.by_deployment(identifier)
    if running is None:
        call.running.wait_until_settled(app_id)
    events = running.journal.follow(after) if running else iter(call.host.ledger.events(identifier, after))
    for event in events:
        call.channel.event(event)
    deployment = call.host.ledger.deployment(identifier)
    if deployment is None:
        removed = call.host.ledger.removal_result(identifier)
        if removed:
            return removed
        raise AgentError("internal-error", f"deployment {identifier} is not in the ledger")
    if deployment.error:
        raise Failed({**deployment.error, "details": {**deployment.error["details"], "deployment": identifier}})
    if not deployment.is_over:
        _check_removal(call, deployment)
        raise AgentError(
            "outcome-not-recorded",
            f"deployment {identifier} ended without an outcome in the ledger",
            hint="on the server: df -h; the agent records it as soon as it can",
        )
    return outcome(call, deployment)


def _check_removal(call: Call, deployment: Deployment) -> None:
    app = call.host.ledger.app(deployment.app)
    if app and app.removal:
        raise AgentError(
            "removal-unfinished",
            f"{app.id} could not be removed completely yet: {app.degraded}",
            state="the edge does not route to it any more; the agent tries the rest again every half a minute",
            hint="ferryman status; ferryman remove again",
            deployment=deployment.id,
        )


def outcome(call: Call, deployment: Deployment) -> dict[str, Any]:
    """What a finished deployment led to."""
    app = call.host.ledger.app(deployment.app)
    number = deployment.release if deployment.release is not None else (app.serving if app else None)
    release = call.host.ledger.release(deployment.app, number) if number else None
    running = call.running.by_deployment(deployment.id)
    return {
        "deployment": deployment.id,
        "kind": deployment.kind,
        "outcome": deployment.state,
        "release": release.summary() if release else None,
        "previous": deployment.previous,
        "seconds": deployment.seconds if not running else round(running.journal.seconds, 3),
        "downtime": deployment.downtime,
        "degraded": app.degraded if app else "",
    }


def cancel(call: Call) -> dict[str, Any]:
    """Ask a deployment to go back: one by its id or its request's, or the one of an app that runs.

    After the commit there is nothing to cancel, and the answer says what serves.
    """
    identifier = call.params.get("deployment")
    if identifier is None:
        app = known_app(call.host.ledger, call.params)
        transaction = call.running.of(app.id)
        if transaction is None:
            raise Refused("nothing-runs", f"no deployment of {app.id} runs", state="nothing was changed")
        identifier = transaction.journal.deployment.id
    if not is_id(identifier):
        raise BadRequest("bad-request", "deployment: must be the id of a deployment or of its request")
    found, will_go_back = call.running.cancel(identifier, is_coming=call.params.get("is_coming") is True)
    deployment = call.host.ledger.deployment(found)
    return {
        "deployment": found,
        "cancelled": will_go_back,
        "outcome": deployment.state if deployment else None,
        "release": deployment.release if deployment else None,
    }
