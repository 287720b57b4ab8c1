"""`ferryman-agent doctor` on the server, for root: shows, and rebuilds once that is confirmed; needs no daemon."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TextIO

from ferryman_agent.clock import now
from ferryman_agent.doctor.doctor import Doctor
from ferryman_agent.doctor.opening import open_ledger
from ferryman_agent.doctor.report import lines
from ferryman_agent.edge import Edge
from ferryman_agent.engine import Docker, Engine
from ferryman_agent.errors import AgentError, Refused


def doctor(
    folder: Path, docker: Engine, wanted: tuple[bool, bool, bool], streams: tuple[TextIO, TextIO, TextIO]
) -> int:
    """Show what the server has; `wanted`: rebuild, without a question, as JSON. Returns the exit status.

    1. Open the ledger as the agent does. 2. Show both. 3. Ask. 4. Rebuild; the agent takes the ledger up by itself.
    """
    (is_rebuilding, is_confirmed, as_json), (stdin, stdout, stderr) = wanted, streams
    made = Doctor(folder, docker, Edge(docker, folder / "edge", lambda _: None), now)
    try:
        fault = _show(made, folder, docker, as_json, stdout)
        if not is_rebuilding:
            return fault.exit_status if fault else 0
        if not is_confirmed and not (fault is None or _is_confirmed(stdin, stderr)):
            raise Refused("not-confirmed", "the rebuild was not confirmed", state="nothing was changed", hint="--yes")
        rebuilt = made.rebuild(fault)
    except AgentError as error:
        return _fail(error, as_json, stderr)
    stdout.write(json.dumps(rebuilt) + "\n" if as_json else told(rebuilt))
    return 0


def told(rebuilt: dict[str, list[str]]) -> str:
    """What came of a rebuild, for a person."""
    kept = f"the old one is kept as {', '.join(rebuilt['kept'])}\n" if rebuilt["kept"] else ""
    return f"the ledger was rebuilt, with {', '.join(rebuilt['apps']) or 'no app'}\n{kept}"


def _show(made: Doctor, folder: Path, docker: Engine, as_json: bool, stdout: TextIO) -> AgentError | None:
    ledger, fault = None, None
    try:
        ledger = open_ledger(folder, docker, now)
    except AgentError as error:
        fault = error
    try:
        found = made.examine(ledger, fault)
    finally:
        if ledger:
            ledger.close()
    stdout.write(json.dumps(found) + "\n" if as_json else "".join(f"{line}\n" for line in lines(found)))
    stdout.flush()
    return fault


def _is_confirmed(stdin: TextIO, stderr: TextIO) -> bool:
    if not stdin.isatty():
        return False
    stderr.write("rebuild the ledger from this? What is lost is named above. [y/N] ")
    stderr.flush()
    return stdin.readline().strip().lower() in ("y", "yes")


def _fail(error: AgentError, as_json: bool, stderr: TextIO) -> int:
    if as_json:
        stderr.write(json.dumps({"error": error.as_json()}) + "\n")
        return error.exit_status
    stderr.write(f"error: {error.message} [{error.code}]\n")
    for word, text in (("state", error.state), ("hint", error.hint)):
        if text:
            stderr.write(f"{word}: {text}\n")
    return error.exit_status


def run(folder: str, engine: str, wanted: tuple[bool, bool, bool]) -> int:
    """The command as it is called."""
    return doctor(Path(folder), Docker(engine), wanted, (sys.stdin, sys.stdout, sys.stderr))
