"""The agent's duties: what it does again and again, each in a thread of its own, and whether each is alive."""

from ferryman_agent.duties.board import Board
from ferryman_agent.duties.duty import Duty, Limits, State, Then

__all__ = ["Board", "Duty", "Limits", "State", "Then"]
