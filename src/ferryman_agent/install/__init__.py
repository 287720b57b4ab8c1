"""Installs the agent and what it needs on this server; a second run changes nothing."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.install.engine import engine
from ferryman_agent.install.request import parse_request
from ferryman_agent.install.steps import (
    Installation,
    Outcome,
    account,
    agent,
    check_server,
    keys,
    service,
    state_directory,
    unit,
)
from ferryman_agent.install.system import System

LOCK_PATH = "/run/ferryman-install/lock"
STEPS: tuple[tuple[str, Callable[[Installation], Outcome]], ...] = (
    ("server", check_server),
    ("engine", engine),
    ("user", account),
    ("keys", keys),
    ("state", state_directory),
    ("agent", agent),
    ("unit", unit),
    ("service", service),
)


def install(source: TextIO, target: TextIO, zipapp: str) -> int:
    """Read one request, carry out the steps, write a JSON line for each and one for the end; return the exit status."""
    system = System()

    def write(message: dict[str, Any]) -> None:
        # Whoever asked may be gone; the installation is finished all the same.
        with contextlib.suppress(OSError):
            target.write(json.dumps(message) + "\n")
            target.flush()

    try:
        request = parse_request(source.read())
        with contextlib.ExitStack() as stack:
            _lock(system, stack)
            result = carry_out(Installation(system, request, Path(zipapp)), write)
    except AgentError as error:
        write({"error": error.as_json()})
        return error.exit_status
    write({"result": result})
    return 0


def carry_out(installation: Installation, write: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Run all steps in their order; the result says how many changed something, and what the server has."""
    changed = 0
    for name, step in STEPS:
        outcome = step(installation)
        changed += outcome.changed
        write({"step": name, "changed": outcome.changed, "detail": outcome.detail})
    host_key = " ".join(installation.system.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[:2])
    return {"changed": changed, "host_key": host_key, **installation.facts}


def _lock(system: System, stack: contextlib.ExitStack) -> None:
    if not system.is_root():
        return
    path = system.path(LOCK_PATH)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = stack.enter_context(os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "w"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(
            "installation-running",
            "another installation runs on this server",
            state="nothing was changed by this call",
            hint="wait until it has ended, then run it again",
        ) from None
