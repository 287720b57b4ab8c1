"""Who asks for a transaction, how long he waits for his turn, and whose turn is next; pure, held by no file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.ledger import Deployment, Kind
from ferryman_agent.transaction.orders import DeployOrder, Order
from ferryman_agent.transaction.orders.terms import Terms

NOTHING_CHANGED = "nothing was changed by this call"


@dataclass(eq=False)
class Entry:
    """One request and its place. It has its turn, or has ended without one, once `deployment` or `error` is there."""

    request: str
    order: Order
    app_id: str
    kind: Kind
    terms: Terms
    since: str
    deadline: float
    deployment: Deployment | None = None
    error: AgentError | None = None

    @property
    def is_settled(self) -> bool:
        """True when it waits no longer."""
        return self.deployment is not None or self.error is not None

    @property
    def sequence(self) -> int | None:
        """The CI run number of a deploy."""
        return self.order.sequence if isinstance(self.order, DeployOrder) else None

    @property
    def _competes(self) -> bool:
        """True when the newest alone is wanted: a numbered run, which nobody asked to deploy although it is older."""
        return isinstance(self.order, DeployOrder) and self.sequence is not None and not self.order.allow_older

    def is_overtaken_by(self, other: Entry) -> bool:
        """True when the other one is a newer run, which makes this one superfluous."""
        mine, others = self.sequence, other.sequence
        return self._competes and mine is not None and others is not None and others > mine

    @property
    def what(self) -> str:
        """'deploy of 02f5b72 (run 141)'."""
        revision = f" of {self.order.revision[:7]}" if isinstance(self.order, DeployOrder) else ""
        return f"{self.kind}{revision}" + ("" if self.sequence is None else f" (run {self.sequence})")

    def as_json(self) -> dict[str, Any]:
        """What is shown of it."""
        return {
            "request": self.request,
            "kind": self.kind,
            "revision": self.order.revision if isinstance(self.order, DeployOrder) else None,
            "sequence": self.sequence,
            "since": self.since,
            "by": self.terms.caller.name,
            "role": self.terms.caller.role,
        }


def next_turn(waiting: list[Entry]) -> tuple[Entry, list[tuple[Entry, Entry]]]:
    """Whose turn is next, and who is skipped by whom.

    Of those with a number the newest run wins, and older ones are skipped; all others keep the order in which they
    came. `waiting` must not be empty.
    """
    newest = max(waiting, key=lambda entry: -1 if entry.sequence is None else entry.sequence)
    skipped = [(entry, newest) for entry in waiting if entry.is_overtaken_by(newest)]
    overtaken = {id(entry) for entry, _ in skipped}
    return next(entry for entry in waiting if id(entry) not in overtaken), skipped


def skipped_by(winner: Entry, state: str) -> Refused:
    """What a request is told that was overtaken while it waited."""
    return Refused(
        "skipped",
        f"skipped: run {winner.sequence} is newer and waited too, asked for by {winner.terms.caller}",
        state=state,
        hint="nothing to do; add --allow-older to deploy an older run all the same",
        by=winner.request,
    )


def waited_too_long(terms: Terms, state: str) -> Refused:
    """What a request is told whose limit came before its turn."""
    return Refused(
        "wait-timeout",
        f"its turn did not come within {terms.wait_seconds} s",
        state=state,
        hint="ferryman status shows what runs and who waits; --wait-timeout sets the limit",
    )


def situation(running: dict[str, Any] | None, place: int) -> dict[str, Any]:
    """The event for those who wait: what runs, and how many come before; it has no sequence number."""
    return {"kind": "waiting", "running": running, "before": place}
