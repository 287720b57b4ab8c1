"""What this server has left: disk, inodes, memory, a port."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from pathlib import Path

MEMORY = Path("/proc/meminfo")


@dataclass(frozen=True)
class Filesystem:
    """The disk that a folder is on. `free_inodes` None: it has no limit of its own."""

    folder: str
    device: int
    free_bytes: int
    free_inodes: int | None


def filesystem(folder: Path) -> Filesystem:
    """Measure the disk of a folder; of the next one above it, where the folder is out of this process's sight."""
    while not folder.exists():
        folder = folder.parent
    found = os.statvfs(folder)
    inodes = found.f_favail if found.f_files else None
    return Filesystem(str(folder), folder.stat().st_dev, found.f_bavail * found.f_frsize, inodes)


def available_memory(path: Path = MEMORY) -> int | None:
    """Bytes that processes can have without swapping; None when the kernel does not tell."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), None)


def is_port_free(port: int) -> bool:
    """Whether nothing on this server listens on a TCP port, on whatever IPv4 address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended do not count
        try:
            probe.bind(("0.0.0.0", port))  # noqa: S104 - bound, never listened on
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True
