"""Prints an error and picks the exit status: the only place that does."""

from __future__ import annotations

import json
from typing import Any

from ferryman.cli.messages import Messages
from ferryman.errors import DeployFailed, FerrymanError

UNSEEN = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)], "\ufffd")
SHOWN_DETAILS = ("exit_code", "http_status", "http_body")


def print_failure(error: FerrymanError, out: Messages, *, as_json: bool = False) -> int:
    """Show what failed, in what state the server is, and the next command; returns the exit status."""
    details: dict[str, Any] = error.details if isinstance(error, DeployFailed) else {}
    if as_json:
        content = {"code": error.code, "message": error.message, "state": error.state, "hint": error.hint}
        answer = json.dumps({"error": {**content, "exit": error.exit_status, "details": details}})
        out.print(answer)
        return error.exit_status
    lines = [f"error: {error.message} [{error.code}]"]
    if error.state:
        lines.append(f"state: {error.state}")
    if error.hint:
        lines.append(f"hint: {error.hint}")
    shown = [key for key in SHOWN_DETAILS if details.get(key) not in (None, "")]
    lines += [f"{key.replace('_', ' ')}: {details[key]}" for key in shown]
    if details.get("log"):
        lines += ["last log lines:", *(f"  | {line}" for line in details["log"])]
    for line in (line.translate(UNSEEN) for line in lines):  # an app's log or answer must not steer the terminal
        out.print(line, style="bold red" if line.startswith("error:") else "")
    return error.exit_status
