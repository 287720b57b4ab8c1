"""A step: what it would do, what it does, and how that is undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.transaction import Transaction

FORWARD_TRIES = 5


@dataclass(frozen=True)
class Step:
    """A part of a story; it can be done twice.

    `plan` is pure: what it would do, None where this change has no such step. `undo` is for steps before the commit.
    After the commit it is tried `tries` times, and only when `needs` was done; a step that is left is an open end,
    unless the next transaction does it anyway (`is_repeated_later`).
    """

    name: StepName
    plan: Callable[[Facts], str | None]
    act: Callable[[Transaction, StepEntry], None]
    undo: Callable[[Transaction], None] | None = None
    needs: StepName | None = None
    tries: int = FORWARD_TRIES
    is_repeated_later: bool = False


def always(text: str) -> Callable[[Facts], str | None]:
    """A pure half that does not depend on the facts."""
    return lambda _: text
