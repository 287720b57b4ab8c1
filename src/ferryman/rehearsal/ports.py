"""Ports on this machine's loopback that stay the same over restarts."""

from __future__ import annotations

import secrets
import socket

LOOPBACK = "127.0.0.1"
_FIRST = 20000
_COUNT = 10000
_ATTEMPTS = 100


def free_port() -> int:
    """A port of the loopback that nothing listens on, below those that the kernel gives to outgoing connections.

    A published port must be free again each time its container starts; one of the kernel's own range might then
    belong to a connection. While this process lives, no other rehearsal is given the same port.
    """
    for _ in range(_ATTEMPTS):
        port = _FIRST + secrets.randbelow(_COUNT)
        if _is_free(port) and _reserve(port):
            return port
    raise OSError(f"no free port between {_FIRST} and {_FIRST + _COUNT}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _reserve(port: int) -> bool:
    """Take the UDP port of the same number, which nothing here needs, to the end of this process."""
    mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        mark.bind((LOOPBACK, port))
    except OSError:
        mark.close()
        return False
    mark.detach()
    return True
