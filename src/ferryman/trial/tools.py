"""Finds the tools that the checks call, and runs them so that a person sees what they say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ferryman.errors import UsageError
from ferryman.trial.outcomes import CheckFailed


def find_tool(name: str, *folders: Path) -> str:
    """The path of a tool: from the folders, else beside the Python that runs this, else from PATH.

    UsageError `tool-missing`.
    """
    places = [*map(str, folders), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    found = shutil.which(name, path=os.pathsep.join(places))
    if not found:
        raise UsageError("tool-missing", f"{name} is not installed", hint='pip install "ferryman[checks]"')
    return found


def run(command: Sequence[str], *, folder: Path, variables: Mapping[str, str] | None = None) -> None:
    """Run a command that writes to this one's standard error; CheckFailed when its status is not 0."""
    status = call(command, folder=folder, variables=variables)
    if status != 0:
        raise CheckFailed(f"{Path(command[0]).name} ended with status {status}")


def call(command: Sequence[str], *, folder: Path, variables: Mapping[str, str] | None = None) -> int:
    """Run a command that writes to this one's standard error; its exit status."""
    sys.stderr.flush()
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=2,
            check=False,
        )
    except OSError as error:
        raise CheckFailed(f"{command[0]} can't be run: {error.strerror}") from None
    return done.returncode


def output(command: Sequence[str], *, folder: Path, variables: Mapping[str, str] | None = None) -> str:
    """What a command writes to its standard output; CheckFailed with its last lines when its status is not 0."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise CheckFailed(f"{Path(command[0]).name} ended with status {done.returncode}: {last}")
    return done.stdout
