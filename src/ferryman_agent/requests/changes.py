"""restart, start, stop, maintenance, accessory remove: transactions on an app that is there."""

from __future__ import annotations

from typing import Any

from ferryman_agent.ledger import App, Deployment
from ferryman_agent.requests.call import Call
from ferryman_agent.requests.follow import attend
from ferryman_agent.transaction.orders import ChangeOrder
from ferryman_agent.transaction.orders.changing import (
    parse_accessory_remove,
    parse_maintenance,
    parse_restart,
    parse_start,
    parse_stop,
)
from ferryman_agent.transaction.orders.deploying import known_app
from ferryman_agent.transaction.orders.terms import Terms, parse_terms
from ferryman_agent.transaction.runs.queue import Entry


def restart(call: Call) -> dict[str, Any]:
    """New containers of the release that serves: of one role, or of all."""
    return change(call, parse_restart(call.params))


def start(call: Call) -> dict[str, Any]:
    """Start an app that was stopped."""
    return change(call, parse_start(call.params))


def stop(call: Call) -> dict[str, Any]:
    """Stop every role; the edge answers 503 until the app is started or deployed."""
    return change(call, parse_stop(call.params))


def maintenance(call: Call) -> dict[str, Any]:
    """Have the edge answer 503 for the app but for its health check, or end that."""
    return change(call, parse_maintenance(call.params))


def accessory_remove(call: Call) -> dict[str, Any]:
    """Remove an accessory that the release which serves does not define."""
    return change(call, parse_accessory_remove(call.params))


def change(call: Call, order: ChangeOrder, app: App | None = None) -> dict[str, Any]:
    """Begin it, unless the request is known already; Refused `busy` while another transaction of the app runs."""
    found: Deployment | Entry | None = call.running.repeated(call.id, order.kind, order.app_id)
    if found is None:
        app = app or known_app(call.host.ledger, call.params)
        terms = Terms(parse_terms(call.params, call.role).caller)  # these have no turn to wait for
        found = call.running.enter(call.id, order, app, terms)
    return attend(call, found)
