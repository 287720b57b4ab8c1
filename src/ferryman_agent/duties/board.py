"""The board: all duties of the agent, with how each is."""

from __future__ import annotations

import threading
from typing import Any

from ferryman_agent.duties.duty import Duty, State


class Board:
    """Has duties done from when they are taken on; one that is over is forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._duties: dict[str, Duty] = {}

    def take_on(self, *duties: Duty) -> None:
        """Begin these. A duty that can't begin now is tried again whenever the board revives."""
        for duty in duties:
            with self._lock:
                self._duties[duty.name] = duty
            duty.start()

    def revive(self) -> None:
        """Start what has no thread any more, and wake what is late."""
        for duty in self._current():
            duty.revive()

    def states(self) -> list[State]:
        """How each duty is, by name."""
        return [duty.state() for duty in self._current()]

    def as_json(self) -> list[dict[str, Any]]:
        """The same, as it is told to a caller."""
        return [state.as_json() for state in self.states()]

    def _current(self) -> list[Duty]:
        with self._lock:
            self._duties = {name: duty for name, duty in self._duties.items() if not duty.is_over}
            return [self._duties[name] for name in sorted(self._duties)]
