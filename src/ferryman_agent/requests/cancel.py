"""cancel: ask a transaction to go back."""

from __future__ import annotations

from typing import Any

from ferryman_agent.errors import BadRequest, Refused
from ferryman_agent.protocol import is_id
from ferryman_agent.requests.call import Call
from ferryman_agent.transaction.orders.deploying import known_app


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
