"""The table that a run ends with: on the terminal, and as a page of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

HEADINGS = ("claim", "measured", "floor or peer", "ratio", "limit", "")
PLAIN_WIDTH = 150


@dataclass(frozen=True)
class Row:
    """One claim. `is_met` None: stated without a limit; `note` says how it was measured."""

    claim: str
    measured: str
    floor: str = ""
    ratio: str = ""
    limit: str = ""
    is_met: bool | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """ok, miss, or stated."""
        return "stated" if self.is_met is None else "ok" if self.is_met else "miss"

    @property
    def cells(self) -> tuple[str, ...]:
        """What stands in its columns."""
        return (self.claim, self.measured, self.floor, self.ratio, self.limit, self.verdict)


def show(rows: Sequence[Row], heading: str) -> None:
    """Print the table on standard output."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PLAIN_WIDTH)
    table = Table(*HEADINGS, box=SIMPLE_HEAD, title=heading, title_justify="left")
    for row in rows:
        table.add_row(*row.cells, style="bold red" if row.is_met is False else "")
    console.print(table, markup=False)


def as_markdown(rows: Sequence[Row], heading: str) -> str:
    """The page: the table, and how each row was measured."""
    lines = ["# Measurements", "", f"Written by `make bench`. {heading}.", ""]
    lines += ["| " + " | ".join(HEADINGS) + " |", "|" + " --- |" * len(HEADINGS)]
    lines += ["| " + " | ".join(row.cells) + " |" for row in rows]
    lines += ["", "## How each was measured", ""]
    lines += [f"- **{row.claim}**: {row.note}" for row in rows if row.note]
    return "\n".join(lines) + "\n"
