"""Time that the test decides."""

from __future__ import annotations

from datetime import datetime, timedelta

from ferryman_agent.clock import UTC, Stopwatch

BEGAN = datetime(2026, 11, 23, tzinfo=UTC)


class FakeClock:
    """A wall clock that goes on by a second at each look."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> str:
        self.looks += 1
        return f"2026-11-23T{self.looks // 3600:02}:{self.looks // 60 % 60:02}:{self.looks % 60:02}.000Z"


class FakeStopwatch(Stopwatch):
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def seconds(self) -> float:
        return self.now

    def wall(self) -> datetime:
        """A wall clock that agrees with it: it began on 2026-11-23 at midnight."""
        return BEGAN + timedelta(seconds=self.now)

    def wait(self, seconds: float) -> None:
        self.now += seconds
