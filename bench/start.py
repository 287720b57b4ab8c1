"""Rows about the command's own start, each against Typer's, which every command written with it pays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.stage import BenchFailed, Stage
from bench.table import Row

FERRYMAN = str(Path(sys.executable).parent / "ferryman")
TWO_COMMANDS = """\
import typer
app = typer.Typer()
@app.command()
def one(name: str = "x") -> None:
    "Do one thing."
@app.command()
def two(name: str = "x") -> None:
    "Do another."
app()
"""
COMPLETION = {"_FERRYMAN_COMPLETE": "complete_bash", "COMP_WORDS": "ferryman dep", "COMP_CWORD": "1"}
UNKNOWN_ENVIRONMENT = 2


@dataclass(frozen=True)
class Call:
    """A command that is started, and how it must end."""

    words: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    status: int = 0

    def seconds(self, folder: Path) -> float:
        """How long it takes."""
        variables = {**os.environ, **self.variables}
        began = time.monotonic()
        done = subprocess.run(self.words, cwd=folder, env=variables, capture_output=True, check=False)
        seconds = time.monotonic() - began
        if done.returncode != self.status:
            raise BenchFailed("bench-command-failed", f"{self.words} ended with {done.returncode}: {done.stderr!r}")
        return seconds


TYPER = Call([sys.executable, "-c", "import typer"])
HELP = Call([sys.executable, "-c", TWO_COMMANDS, "--help"])
# What is measured, against what, and how many times as long it may take.
CLAIMS = {
    "start: ferryman --version": (Call([FERRYMAN, "--version"]), TYPER, 1.5),
    "start: completion of a command's name": (Call([FERRYMAN], COMPLETION), TYPER, 1.5),
    "start: ferryman --help": (Call([FERRYMAN, "--help"]), HELP, 1.2),
    "start: a command that reads ferryman.toml": (
        Call([FERRYMAN, "status", "--to", "nowhere"], status=UNKNOWN_ENVIRONMENT),
        TYPER,
        3.0,
    ),
}
FLOORS = {id(TYPER): "`python -c 'import typer'`", id(HELP): "a program of two commands with Typer, called with --help"}


def start_rows(stage: Stage, repeats: int) -> list[Row]:
    """Each command and its floor, in turn; the first round only fills the caches."""
    seconds: dict[int, list[float]] = {
        id(call): [] for measured, floor, _ in CLAIMS.values() for call in (measured, floor)
    }
    calls = {id(call): call for measured, floor, _ in CLAIMS.values() for call in (measured, floor)}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            taken = call.seconds(stage.project)
            if turn:
                seconds[name].append(taken)
    return [
        _row(claim, median(seconds[id(measured)]), median(seconds[id(floor)]), limit, FLOORS[id(floor)])
        for claim, (measured, floor, limit) in CLAIMS.items()
    ]


def _row(claim: str, measured: float, floor: float, limit: float, what: str) -> Row:
    ratio = measured / floor
    return Row(
        claim,
        f"{measured * 1000:.0f} ms",
        f"{floor * 1000:.0f} ms",
        f"{ratio:.2f}",
        f"{limit}",
        ratio <= limit,
        f"whole processes, one after the other in turn, medians; floor: {what}.",
    )
