"""The results: a file of JSON lines, one for each cell, to which runs add; and the page made of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from faults.cell import Result
from faults.cells import FAULTS, STEPS, Cell

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- made by `make faults` -->", "<!-- end -->"
Row = dict[str, Any]


def revision() -> str:
    """The commit of this checkout; with `+` when what is shipped differs from it."""
    command = ["git", "-C", str(ROOT)]
    found = subprocess.run([*command, "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True)
    changed = subprocess.run([*command, "diff", "--quiet", "HEAD", "--", "src"], check=False).returncode
    return found.stdout.strip() + ("+" if changed else "")


class Results:
    """The file; the last line of a cell counts."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Row]:
        """Cell → its result."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        rows = [json.loads(line) for line in lines]
        return {f"{row['fault']} at {row['step']}": row for row in rows}

    def add(self, result: Result) -> None:
        """Add a line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(result.as_json()) + "\n")

    def left(self, wanted: list[Cell]) -> list[Cell]:
        """Those that have not been run, or had a problem."""
        done = {key for key, row in self.read().items() if not row["problems"]}
        return [cell for cell in wanted if cell.key not in done]


def told(row: Row | None) -> str:
    """One cell of the matrix."""
    if row is None:
        return "not run"
    lost = row["lost"] + row["lost_database"]
    outage = max(row["outage"], row["outage_database"])
    words = [row["outcome"], f"{lost} lost" + (f" in {outage:.1f} s" if lost else ""), f"{row['settled']:.1f} s"]
    return ", ".join(words) + (f" **{len(row['problems'])} wrong**" if row["problems"] else "")


def matrix(rows: dict[str, Row]) -> str:
    """All cells: steps down, faults across."""
    head = [fault.told for fault in FAULTS.values()]
    lines = ["| step | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    for step in STEPS:
        found = [told(rows.get(Cell(fault, step).key)) for fault in FAULTS.values()]
        lines.append(f"| {step} | " + " | ".join(found) + " |")
    return "\n".join(lines)


def summary(rows: dict[str, Row]) -> str:
    """One line for each fault: how many cells, what came of them, what was lost, how long it took."""
    lines = [
        "| fault | cells | wrong | outcomes | requests answered | lost | longest outage | longest until all agreed |"
    ]
    lines.append("|---" * 8 + "|")
    for fault in FAULTS.values():
        mine = [row for row in rows.values() if row["fault"] == fault.name]
        if not mine:
            continue
        outcomes: dict[str, int] = {}
        for row in mine:
            outcomes[row["outcome"]] = outcomes.get(row["outcome"], 0) + 1
        lost, asked = sum(row["lost"] for row in mine), sum(row["lost_database"] for row in mine)
        outage = max(max(row["outage"], row["outage_database"]) for row in mine)
        cells = [
            f"{fault.told} (`{fault.name}`)",
            f"{len(mine)} of {len(STEPS)}",
            str(sum(1 for row in mine if row["problems"])),
            ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())),
            f"{sum(row['answered'] for row in mine):,}",
            f"{lost}" + (f", and {asked} that need PostgreSQL" if asked else ""),
            f"{outage:.1f} s",
            f"{max(row['settled'] for row in mine):.1f} s",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def made_of(rows: dict[str, Row]) -> str:
    """When, and of which revisions."""
    revisions: dict[str, int] = {}
    for row in rows.values():
        revisions[row["revision"]] = revisions.get(row["revision"], 0) + 1
    dates = sorted(row["at"] for row in rows.values())
    listed = ", ".join(f"{count} at {name}" for name, count in revisions.items())
    return f"{len(rows)} of {len(STEPS) * len(FAULTS)} cells, {dates[0]} to {dates[-1]} UTC; revisions: {listed}."


def write_page(rows: dict[str, Row]) -> None:
    """Put the tables into the page, between its two marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{made_of(rows)}\n\n{summary(rows)}\n\n{matrix(rows)}\n{END}{after}")
