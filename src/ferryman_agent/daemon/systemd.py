"""systemd's notification protocol (sd_notify, watchdog)."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Tell systemd; nothing happens where it does not listen."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.connect(f"\0{path[1:]}" if path.startswith("@") else path)
        connection.sendall(state.encode())


def watchdog_seconds() -> float:
    """How often systemd wants to hear of us, 0 when it does not watch."""
    return int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
