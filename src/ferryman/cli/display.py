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


def brought(told: dict[str, Any], previous: int | None) -> str:
    """Say how many commits a deploy brings since release `previous`; "" when that is not known.

    An older agent tells no commits.
    """
    commits = told.get("commits") or []
    if previous is None or not told.get("commits_complete"):
        return ""
    number = len(commits)
    return f"{number or 'no'} commit{'' if number == 1 else 's'} since release {previous}"


def down(result: dict[str, Any]) -> str:
    """For how long the app did not answer because of it; "" when it did all the time. An older agent tells none."""
    seconds = result.get("downtime")
    return "" if seconds is None else f", {seconds:.1f} s of them down"


def waits(event: dict[str, Any]) -> str:
    """Say for whom a request waits."""
    running, before = event.get("running"), event.get("before") or 0
    others = f", and {before} more before this one" if before else ""
    return f"waiting for {describe(running)}{others}" if running else f"waiting{others}"


def describe(asked: dict[str, Any]) -> str:
    """One line on what runs or waits: what, since when, in which step, and who asked for it."""
    revision = f" of {asked['revision'][:7]}" if asked.get("revision") else ""
    run = f" (run {asked['sequence']})" if asked.get("sequence") is not None else ""
    step = f", in step {asked['step']}" if asked.get("step") else ""
    since = f" since {asked['since']}" if asked.get("since") else ""
    by = f", asked for by {asked['by']}" if asked.get("by") else ""
    return f"{asked['kind']}{revision}{run}{since}{step}{by}"


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
        elif event["kind"] == "waiting":
            self._console.print(waits(event), markup=False, highlight=False, soft_wrap=True)
        elif event["kind"] in ("question", "answered"):
            self._ask(event.get("text", ""))
        elif event["kind"] == "deployment" and event["what"] == "deploy":
            told = brought(event, event["previous"])
            if told:
                self._console.print(told, markup=False, highlight=False, soft_wrap=True)

    def _ask(self, text: str) -> None:
        """The live table stands still while a question is open; '' ends it."""
        if text:
            self._live.stop()
            self._console.print(text, end="", markup=False, highlight=False, soft_wrap=True)
        elif self._console.is_terminal:
            self._console.print()
            self._live.start()

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
