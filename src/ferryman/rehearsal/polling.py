"""Waiting for what another process does: by asking again and again up to a limit, or for one's turn."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ferryman.errors import FerrymanError


class RehearsalFailed(FerrymanError):
    """The throw-away server or the local registry is not as it must be."""


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float, pause: float = 0.1) -> None:
    """Return as soon as `condition` holds; RehearsalFailed `rehearsal-timeout` when it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RehearsalFailed("rehearsal-timeout", f"{what}: not so after {seconds:.0f} s")
        time.sleep(pause)


@contextmanager
def turn(lock: Path) -> Iterator[None]:
    """Wait until no other process holds this file, and hold it; a process that dies has let it go."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
