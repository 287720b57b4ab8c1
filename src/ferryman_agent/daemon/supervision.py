"""Supervision: has the duties that stopped go on."""

from __future__ import annotations

from ferryman_agent.duties import Board, Duty

PERIOD_SECONDS = 10.0


class Supervision:
    """To look at the board is its duty; the watchdog looks after this one."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.duty = Duty("supervision", self._act)

    def _act(self) -> float:
        self._board.revive()
        return PERIOD_SECONDS
