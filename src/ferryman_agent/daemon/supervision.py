"""Supervision: has the duties that stopped go on, and a notice stand for each while it is not alive."""

from __future__ import annotations

from ferryman_agent.duties import Board, Duty, State
from ferryman_agent.ledger import Ledger, Notice, Severity
from ferryman_agent.ledger.notices import DUTY_NOT_ALIVE

PERIOD_SECONDS = 10.0
NEXT = "on the server: journalctl -u ferryman-agent tells why; systemctl restart ferryman-agent begins all anew"


class Supervision:
    """To look at the board is its duty; the watchdog looks after this one."""

    def __init__(self, board: Board, ledger: Ledger) -> None:
        self._board = board
        self._ledger = ledger
        self.duty = Duty("supervision", self._act)

    def _act(self) -> float:
        """What is not alive now is told, although it is begun again at once."""
        ended = {state.name: state for state in self._board.states() if not state.alive}
        self._board.revive()
        for state in ended.values():
            self._ledger.put_notice(_notice(state))
        for notice in self._ledger.notices():
            if notice.code == DUTY_NOT_ALIVE and notice.subject not in ended:
                self._ledger.clear_notice(DUTY_NOT_ALIVE, notice.subject)
        return PERIOD_SECONDS


def _notice(state: State) -> Notice:
    message = f"the agent's {state.name} is not alive: {state.error}"
    return Notice(DUTY_NOT_ALIVE, state.name, message, Severity.CRITICAL, NEXT)
