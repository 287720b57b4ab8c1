"""HAProxy's runtime socket: commands out, parsed answers back."""

from __future__ import annotations

import csv
import io
import socket
from pathlib import Path

from ferryman_agent.errors import AgentError


class EdgeError(AgentError):
    """The edge did not take a command."""


def command(path: Path, *commands: str, timeout: float = 5.0) -> str:
    """Send commands in one connection; returns what HAProxy answers. EdgeError when it does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            connection.sendall((";".join(commands) + "\n").encode())
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        except OSError as error:
            raise EdgeError("edge-down", f"the edge's runtime socket does not answer: {error}") from error
    return answer.decode()


def change(path: Path, *commands: str) -> None:
    """Send commands that answer nothing when they succeed."""
    answer = command(path, *commands).strip()
    complaints = [line for line in answer.splitlines() if line and not _is_harmless(line)]
    if complaints:
        raise EdgeError("edge-refused", f"the edge refused a command: {complaints[0]}")


def _is_harmless(line: str) -> bool:
    # `set server … addr` tells what it changed, or that nothing needed a change
    return "changed from" in line or "no need to change" in line or "nothing changed" in line


def statistics(path: Path, slot: int) -> dict[str, dict[str, str]]:
    """lane → HAProxy's counters of a slot's servers (scur: open requests, status, addr)."""
    answer = command(path, f"show stat slot{slot} 4 -1")
    rows = csv.DictReader(io.StringIO(answer.lstrip("# ").strip()))
    return {row["svname"]: row for row in rows}


def frontends(path: Path) -> dict[str, bool]:
    """frontend → whether its port is open, of the running HAProxy, whatever its configuration file says by now."""
    rows = csv.DictReader(io.StringIO(command(path, "show stat -1 1 -1").lstrip("# ").strip()))
    return {row["pxname"]: row["status"] == "OPEN" for row in rows}


def has_map(path: Path, name: str) -> bool:
    """Whether the running HAProxy uses a map: one that was started by an older agent may not."""
    return f"({name})" in command(path, "show map")


def entries(path: Path, name: str) -> dict[str, str]:
    """key → value of a map in the running HAProxy; both are single words."""
    lines = (line.split() for line in command(path, f"show map {name}").splitlines())
    return {words[1]: words[2] for words in lines if len(words) == 3}


def open_requests(path: Path, slot: int, lane: str) -> int:
    """How many requests a lane is answering now."""
    return int(statistics(path, slot)[lane]["scur"])
