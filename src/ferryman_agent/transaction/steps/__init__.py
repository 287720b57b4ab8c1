"""The steps of transactions: each with a pure half that says what it would do, an effect, and maybe an undo."""

from ferryman_agent.transaction.steps.step import Step

__all__ = ["Step"]
