"""Who talks to the agent now: no role can take all of its threads and memory, nobody keeps one by saying nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ferryman_agent.errors import Unavailable
from ferryman_agent.protocol import ROLES

CALLS_PER_ROLE = 64
REQUEST_SECONDS = 60.0  # the longest silence before the request has come


class Callers:
    """Counts the calls of each role that are open."""

    def __init__(self, limit: int = CALLS_PER_ROLE) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._open = dict.fromkeys([*ROLES, "nobody"], 0)

    @contextmanager
    def one_more(self, role: Any) -> Iterator[None]:
        """One call of a role, for as long as it is open. Unavailable `too-many-calls` at the limit."""
        key = role if role in ROLES else "nobody"
        with self._lock:
            if self._open[key] >= self._limit:
                raise Unavailable(
                    "too-many-calls",
                    f"{self._limit} calls by {key} keys are open; the agent takes no more of them",
                    state="nothing was changed by this call",
                    hint="end a command that follows or waits, then try again",
                )
            self._open[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open[key] -= 1
