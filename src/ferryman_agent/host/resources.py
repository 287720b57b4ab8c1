"""What this server has left: disk, inodes, memory, a port; and on what a process of it listens."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path

MEMORY = Path("/proc/meminfo")
PROCESSES = Path("/proc")
SOCKETS_LIMIT_BYTES = 1 << 20
LISTENS = "0A"


@dataclass(frozen=True)
class Socket:
    """Where a process takes TCP connections."""

    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """True when nobody reaches it from outside of its network, a container's for instance."""
        return ipaddress.ip_address(self.address).is_loopback

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


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


def listening(pid: int, processes: Path = PROCESSES) -> list[Socket] | None:
    """What is listened on in the network of a process, which may be a container's; None when that can't be seen."""
    tables = [processes / str(pid) / "net" / name for name in ("tcp", "tcp6")]
    rows: list[list[str]] = []
    try:
        for table in [path for path in tables if path.exists() or path is tables[0]]:  # without IPv6 there is one
            with table.open() as lines:
                rows += map(str.split, lines.read(SOCKETS_LIMIT_BYTES).splitlines()[1:])
        return sorted({_socket(words[1]) for words in rows if len(words) > 3 and words[3] == LISTENS}, key=str)
    except (OSError, ValueError):
        return None


def _socket(text: str) -> Socket:
    """'0100007F:1F40', an address in words of the machine's byte order, here the little end first."""
    address, _, port = text.partition(":")
    words = [bytes.fromhex(address[start : start + 8])[::-1] for start in range(0, len(address), 8)]
    return Socket(str(ipaddress.ip_address(b"".join(words))), int(port, 16))
