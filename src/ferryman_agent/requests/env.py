"""env: an app's variables, versioned."""

from __future__ import annotations

from typing import Any

from ferryman_agent.containers import SUBNETS
from ferryman_agent.errors import BadRequest, Refused
from ferryman_agent.host.serving import copy_ledger
from ferryman_agent.manifest import VARIABLE
from ferryman_agent.requests.call import Call
from ferryman_agent.transaction.orders.parameters import app_id

VARIABLE_LIMIT_BYTES = (128 << 10) - 1  # NAME=value: Linux starts no process with a longer one


def environment_list(call: Call) -> dict[str, Any]:
    """Names and versions of what `env set` stored; values only for the operator who asks for them."""
    app = app_id(call.params)
    version, values = call.host.ledger.environment(app)
    shown = dict(values) if call.params.get("values") is True else dict.fromkeys(values)
    return {"version": version, "variables": dict(sorted(shown.items()))}


def environment_history(call: Call) -> dict[str, Any]:
    """All environment versions: number, time, and which names changed."""
    return {"versions": call.host.ledger.environment_history(app_id(call.params))}


def environment_set(call: Call) -> dict[str, Any]:
    """Store variables as a new version, used from the next deploy on."""
    app = app_id(call.params)
    given = call.params.get("variables")
    if not isinstance(given, dict) or not given:
        raise BadRequest("bad-request", "variables: must be an object of names and values")
    for name, value in given.items():
        if not VARIABLE.fullmatch(name):
            raise BadRequest("bad-variable", f"{name!r} is not a variable name; allowed: letters, digits, _")
        if not isinstance(value, str) or "\0" in value:
            raise BadRequest("bad-variable", f"{name}: the value must be text without NUL")
        if len(f"{name}={value}".encode()) > VARIABLE_LIMIT_BYTES:
            raise BadRequest("bad-variable", f"{name}: longer than 128 KiB, with which Linux starts no process")
    version, values = call.host.ledger.environment(app)
    changed = sorted(name for name, value in given.items() if values.get(name) != value)
    return _store(call, version, {**values, **given}, ("set", changed))


def environment_unset(call: Call) -> dict[str, Any]:
    """Remove variables; refuses names that are not set."""
    app = app_id(call.params)
    names = call.params.get("names")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise BadRequest("bad-request", "names: must be a list of names")
    version, values = call.host.ledger.environment(app)
    unknown = [name for name in names if name not in values]
    if unknown:
        raise Refused("variable-not-set", f"not set: {', '.join(unknown)}", state="nothing was changed")
    kept = {name: value for name, value in values.items() if name not in names}
    return _store(call, version, kept, ("unset", sorted(set(names))))


def _store(call: Call, version: int, values: dict[str, str], change: tuple[str, list[str]]) -> dict[str, Any]:
    """A new version on top of `version`; `change` is what was done, and to which names."""
    verb, names = change
    if names:
        app = call.host.ledger.add_app(call.params["app"], call.params["environment"], SUBNETS)
        version = call.host.ledger.add_environment(app.id, values, f"{verb} {', '.join(names)}", base=version)
        copy_ledger(call.host, app.id)
    return {"version": version, "changed": names}
