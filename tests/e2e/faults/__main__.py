"""`python -m faults`: runs the cells that have no result yet, and writes them into docs/reliability.md."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cut import Proxy
from shop import make_shop, prepare

from faults.cell import run_cell
from faults.cells import FAULTS, STEPS, SUBSET, Cell, cells
from faults.results import ROOT, Results, matrix, revision, write_page
from faults.stage import Stage
from ferryman.rehearsal.engine import ensure_engine
from ferryman.rehearsal.ground import Ground


def options() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--only", action="append", default=[], choices=list(FAULTS), metavar="FAULT")
    parser.add_argument("--step", action="append", default=[], choices=STEPS, metavar="STEP")
    parser.add_argument("--slice", default="1/1", metavar="N/M", help="every M-th cell, from the N-th on")
    parser.add_argument("--subset", action="store_true", help="the few cells that `make test` runs")
    parser.add_argument("--seconds", type=float, default=150 * 60, help="begin no cell after so long")
    parser.add_argument("--again", action="store_true", help="also those that have a result")
    parser.add_argument("--results", type=Path, default=ROOT / ".faults" / "results.jsonl")
    parser.add_argument("--table", action="store_true", help="only write the page")
    return parser.parse_args()


def wanted(chosen: argparse.Namespace, results: Results) -> list[Cell]:
    """The cells to run."""
    found = SUBSET if chosen.subset else cells(chosen.only, chosen.step)
    number, parts = (int(word) for word in chosen.slice.split("/"))
    found = found[number - 1 :: parts]
    return found if chosen.again else results.left(found)


@contextmanager
def stage() -> Iterator[Stage]:
    """A server of this run's own, with the app on it; removed at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ensure_engine(tell)
        ground = Ground(folder, f"faults-{secrets.token_hex(3)}", tell)
        try:
            ground.images.ensure_all()
            registry = ground.make_registry()
            server = ground.make_server([registry.state], with_engine=True)
            server.wait_engine()
            for part in ("setup", "shop"):
                (folder / part).mkdir()
            shop = make_shop(prepare(server, registry, folder / "setup"), folder / "shop", "faults", "faults.test")
            with Proxy(server.state.ssh_port) as proxy:
                made = Stage(shop, proxy)
                made.set_up()
                yield made
        finally:
            ground.down()


def tell(text: str) -> None:
    """For whoever waits."""
    print(text, file=sys.stderr, flush=True)


def run(found: list[Cell], results: Results, seconds: float) -> int:
    """Run cells; how many had a problem."""
    wrong, limit, shipped = 0, time.monotonic() + seconds, revision()
    with stage() as made:
        for number, cell in enumerate(found, start=1):
            if time.monotonic() > limit:
                tell(f"{len(found) - number + 1} cells are left for the next run")
                break
            result = replace(run_cell(made, cell), revision=shipped)
            results.add(result)
            wrong += bool(result.problems)
            lost = f"{result.lost}+{result.lost_database} lost in {result.outage}/{result.outage_database} s"
            tell(
                f"{number}/{len(found)} {cell.key} (in {result.hit}): {result.outcome}, client {result.status}, {lost},"
                f" agreed after {result.settled} s, took {result.seconds} s"
            )
            for problem in result.problems:
                tell(f"    WRONG: {problem}")
    return wrong


def main() -> int:
    """Run, print, write."""
    chosen = options()
    results = Results(chosen.results)
    found = [] if chosen.table else wanted(chosen, results)
    try:
        wrong = run(found, results, chosen.seconds) if found else 0
    finally:
        if rows := results.read():
            write_page(rows)
            print(matrix(rows))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
