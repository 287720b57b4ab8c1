"""restart, start, stop, maintenance, remove: an operator's transactions on an app that is there."""

from __future__ import annotations

from typing import Any

from ferryman_agent.containers import SUBNETS
from ferryman_agent.ledger import App
from ferryman_agent.requests.call import Call
from ferryman_agent.requests.deployments import attend
from ferryman_agent.transaction.orders import ChangeOrder
from ferryman_agent.transaction.orders.changing import (
    parse_accessory_remove,
    parse_maintenance,
    parse_remove,
    parse_restart,
    parse_start,
    parse_stop,
)
from ferryman_agent.transaction.orders.deploying import known_app
from ferryman_agent.transaction.orders.parameters import app_id
from ferryman_agent.transaction.orders.terms import parse_terms
from ferryman_agent.transaction.steps.teardown.removal import what_goes


def restart(call: Call) -> dict[str, Any]:
    """New containers of the release that serves: of one role, or of all."""
    return _change(call, parse_restart(call.params))


def start(call: Call) -> dict[str, Any]:
    """Start an app that was stopped."""
    return _change(call, parse_start(call.params))


def stop(call: Call) -> dict[str, Any]:
    """Stop every role; the edge answers 503 until the app is started or deployed."""
    return _change(call, parse_stop(call.params))


def maintenance(call: Call) -> dict[str, Any]:
    """Have the edge answer 503 for the app but for its health check, or end that."""
    return _change(call, parse_maintenance(call.params))


def accessory_remove(call: Call) -> dict[str, Any]:
    """Remove an accessory that the release which serves does not define."""
    return _change(call, parse_accessory_remove(call.params))


def _change(call: Call, order: ChangeOrder, app: App | None = None) -> dict[str, Any]:
    """Begin it, unless the request is known already; Refused `busy` while another transaction of the app runs."""
    found = call.running.repeated(call.id, order.kind, order.app_id)
    if found is None:
        app = app or known_app(call.host.ledger, call.params)
        found = call.running.begin(call.id, order, app, parse_terms(call.params, call.role))
    return attend(call, found)


def remove(call: Call) -> dict[str, Any]:
    """Remove an app from this server; the request that did it is answered with what went, also later."""
    done = call.host.ledger.removal_result(call.id)
    if done:
        return done
    order = parse_remove(call.params)
    return _change(call, order, _app_to_remove(call, with_data=order.with_data))


def _app_to_remove(call: Call, *, with_data: bool) -> App:
    """The app; one that was removed, and whose data is to go now, is made known again for it."""
    identifier, ledger = app_id(call.params), call.host.ledger
    if ledger.app(identifier) is None and with_data and call.host.engine.volumes({"ferryman.app": identifier}):
        return ledger.add_app(call.params["app"], call.params["environment"], SUBNETS)
    return known_app(ledger, call.params)


def removal_plan(call: Call) -> dict[str, Any]:
    """What a removal would take away, and what it would keep; changes nothing."""
    identifier, with_data = app_id(call.params), call.params.get("with_data") is True
    if not (with_data and call.host.engine.volumes({"ferryman.app": identifier})):
        known_app(call.host.ledger, call.params)
    named = {"app": call.params["app"], "environment": call.params["environment"]}
    return {**named, **what_goes(call.host, identifier, with_data)}
