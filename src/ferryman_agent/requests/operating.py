"""env, reports, logs, exec: requests of an operator that change settings or look into containers."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

from ferryman_agent.containers import SUBNETS, accessory_name, current_name, run_name
from ferryman_agent.engine import EngineError
from ferryman_agent.errors import AgentError, BadRequest, Refused
from ferryman_agent.host.serving import committed, copy_ledger
from ferryman_agent.manifest import NAME, VARIABLE
from ferryman_agent.requests.call import Call
from ferryman_agent.requests.schedules import send_kept_log
from ferryman_agent.requests.watching import until_gone
from ferryman_agent.transaction.orders.deploying import known_app
from ferryman_agent.transaction.orders.parameters import app_id, whole_number

CHUNK_BYTES = 32768
VARIABLE_LIMIT_BYTES = (128 << 10) - 1  # NAME=value: Linux starts no process with a longer one


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


def reports_set(call: Call) -> dict[str, Any]:
    """Tell the agent which Harbour it reports to, and with which token."""
    url, token = call.params.get("url"), call.params.get("token")
    if not isinstance(url, str) or not _is_web_address(url):
        raise BadRequest("bad-request", "url: must be an http or https address")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise BadRequest("bad-request", "token: must be printable text")
    host = call.params.get("host") or ""
    if not isinstance(host, str) or not (host.isascii() and host.isprintable()):
        raise BadRequest("bad-request", "host: must be a host name")
    call.host.ledger.set_setting("reports", {"url": url, "token": token, "host": host})
    call.outbox.wake()
    return {"url": url}


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isascii()
    except ValueError:  # a port that is no number, a broken IPv6 address
        return False


def _container_of(call: Call) -> str:
    app = known_app(call.host.ledger, call.params)
    role = str(call.params.get("role") or "web")
    number = whole_number(call.params, "release") or app.serving
    for record in call.host.ledger.accessories(app.id):
        if record.name == role:
            return accessory_name(record)
    scheduled = _running_schedule(call, app.id, role)
    if scheduled:
        return scheduled
    if not NAME.fullmatch(role):
        raise BadRequest("bad-request", f"role: {role!r} is not a role's name")
    if number is None:
        raise Refused("nothing-serves", f"{app.id} has no release that serves", hint="ferryman deploy")
    name = current_name(app, role, number)
    if call.host.engine.workload(name) is None:
        raise Refused("no-container", f"there is no container {name}", hint="ferryman status")
    return name


def _ended_schedule(call: Call) -> tuple[str, str] | None:
    """(app, schedule) when the log of a schedule is asked for of which no run is under way."""
    app, role = known_app(call.host.ledger, call.params), call.params.get("role")
    target = committed(call.host, app)
    if target is None or role not in target.manifest.schedules or _running_schedule(call, app.id, str(role)):
        return None
    return app.id, str(role)


def _running_schedule(call: Call, app: str, name: str) -> str | None:
    """The container of a schedule's run that is under way."""
    return next((run_name(run) for run in call.host.ledger.runs(app, name) if run.state == "running"), None)


def logs(call: Call) -> dict[str, Any]:
    """Send the log of a role's container; with `follow` until the caller leaves or the container ends."""
    tail = whole_number(call.params, "tail")
    ended = _ended_schedule(call)
    if ended:
        send_kept_log(call, *ended, tail)
        return {"container": ""}
    name = _container_of(call)
    if call.params.get("follow") is True:
        stop, output = call.host.engine.follow_logs(name, tail)
        threading.Thread(target=until_gone, args=(call, stop), daemon=True).start()
    else:
        output = call.host.engine.logs(name, tail=tail)
    for stream, chunk in output:
        text = chunk.decode(errors="replace")
        call.channel.event({"kind": "log", "stream": stream, "text": text})
    return {"container": name}


def execute(call: Call) -> dict[str, Any]:
    """Run a command inside a role's container; input and output travel as base64, the terminal is the engine's."""
    name = _container_of(call)
    command, tty = call.params.get("command"), call.params.get("tty") is True
    if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
        raise BadRequest("bad-request", "command: must be a list of words")
    engine = call.host.engine
    try:
        identifier = engine.exec_create(name, command, tty=tty, stdin=True)
        stream = engine.exec_attach(identifier, tty=tty)
    except EngineError as error:
        raise Refused("exec-failed", f"{command[0]} can't be run: {error.reason}") from error
    with stream:
        threading.Thread(target=_feed, args=(call, identifier, stream), daemon=True).start()
        _drain(call, stream, tty=tty)
    return {"exit_code": engine.exec_result(identifier)}


def _feed(call: Call, identifier: str, stream: socket.socket) -> None:
    """Caller → command, until the caller ends its input."""
    try:
        for message in call.channel.messages():
            if "stdin" in message:
                stream.sendall(base64.b64decode(message["stdin"]))
            elif "resize" in message:
                rows, columns = (int(size) for size in message["resize"])
                call.host.engine.exec_resize(identifier, rows, columns)
            elif message.get("eof"):
                stream.shutdown(socket.SHUT_WR)
    except (OSError, ValueError, TypeError, AgentError):
        pass  # the command has ended, or the caller sent what is no input
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)  # the caller is gone


def _drain(call: Call, stream: socket.socket, *, tty: bool) -> None:
    reader = stream.makefile("rb")
    while True:
        name = "stdout"
        if tty:
            chunk = stream.recv(CHUNK_BYTES)
        else:
            header = reader.read(8)
            name = "stderr" if header[:1] == b"\x02" else "stdout"
            chunk = reader.read(int.from_bytes(header[4:], "big")) if len(header) == 8 else b""
        if not chunk:
            return
        call.channel.event({"kind": "output", "stream": name, "data": base64.b64encode(chunk).decode()})
