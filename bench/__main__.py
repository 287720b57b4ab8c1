"""`python -m bench`: makes its own ground, measures, prints one table, removes what it made."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.agent import agent_rows
from bench.arena import Arena, Fleet
from bench.commit import commit_rows
from bench.link import link_rows
from bench.loss import loss_row
from bench.service import service_rows
from bench.size import image_row, pushed_row
from bench.speed import deploy_rows, rehearsal_row, rollback_rows
from bench.stage import REPOSITORY, BenchFailed, Stage
from bench.start import start_rows
from bench.table import Row, as_markdown, show
from ferryman.errors import FerrymanError
from ferryman.rehearsal.engine import ensure_engine


@dataclass(frozen=True)
class Repeats:
    """How often each is measured."""

    starts: int
    deploys: int
    links: int
    changes: int
    pushes: int
    many_deploys: int
    rest_seconds: float
    requests: int
    load_seconds: int
    fleet: Fleet


FULL = Repeats(
    starts=15,
    deploys=7,
    links=3,
    changes=10,
    pushes=3,
    many_deploys=100,
    rest_seconds=60,
    requests=60,
    load_seconds=8,
    fleet=Fleet(100_000, 5_000_000),
)
QUICK = Repeats(
    starts=3,
    deploys=2,
    links=1,
    changes=2,
    pushes=1,
    many_deploys=10,
    rest_seconds=10,
    requests=10,
    load_seconds=2,
    fleet=Fleet(2_000, 100_000),
)

Measure = Callable[[Stage, Repeats], list[Row]]
ROWS: dict[str, Measure] = {
    "deploy": lambda stage, repeats: deploy_rows(stage, repeats.deploys),
    "commit": lambda stage, repeats: commit_rows(stage, repeats.deploys),
    "link": lambda stage, repeats: link_rows(stage, repeats.links),
    "load": lambda stage, repeats: [loss_row(stage, repeats.changes)],
    "rollback": lambda stage, repeats: rollback_rows(stage, repeats.deploys),
    "agent": lambda stage, repeats: agent_rows(stage, repeats.many_deploys, repeats.rest_seconds),
    "push": lambda stage, repeats: [pushed_row(stage, repeats.pushes)],
    "image": lambda stage, _: [image_row(stage)],
}
REHEARSAL = "rehearsal"
START = "start"
SERVICE = "service"
WORKFLOWS = "workflows"


def main() -> int:
    """Exit status: 0 when every limit holds, 1 when one is missed or something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=[*ROWS, *APART, REHEARSAL], help="measure this alone (repeatable)"
    )
    parser.add_argument("--quick", action="store_true", help="fewer repeats: to see that it works")
    parser.add_argument("--revision", default="HEAD", metavar="REV", help="the commit to measure; HEAD without it")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table there too, as Markdown")
    options = parser.parse_args()
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as folder:
        stage = Stage(Path(folder), _log)
        try:
            revision = _revision(options.revision)
            stage.clone(revision)
            rows = measure(stage, options.only or [*APART, REHEARSAL, *ROWS], QUICK if options.quick else FULL)
        except FerrymanError as error:
            _log(f"{error.code}: {error.message}")
            return 1
        finally:
            _log("removing what was made")
            stage.remove()
    heading = f"Revision {revision[:7]}, {_circumstances()}, {time.monotonic() - began:.0f} s in all"
    show(rows, heading)
    if options.write:
        options.write.write_text(as_markdown(rows, heading), encoding="utf-8")
    return 1 if any(row.is_met is False for row in rows) else 0


def measure(stage: Stage, wanted: Sequence[str], repeats: Repeats) -> list[Row]:
    """Measure what has its own ground; then ship Harbour to a server, and measure one thing after the other."""
    rows: list[Row] = []
    for name in (name for name in wanted if name in APART):
        _log(f"measuring: {name}")
        rows += APART[name](stage, repeats)
    shipped = [name for name in wanted if name not in APART]
    if not shipped:
        return rows
    _log("shipping Harbour to a server of the bench's own")
    seconds = [_seconds(lambda: stage.ferryman("rehearse"))]
    for name in shipped:
        _log(f"measuring: {name}")
        if name == REHEARSAL:
            seconds.append(_seconds(lambda: stage.ferryman("rehearse")))
            rows.append(rehearsal_row(seconds))
        else:
            rows += ROWS[name](stage, repeats)
    return rows


def measure_service(stage: Stage, repeats: Repeats) -> list[Row]:
    """Harbour's own rows, in containers of their own beside a large fleet; those are removed at once."""
    ensure_engine(_log)
    arena = Arena(stage.project / "service", repeats.fleet, _log)
    try:
        arena.up()
        return service_rows(arena, repeats.requests, repeats.load_seconds)
    finally:
        arena.down()


def measure_workflows(stage: Stage, _: Repeats) -> list[Row]:
    """The workflows' jobs; what runs them is the end-to-end tests', so tests/e2e must be in PYTHONPATH."""
    from bench.workflows import workflow_rows

    return workflow_rows(stage.folder / WORKFLOWS, _log)


# What ships no Harbour.
APART: dict[str, Measure] = {
    START: lambda stage, repeats: start_rows(stage, repeats.starts),
    SERVICE: measure_service,
    WORKFLOWS: measure_workflows,
}


def _seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _circumstances() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} CPUs, load {os.getloadavg()[1]:.1f} at the end"


def _revision(name: str) -> str:
    command = ["git", "-C", str(REPOSITORY), "rev-parse", "--verify", f"{name}^{{commit}}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchFailed("bench-unknown-revision", f"{name} is not a commit of this repository")
    return done.stdout.strip()


def _log(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
