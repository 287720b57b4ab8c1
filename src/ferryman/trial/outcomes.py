"""The outcomes of a row of checks: told as they come, summed up at the end, an error when one has failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from ferryman.errors import FerrymanError
from ferryman.github.run import add_to_summary, annotate, annotation, is_github, table

State = Literal["ok", "failed", "warning", "skipped"]


class CheckFailed(Exception):
    """A check has failed; the message says what it found. Never leaves this package."""


@dataclass
class Check:
    """One check: what came of it, in words."""

    name: str
    state: State = "ok"
    detail: str = ""
    seconds: float = 0.0

    def warn(self, detail: str) -> None:
        """It passes, and says something all the same."""
        self.state, self.detail = "warning", detail

    def skip(self, detail: str) -> None:
        """There was nothing to check."""
        self.state, self.detail = "skipped", detail


@dataclass
class Outcomes:
    """The checks of one command. `tell` gets a line for each."""

    title: str
    variables: Mapping[str, str]
    tell: Callable[[str], None]
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def check(self, name: str) -> Iterator[Check]:
        """Carry one check out; what it raises as CheckFailed is its outcome, and the next one goes on."""
        check, began = Check(name), time.monotonic()
        try:
            yield check
        except CheckFailed as failure:
            check.state, check.detail = "failed", str(failure)
        check.seconds = time.monotonic() - began
        self.checks.append(check)
        detail = f"  {check.detail}" if check.detail else ""
        self.tell(f"{check.state:<8} {name:<28} {check.seconds:6.1f} s{detail}")
        if check.state in ("failed", "warning") and is_github(self.variables):
            level = "error" if check.state == "failed" else "warning"
            annotate(annotation(level, check.detail or name, title=name))

    def finish(self) -> None:
        """Write the summary; FerrymanError `checks-failed` when one has failed."""
        rows = [[check.name, check.state, f"{check.seconds:.1f} s", check.detail] for check in self.checks]
        summary = [f"### {self.title}", table(["Check", "Outcome", "Time", ""], rows), *self.notes]
        add_to_summary("\n\n".join(summary), self.variables)
        failed = [check.name for check in self.checks if check.state == "failed"]
        if failed:
            raise FerrymanError(
                "checks-failed",
                f"{self.title}: {', '.join(failed)} failed",
                state="no server was touched",
                hint="each says above what it found",
            )
