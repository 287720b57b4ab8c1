"""prune: remove an app's unused images while nothing is under way on this server."""

from __future__ import annotations

from typing import Any

from ferryman_agent.errors import BadRequest
from ferryman_agent.requests.call import Call
from ferryman_agent.transaction.orders.deploying import known_app
from ferryman_agent.transaction.steps.teardown.unused import remove_unused


def prune(call: Call) -> dict[str, Any]:
    """Remove an app's unused images within retention, or tell them; `busy` when a transaction runs: nothing is removed.

    What a deploy leaves behind it prunes itself, so nobody needs to wait here.
    """
    app = known_app(call.host.ledger, call.params)
    is_dry = call.params.get("dry_run", False)
    if not isinstance(is_dry, bool):
        raise BadRequest("bad-request", "dry_run: must be true or false")
    found: dict[str, Any] = {"images": [], "bytes": 0}

    def act() -> None:
        found.update(remove_unused(call.host, app, is_dry=is_dry))

    is_done = call.running.when_all_idle(act)
    named = {"app": app.name, "environment": app.environment, "dry_run": is_dry}
    return {**named, **found, "busy": not is_done}
