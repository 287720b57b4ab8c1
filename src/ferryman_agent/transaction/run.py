"""One run of a transaction: back before its commit, forward after it, and an outcome in the ledger in every case."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

from ferryman_agent.engine import EngineError
from ferryman_agent.errors import AgentError, BadRequest, Cancelled, Refused
from ferryman_agent.ledger import App
from ferryman_agent.transaction import before
from ferryman_agent.transaction.change import Order, RemoveOrder
from ferryman_agent.transaction.journal import Journal, Step
from ferryman_agent.transaction.room import full_place
from ferryman_agent.transaction.server import Server

FORWARD_TRIES = 5
RECORD_TRIES = 5


@dataclass
class Run(ABC):
    """`carry_out` ends with the outcome in the ledger, whatever happens. `open_ends` is what could not be finished."""

    server: Server
    journal: Journal
    order: Order
    app: App
    open_ends: list[str] = field(default_factory=list, kw_only=True)

    def carry_out(self) -> None:
        """Run the transaction; the outcome is recorded, nothing is raised."""
        self._carry_out()
        with contextlib.suppress(sqlite3.Error):
            self.server.copy_ledger(self.app.id)

    def _carry_out(self) -> None:
        try:
            self._check_removal()
            if not self._reach_the_commit():
                self._record("unchanged", None, [])
                return
        except Exception as error:  # noqa: BLE001 - whatever it is, what serves goes on and the outcome is recorded
            self._go_back(error)
            return
        self._go_forward()

    def _check_removal(self) -> None:
        if self.app.removal and not isinstance(self.order, RemoveOrder):
            why = f": {self.app.degraded}" if self.app.degraded else ""
            raise Refused(
                "being-removed",
                f"{self.app.id} is being removed{why}",
                state="nothing was changed by this call",
                hint="ferryman remove",
            )

    @abstractmethod
    def _reach_the_commit(self) -> bool:
        """Everything up to and with the commit; False when there is nothing to do. What it raises goes back."""

    def _take_back(self) -> list[str]:
        """Undo what was begun before the commit; returns the migrations that stay applied."""
        return []

    def _state(self) -> str:
        """In what state the way back left the app, where it is not as before."""
        return ""

    @abstractmethod
    def _bring_forward(self, app: App) -> None:
        """Carry out what the ledger says since the commit."""

    def _go_back(self, fault: Exception) -> None:
        if self._is_committed():  # the commit itself is durable; only its event could not be written
            self._go_forward()
            return
        error = named(self.server, fault)
        stayed = self._taken_back()
        error.state = error.state or before.state_after_failure(self.app, stayed, self._state())
        error.details["stayed"] = stayed
        if self.journal.downtime is not None:
            error.details["downtime"] = self.journal.downtime
        outcome = "cancelled" if isinstance(error, Cancelled) else "refused" if isinstance(error, Refused) else "failed"
        self._record(outcome, error, stayed)

    def _taken_back(self) -> list[str]:
        """What can't be undone now is left to the reconciliation: the outcome must be recorded all the same."""
        try:
            return self._take_back()
        except Exception as left:  # noqa: BLE001 - see above
            sys.stderr.write(f"{self.app.id} could not be taken back completely: {left!r}\n")
            return []

    def _record(self, outcome: str, error: AgentError | None, stayed: list[str]) -> None:
        """On a disk that stays full the outcome is left to the reconciliation."""
        for attempt in range(1, RECORD_TRIES + 1):
            try:
                self.journal.finished(outcome, error, stayed)
                return
            except sqlite3.Error as fault:
                if attempt == RECORD_TRIES:
                    sys.stderr.write(f"the outcome {outcome} of {self.app.id} could not be recorded: {fault}\n")
                else:
                    self.server.stopwatch.wait(attempt)

    def _is_committed(self) -> bool:
        """The ledger knows, also when its answer to the commit was lost."""
        deployment = self.server.ledger.deployment(self.journal.deployment.id)
        self.journal.is_committed = bool(deployment and deployment.state == "committed")
        return self.journal.is_committed

    def _go_forward(self) -> None:
        """What can't be done now is left to the reconciliation."""
        app = self.server.ledger.app(self.app.id)
        assert app is not None  # noqa: S101 - it was just committed
        self.server.copy_ledger(app.id)
        self._bring_forward(app)
        if self.open_ends:
            with contextlib.suppress(sqlite3.Error):  # the reconciliation finds it, too
                self.server.ledger.set_degraded(app.id, "; ".join(self.open_ends))
        self._record("succeeded", None, [])

    def _do(self, name: str, act: Callable[[Step], None]) -> None:
        """In the journal; what can't be written down is done all the same: after the commit it is in the ledger."""
        try:
            with self.journal.step(name) as step:
                act(step)
        except sqlite3.Error:
            act(Step())

    def _forward(self, name: str, act: Callable[[Step], None], tries: int = FORWARD_TRIES) -> bool:
        """Carry out a step that can't be refused; False when it is left to the reconciliation."""
        for attempt in range(1, tries + 1):
            try:
                self._do(name, act)
                return True
            except Exception as error:  # noqa: BLE001 - nothing stops the way forward
                if attempt < tries:
                    self.server.stopwatch.wait(attempt)
                elif name != "retain":  # what is not pruned now is pruned by the next deploy
                    self.open_ends.append(f"{name}: {as_agent_error(error).message}")
        return False


def named(server: Server, fault: Exception) -> AgentError:
    """The same fault, as `disk-full` when it came of a disk without space."""
    error = as_agent_error(fault)
    if isinstance(error, (Refused, Cancelled, BadRequest)):
        return error
    try:
        place = full_place(server)
    except OSError:
        place = None
    if place is None and not is_of_full_disk(fault):
        return error
    message = f"{place or 'a disk of this server'} is full: {error.message}"
    return AgentError("disk-full", message, hint="on the server: docker system df, df -h, df -i", **error.details)


def is_of_full_disk(fault: BaseException | None) -> bool:
    """Whether the operating system, the ledger or the engine said so, here or in what this came of."""
    while fault is not None:
        if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if isinstance(fault, sqlite3.OperationalError) and "full" in str(fault):
            return True
        if isinstance(fault, EngineError) and os.strerror(errno.ENOSPC).lower() in fault.message.lower():
            return True  # the engine passes the operating system's words on, and nothing else
        fault = fault.__cause__
    return False


def as_agent_error(error: Exception) -> AgentError:
    """The same fault, in the form that a caller is told."""
    if isinstance(error, AgentError):
        return error
    if isinstance(error, EngineError):
        return AgentError("engine-error", f"the Docker Engine refused: {error.message}")
    hint = "on the server: journalctl -u ferryman-agent"
    return AgentError("internal-error", f"the agent failed: {error!r}", hint=hint)
