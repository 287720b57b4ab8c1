"""The wall clock as the ledger writes it, and the monotonic clock that waits are measured with."""

from __future__ import annotations

import time
from datetime import datetime, timezone

UTC = timezone.utc  # noqa: UP017 - datetime.UTC came with Python 3.11; the agent runs on 3.10 too


def wall() -> datetime:
    """The wall clock, in UTC."""
    return datetime.now(UTC)


def written(moment: datetime) -> str:
    """RFC 3339, UTC, milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> str:
    """The wall clock as the ledger writes it."""
    return written(wall())


class Stopwatch:
    """Seconds of the monotonic clock, and waiting; passed in, so that tests need not wait."""

    def seconds(self) -> float:
        """Seconds since some moment in the past."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Let this thread sleep."""
        time.sleep(seconds)
