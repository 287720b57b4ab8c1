"""Runs git and docker: quietly for an answer, or line by line for a person to watch."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAST_LINES_KEPT = 30

OnLine = Callable[[str], None]


@dataclass(frozen=True)
class Finished:
    """A command that has ended: its exit status and its last lines."""

    status: int
    lines: tuple[str, ...]


def answer(command: Sequence[str], *, folder: Path | None = None, timeout: float | None = None) -> tuple[int, str, str]:
    """Run a command without a terminal; return its exit status, output and error text."""
    result = subprocess.run(
        command,
        cwd=folder,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return result.returncode, result.stdout, result.stderr


def watch(command: Sequence[str], on_line: OnLine, *, variables: Mapping[str, str] | None = None) -> Finished:
    """Run a command and pass each line of its output and error text on; it ends when the caller is interrupted."""
    last: deque[str] = deque(maxlen=LAST_LINES_KEPT)
    with subprocess.Popen(
        command,
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            for line in process.stdout or ():
                text = line.rstrip()
                last.append(text)
                on_line(text)
        except BaseException:
            process.terminate()
            raise
    return Finished(process.returncode, tuple(last))
