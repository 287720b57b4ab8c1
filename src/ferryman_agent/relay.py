"""The forced command of a key: puts the key's role in front, then copies bytes between SSH and the agent's socket."""

from __future__ import annotations

import os
import select
import socket
import sys

CHUNK_BYTES = 65536


def relay(role: str, path: str) -> int:
    """Copy until the agent ends the conversation; returns the exit status.

    It starts once for each call over the link, so it loads no module that only an error needs.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(path)
        except OSError as error:
            return _not_running(error)
        connection.sendall(b'{"role": "%s"}\n' % role.encode())
        _copy(connection)
    return 0


def _not_running(error: OSError) -> int:
    import json

    from ferryman_agent.errors import Unavailable

    told = Unavailable(
        "agent-not-running",
        f"the agent does not answer: {error.strerror}",
        state="what serves goes on serving",
        hint="on the server: systemctl status ferryman-agent",
    )
    sys.stdout.write(json.dumps({"error": told.as_json()}) + "\n")
    return 4


def _copy(connection: socket.socket) -> None:
    stdin, stdout = sys.stdin.fileno(), sys.stdout.fileno()
    waiting = [connection, stdin]
    while True:
        for ready in select.select(waiting, [], [])[0]:
            if ready == stdin:
                chunk = os.read(stdin, CHUNK_BYTES)
                if not _pass_on(connection, chunk):
                    waiting.remove(stdin)
                continue
            chunk = _answer(connection)
            if not chunk:
                return
            while chunk:
                chunk = chunk[os.write(stdout, chunk) :]


def _answer(connection: socket.socket) -> bytes:
    try:
        return connection.recv(CHUNK_BYTES)
    except ConnectionResetError:  # it closed with our bytes unread, for the line was too long; all it said was heard
        return b""


def _pass_on(connection: socket.socket, chunk: bytes) -> bool:
    """Caller → agent; False at the end of the caller's input, or when the agent has answered and hears no more."""
    try:
        if chunk:
            connection.sendall(chunk)
        else:
            connection.shutdown(socket.SHUT_WR)
    except OSError:
        return False
    return bool(chunk)
