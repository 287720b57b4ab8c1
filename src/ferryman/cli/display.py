"""Shows what happens: live steps with seconds on a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

MARKS = {"started": ("…", "cyan"), "done": ("✓", "green"), "skipped": ("-", "dim"), "failed": ("✗", "red")}
LOG_LINES = 6


class Steps:
    """The steps of one run, as events tell them. `is_verbose` shows every log line, not only the last few."""

    def __init__(self, console: Console, *, is_verbose: bool = False) -> None:
        self._console = console
        self._rows: dict[str, dict[str, Any]] = {}
        self._began: dict[str, float] = {}
        self._logs: list[str] = []
        self._is_verbose = is_verbose
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=8, transient=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._logs.clear()
        if self._console.is_terminal:
            self._live.stop()

    def show(self, event: dict[str, Any]) -> None:
        """Take one event of the client or of the agent."""
        if event["kind"] == "step":
            self._show_step(event)
        elif event["kind"] == "note":
            self._console.print(f"        {event['text']}", markup=False, highlight=False, soft_wrap=True)
        elif event["kind"] == "log":
            self._show_log(event["text"])

    def _show_step(self, event: dict[str, Any]) -> None:
        name = event["step"]
        self._began.setdefault(name, time.monotonic())
        self._rows[name] = event
        if event["state"] != "started":
            self._logs.clear()
            if not self._console.is_terminal:
                seconds = f"{event['seconds']:8.2f} s" if event["seconds"] is not None else " " * 10
                detail = f"  {event['detail']}" if event["detail"] else ""
                line = f"{event['state']:<7} {name:<10} {seconds}{detail}"
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _show_log(self, text: str) -> None:
        if self._is_verbose:
            self._console.print(f"        {text}", markup=False, highlight=False, soft_wrap=True)
        else:
            self._logs = [*self._logs, text][-LOG_LINES:]

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, event in self._rows.items():
            mark, colour = MARKS[event["state"]]
            running = event["state"] == "started"
            seconds = time.monotonic() - self._began[name] if running else event["seconds"] or 0.0
            table.add_row(Text(mark, colour), name, Text(f"{seconds:.1f} s", "dim"), Text(event["detail"], "dim"))
        for line in self._logs:
            table.add_row("", "", "", Text(line, "dim", overflow="ellipsis", no_wrap=True))
        return table
