"""releases, deployments: what an app has had."""

from __future__ import annotations

from typing import Any

from ferryman_agent.requests.call import Call
from ferryman_agent.transaction.orders.deploying import known_app
from ferryman_agent.transaction.orders.parameters import whole_number


def releases(call: Call) -> dict[str, Any]:
    """All releases of an app that the ledger knows, newest first."""
    app = known_app(call.host.ledger, call.params)
    listed = [
        {
            **r.summary(),
            "state": r.state,
            "created_at": r.created_at,
            "serving": r.number == app.serving,
            "image_here": "pruned" not in r.state and call.host.engine.image(r.reference) is not None,
        }
        for r in call.host.ledger.releases(app.id)
    ]
    return {"app": app.name, "environment": app.environment, "releases": listed}


def deployments(call: Call) -> dict[str, Any]:
    """The newest deployments of an app, newest first."""
    app = known_app(call.host.ledger, call.params)
    found = call.host.ledger.deployments(app.id, limit=min(whole_number(call.params, "limit") or 20, 500))
    keys = ("id", "kind", "release", "previous", "sequence", "state", "started_at", "seconds", "downtime", "error")
    return {"deployments": [{key: getattr(deployment, key) for key in keys} for deployment in found]}
