"""What only a terminal gets: Rich's console, and the table of steps that changes while they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

MARKS = {"started": ("…", "cyan"), "done": ("✓", "green"), "skipped": ("-", "dim"), "failed": ("✗", "red")}


class TerminalConsole(Console):
    """Standard error; `leave` is called when nobody reads it any more."""

    def __init__(self, stream: TextIO | None, leave: Callable[[], None]) -> None:
        super().__init__(file=stream, stderr=stream is None)
        self._leave = leave

    def on_broken_pipe(self) -> None:
        """Say nothing more, instead of ending the command."""
        self.quiet = True
        self._leave()


@dataclass(frozen=True)
class Row:
    """A step as it is shown."""

    state: str
    name: str
    seconds: float
    detail: str


def live_table(console: Console, rows: Callable[[], Iterable[Row]], logs: list[str]) -> Live:
    """The table of the steps, with the last lines of a log below it, drawn anew while it is started."""

    def table() -> Table:
        shown = Table.grid(padding=(0, 2))
        for row in rows():
            mark, colour = MARKS[row.state]
            shown.add_row(Text(mark, colour), row.name, Text(f"{row.seconds:.1f} s", "dim"), Text(row.detail, "dim"))
        for line in logs:
            shown.add_row("", "", "", Text(line, "dim", overflow="ellipsis", no_wrap=True))
        return shown

    return Live(get_renderable=table, console=console, refresh_per_second=8, transient=False)
