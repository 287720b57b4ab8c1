"""The summary of a deploy or a rollback: what serves, the time of each step, how to go back; or why it failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ferryman.errors import FerrymanError
from ferryman.events import OnEvent
from ferryman.github.run import add_to_summary, annotate, annotation, code, is_github, table

MARKS = {"done": "✓", "skipped": "-", "failed": "✗", "started": "…"}


@dataclass
class ShippingReport:
    """Collects what a deploy tells while it runs. `image_bytes` 0: not known."""

    title: str
    environment: str
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    image_bytes: int = 0
    checked: str = ""

    def listen(self, on_event: OnEvent) -> OnEvent:
        """Pass events on, and keep those of steps."""

        def take(event: dict[str, Any]) -> None:
            if event.get("kind") == "step":
                self.steps[event["step"]] = event
            on_event(event)

        return take

    def succeeded(self) -> str:
        """The summary of what went well."""
        release = self.result["release"]
        rows = [
            ["Release", f"{release['number']} ({release['revision'][:7]})"],
            ["Digest", str(release.get("digest") or "")],
            ["Outcome", str(self.result["outcome"])],
            ["Seconds", "" if self.result.get("seconds") is None else f"{self.result['seconds']:.1f}"],
            ["Image", f"{self.image_bytes / 2**20:.0f} MiB" if self.image_bytes else ""],
            ["From outside", self.checked],
            ["latest", str(self.result.get("latest", ""))],
            ["Degraded", str(self.result.get("degraded", ""))],
        ]
        back = f"To go back: `ferryman rollback --to {self.environment}`, or the workflow *Roll back*."
        kept = table([self.title, self.environment], [row for row in rows if row[1]])
        return "\n\n".join(part for part in (kept, self._timeline(), back) if part)

    def failed(self, error: FerrymanError) -> str:
        """The summary of what went wrong, and of what serves now."""
        # A block of its own each: behind other text on its line it would be Markdown again.
        state = f"**State:**\n\n{code(error.state)}" if error.state else ""
        hint = f"**Next:**\n\n{code(error.hint)}" if error.hint else ""
        heading = f"### {self.title} to {self.environment} failed"
        told = code(f"{error.message} [{error.code}]")
        return "\n\n".join(part for part in (heading, told, state, hint, self._timeline()) if part)

    def _timeline(self) -> str:
        rows = [
            [name, MARKS.get(event["state"], ""), _seconds(event["seconds"]), str(event["detail"] or "")]
            for name, event in self.steps.items()
        ]
        return table(["Step", "", "Time", ""], rows) if rows else ""


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f} s"


@contextmanager
def reported(title: str, environment: str, variables: Mapping[str, str]) -> Iterator[ShippingReport]:
    """Write the summary at the end, whichever it is."""
    report = ShippingReport(title, environment)
    try:
        yield report
    except FerrymanError as error:
        add_to_summary(report.failed(error), variables)
        if is_github(variables):
            told = "\n".join(part for part in (error.message, error.state) if part)
            annotate(annotation("error", told, title=f"{title} failed [{error.code}]"))
        raise
    add_to_summary(report.succeeded(), variables)
