"""deploy, rollback: the requests that go to a release."""

from __future__ import annotations

from typing import Any

from ferryman_agent.containers import SUBNETS
from ferryman_agent.requests.call import Call
from ferryman_agent.requests.follow import attend
from ferryman_agent.transaction.orders.deploying import known_app, parse_deploy, parse_rollback
from ferryman_agent.transaction.orders.terms import parse_terms


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
