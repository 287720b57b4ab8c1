"""The watchdog: proves to systemd that the socket still takes calls; silence gets the agent restarted."""

from __future__ import annotations

import socket
from pathlib import Path

from ferryman_agent.daemon.systemd import notify
from ferryman_agent.duties import Board, Duty, Limits


class Watchdog:
    """To call the agent is its duty, twice in the `period` (seconds) in which systemd wants to hear of it."""

    def __init__(self, path: Path, period: float, board: Board) -> None:
        self._path = path
        self._period = period
        self._board = board
        limits = Limits(first_pause=period / 8, longest_pause=period / 2, patience=2 * period)
        self.duty = Duty("watchdog", self._act, limits)

    def _act(self) -> float:
        """One call. It also has the duties go on, those that look after each other among them."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self._period)
            try:
                connection.connect(str(self._path))
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)  # a call without a request is answered with the end
            except OSError as error:
                raise OSError(f"the agent does not answer itself: {error}") from error
        notify("WATCHDOG=1")
        self._board.revive()
        return self._period / 2
