"""Turns a deployment into what the page draws: bars with a start and a width."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fleet.models import Deployment

COMMIT = "commit"
NARROWEST_PERCENT = 0.6


@dataclass(frozen=True)
class Bar:
    """One step: where it begins and how wide it is in percent of the whole deployment; `at` is in seconds."""

    step: str
    state: str
    start: float
    width: float
    at: float
    seconds: float | None
    detail: str


@dataclass(frozen=True)
class Waterfall:
    """The steps of a deployment on one scale; `commit` is where the release began to serve, in percent."""

    bars: list[Bar]
    seconds: float
    commit: float | None


def waterfall(deployment: Deployment, now: datetime) -> Waterfall:
    """Lay the steps out; one that has not ended reaches to the end of the deployment, or to now."""
    begin = deployment.started_at
    end = deployment.finished_at or (now if deployment.steps else begin)
    spans = [_span(step, end) for step in deployment.steps]
    last = max([end, *(stop for _, stop in spans)])
    total = max((last - begin).total_seconds(), 0.001)
    bars = [_bar(step, span, begin, total) for step, span in zip(deployment.steps, spans, strict=True)]
    commit = next((bar.start + bar.width for bar in bars if bar.step.lower() == COMMIT and bar.state == "done"), None)
    return Waterfall(bars, total, commit)


def _span(step: dict[str, Any], end: datetime) -> tuple[datetime, datetime]:
    start = datetime.fromisoformat(step["started_at"])
    if step["seconds"] is not None:
        return start, start + timedelta(seconds=step["seconds"])
    return start, start if step["state"] == "skipped" else max(start, end)


def _bar(step: dict[str, Any], span: tuple[datetime, datetime], begin: datetime, total: float) -> Bar:
    at = max((span[0] - begin).total_seconds(), 0)
    start = min(at / total * 100, 100 - NARROWEST_PERCENT)
    width = min(max((span[1] - span[0]).total_seconds() / total * 100, NARROWEST_PERCENT), 100 - start)
    return Bar(
        step=step["step"],
        state=step["state"],
        start=round(start, 2),
        width=round(width, 2),
        at=round(at, 3),
        seconds=step["seconds"],
        detail=step["detail"],
    )


def spoken(seconds: float | None) -> str:
    """Return seconds as people read them: 0.41 s, 12.3 s, 1 min 12 s."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def ago(seconds: float) -> str:
    """Return an age in its largest unit: just now, 5 minutes ago, 1 day ago."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count = int(seconds // length)
        if count >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
