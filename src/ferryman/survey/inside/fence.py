"""A fence around the project's code: nothing beyond this process is reached, and what it tried to reach is noted."""

from __future__ import annotations

import errno
import resource
import socket
from typing import Any

MEMORY_BYTES = 3 << 30
PROCESSOR_SECONDS = 120
FILE_BYTES = 256 << 20
NOTED = 20


def install() -> list[str]:
    """Close the network, and limit what it may use; returns the list that grows with what it tried to reach."""
    reached: list[str] = []

    def note(address: Any) -> None:
        shown = ":".join(str(part) for part in address[:2]) if isinstance(address, tuple) else str(address)
        if shown not in reached and len(reached) < NOTED:
            reached.append(shown[:200])

    def connect(_: Any, address: Any) -> None:
        note(address)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "the network is closed here")

    def connect_ex(_: Any, address: Any) -> int:
        note(address)
        return errno.ECONNREFUSED

    def look_up(host: Any, port: Any, *_: Any, **__: Any) -> Any:
        note((host, port))
        raise socket.gaierror(socket.EAI_NONAME, "the network is closed here")

    socket.socket.connect = connect  # type: ignore[method-assign]
    socket.socket.connect_ex = connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = look_up
    for kind, limit in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, PROCESSOR_SECONDS),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    return reached
