"""exec: a command inside a container of an app; its terminal is the engine's."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from typing import Any

from ferryman_agent.engine import EngineError
from ferryman_agent.errors import AgentError, BadRequest, Refused
from ferryman_agent.requests.call import Call
from ferryman_agent.requests.containers import container_of

CHUNK_BYTES = 32768


def execute(call: Call) -> dict[str, Any]:
    """Run a command inside a role's container; input and output travel as base64, the terminal is the engine's."""
    name = container_of(call)
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
