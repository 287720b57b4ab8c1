"""Shows what happens: live steps with seconds on a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ferryman.cli.messages import Messages

if TYPE_CHECKING:
    from rich.live import Live

    from ferryman.cli.terminal import Row

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

    def __init__(self, messages: Messages, *, is_verbose: bool = False) -> None:
        self._messages = messages
        self._rows: dict[str, dict[str, Any]] = {}
        self._began: dict[str, float] = {}
        self._logs: list[str] = []
        self._is_verbose = is_verbose
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._messages.is_terminal:
            from ferryman.cli.terminal import live_table

            self._live = live_table(self._messages.console, self._shown_rows, self._logs)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._logs.clear()
        if self._live:
            self._live.stop()

    def show(self, event: dict[str, Any]) -> None:
        """Take one event of the client or of the agent."""
        if event["kind"] == "step":
            self._show_step(event)
        elif event["kind"] == "note":
            self._messages.print(f"        {event['text']}")
        elif event["kind"] == "log":
            self._show_log(event["text"])
        elif event["kind"] == "waiting":
            self._messages.print(waits(event))
        elif event["kind"] in ("question", "answered"):
            self._ask(event.get("text", ""))
        elif event["kind"] == "deployment" and event["what"] == "deploy":
            told = brought(event, event["previous"])
            if told:
                self._messages.print(told)

    def _ask(self, text: str) -> None:
        """The live table stands still while a question is open; '' ends it."""
        if text:
            if self._live:
                self._live.stop()
            self._messages.print(text, end="")
        elif self._live:
            self._messages.print()
            self._live.start()

    def _show_step(self, event: dict[str, Any]) -> None:
        name = event["step"]
        self._began.setdefault(name, time.monotonic())
        self._rows[name] = event
        if event["state"] != "started":
            self._logs.clear()
            if self._live is None:
                seconds = f"{event['seconds']:8.2f} s" if event["seconds"] is not None else " " * 10
                detail = f"  {event['detail']}" if event["detail"] else ""
                self._messages.print(f"{event['state']:<7} {name:<10} {seconds}{detail}")

    def _show_log(self, text: str) -> None:
        if self._is_verbose:
            self._messages.print(f"        {text}")
        else:
            self._logs[:] = [*self._logs, text][-LOG_LINES:]

    def _shown_rows(self) -> Iterator[Row]:
        from ferryman.cli.terminal import Row

        for name, event in list(self._rows.items()):
            is_running = event["state"] == "started"
            seconds = time.monotonic() - self._began[name] if is_running else event["seconds"] or 0.0
            yield Row(event["state"], name, seconds, event["detail"])
