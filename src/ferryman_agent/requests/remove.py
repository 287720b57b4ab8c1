"""remove: an app goes from this server, or what would go is shown."""

from __future__ import annotations

from typing import Any

from ferryman_agent.containers import SUBNETS
from ferryman_agent.host.lookups import app_volumes
from ferryman_agent.ledger import App
from ferryman_agent.requests.call import Call
from ferryman_agent.requests.changes import change
from ferryman_agent.transaction.orders.changing import (
    parse_remove,
)
from ferryman_agent.transaction.orders.deploying import known_app
from ferryman_agent.transaction.orders.parameters import app_id
from ferryman_agent.transaction.steps.teardown.removal import what_goes


def remove(call: Call) -> dict[str, Any]:
    """Remove an app from this server; the request that did it is answered with what went, also later."""
    done = call.host.ledger.removal_result(call.id)
    if done:
        return done
    order = parse_remove(call.params)
    return change(call, order, _app_to_remove(call, with_data=order.with_data))


def _app_to_remove(call: Call, *, with_data: bool) -> App:
    """The app; one that was removed, and whose data is to go now, is made known again for it."""
    identifier, ledger = app_id(call.params), call.host.ledger
    if ledger.app(identifier) is None and with_data and app_volumes(call.host.engine, identifier):
        return ledger.add_app(call.params["app"], call.params["environment"], SUBNETS)
    return known_app(ledger, call.params)


def removal_plan(call: Call) -> dict[str, Any]:
    """What a removal would take away, and what it would keep; changes nothing."""
    identifier, with_data = app_id(call.params), call.params.get("with_data") is True
    if not (with_data and app_volumes(call.host.engine, identifier)):
        known_app(call.host.ledger, call.params)
    named = {"app": call.params["app"], "environment": call.params["environment"]}
    return {**named, **what_goes(call.host, identifier, with_data)}
