"""A duty: one of the agent's loops, as an act that is done again and again in a thread of its own."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from ferryman_agent.clock import Stopwatch, now


class Then(Enum):
    """What follows an act, where that is not a number of seconds."""

    WHEN_WOKEN = "when woken"  # only a wake brings the next one
    RETRY = "retry"  # it could not be done now, and not because of the duty: again after the back-off
    OVER = "over"  # there is no next one


@dataclass(frozen=True)
class Limits:
    """Seconds: the back-off's first and longest pause, and how late a success may be; None: as late as it likes."""

    first_pause: float = 0.5
    longest_pause: float = 60.0
    patience: float | None = 120.0


@dataclass(frozen=True)
class State:
    """How a duty is. `since`: when it began to be so; a duty that is late is not alive since its last success.

    Times are the wall clock's, as the ledger writes them. `error`: why it is not alive, or what its last act failed of.
    """

    name: str
    alive: bool
    last_success: str | None
    since: str
    error: str | None

    def as_json(self) -> dict[str, Any]:
        """As it is told to a caller."""
        return asdict(self)


class Duty:
    """`act` does a part of the work and returns the seconds until the next one, or a Then. A wake ends any pause.

    What an act raises does not end the thread: it is noted, and the act is tried again after pauses that grow to a
    limit, until it succeeds. A duty is alive while its thread is, and no success is later than its limits allow.
    """

    def __init__(
        self,
        name: str,
        act: Callable[[], float | Then],
        limits: Limits | None = None,
        stopwatch: Stopwatch | None = None,
        clock: Callable[[], str] = now,
    ) -> None:
        self.name = name
        self._act = act
        self._limits = limits or Limits()
        self._stopwatch = stopwatch or Stopwatch()
        self._clock = clock
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_over = False
        self._due = math.inf
        self._pause = 0.0
        self._since = clock()
        self._last_success: str | None = None
        self._error: str | None = "it has not begun"

    def start(self) -> None:
        """Have it done from now on. That no thread is to be had is noted; `revive` tries again."""
        with self._lock:
            if self._is_over or self._is_running():
                return
            self._due, self._since = self._stopwatch.seconds(), self._clock()
            thread = threading.Thread(target=self._run, name=f"duty {self.name}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                self._error = f"it could not be started: {error}"
                return
            self._thread, self._error = thread, None

    def wake(self) -> None:
        """There is something to do now."""
        with self._lock:
            self._due = min(self._due, self._stopwatch.seconds())
        self._woken.set()

    def revive(self) -> None:
        """Start it again where its thread is gone; wake it where it is late."""
        self.start()
        if not self.state().alive:
            self.wake()

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self._is_over

    def state(self) -> State:
        """How it is now."""
        with self._lock:
            patience, since, error = self._limits.patience, self._since, self._error
            if not self._is_running():
                return State(self.name, False, self._last_success, since, error or "its thread ended")
            is_late = patience is not None and self._stopwatch.seconds() - self._due > patience
            if is_late:
                since, error = self._last_success or since, error or "its act does not come to an end"
            return State(self.name, not is_late, self._last_success, since, error)

    def turn(self) -> float | Then:
        """One act, with what is noted of it; returns the pause in seconds, WHEN_WOKEN or OVER."""
        with self._lock:
            self._due = min(self._due, self._stopwatch.seconds())
        try:
            then = self._act()
        except Exception as error:  # noqa: BLE001 - the duty must go on, whatever it was
            sys.stderr.write(f"the agent's {self.name} failed: {error!r}\n")
            with self._lock:
                self._error = repr(error)
                return self._grown_pause()
        with self._lock:
            return self._settled(then)

    def _settled(self, then: float | Then) -> float | Then:
        self._error = None
        if then is Then.RETRY:
            pause = self._grown_pause()
            self._due = self._stopwatch.seconds() + pause
            return pause
        self._pause, self._last_success = 0.0, self._clock()
        self._due = math.inf if isinstance(then, Then) else self._stopwatch.seconds() + then
        self._is_over = then is Then.OVER
        return then

    def _grown_pause(self) -> float:
        limits = self._limits
        self._pause = min(self._pause * 2 or limits.first_pause, limits.longest_pause)
        return self._pause

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        try:
            while (pause := self.turn()) is not Then.OVER:
                self._woken.wait(None if isinstance(pause, Then) else pause)
                self._woken.clear()
        except BaseException as error:
            with self._lock:
                self._error = f"its thread ended: {error!r}"
            raise
        finally:
            with self._lock:
                self._since = self._clock()
