"""The conductor: carries a story out; back before its commit, forward after it, and an outcome in every case."""

from __future__ import annotations

import contextlib
import sqlite3
import sys

from ferryman_agent.errors import AgentError, Cancelled, Refused
from ferryman_agent.host.serving import copy_ledger, serving_state
from ferryman_agent.ledger import Outcome
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.runs.faults import as_agent_error, named
from ferryman_agent.transaction.runs.looking import look
from ferryman_agent.transaction.steps import Step
from ferryman_agent.transaction.steps.downtime import state_of
from ferryman_agent.transaction.story import Story, planned, story_of
from ferryman_agent.transaction.transaction import Transaction

RECORD_TRIES = 5
SHOWN_MIGRATIONS = 5


class Conductor:
    """Carries one transaction out. `conduct` ends with the outcome in the ledger, whatever happens."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._host, self._journal = transaction.host, transaction.journal
        self._story: Story | None = None
        self._planned: dict[Step, str] = {}
        self._begun: list[Step] = []
        self._is_told = False

    def conduct(self) -> None:
        """Nothing is raised.

        1. The preflight looks, plans and refuses; where nothing is to be done, that is the outcome.
        2. Each step before the commit, and the commit; what fails is undone backwards.
        3. The steps after it, with retries; what can't be done now is left to the reconciliation.
        """
        try:
            is_committed = self._reach_the_commit()
        except Exception as error:  # noqa: BLE001 - whatever it is, what serves goes on and the outcome is recorded
            self._go_back(error)
        else:
            if is_committed:
                self._go_forward()
            else:
                self._record(Outcome.UNCHANGED)
        with contextlib.suppress(sqlite3.Error):
            copy_ledger(self._host, self._transaction.app.id)

    def _reach_the_commit(self) -> bool:
        """False when there is nothing to do."""
        transaction = self._transaction
        with self._journal.step(StepName.PREFLIGHT) as entry:
            facts = transaction.facts = look(self._host, transaction.order, transaction.app)
            story = self._story = story_of(facts)
            self._planned = planned(story, facts)
            story.before[0].act(transaction, entry)
        if facts.unchanged:
            return False
        self._tell_what_comes()
        for step in [step for step in story.before[1:] if step in self._planned]:
            self._begun.append(step)
            with self._journal.step(step.name) as entry:
                step.act(transaction, entry)
            self._tell_what_comes()
        with self._journal.step(story.commit.name) as entry:
            story.commit.act(transaction, entry)
        return True

    def _tell_what_comes(self) -> None:
        """Once, as soon as it is recorded which release this is about, if any."""
        transaction = self._transaction
        is_known = transaction.release is not None or transaction.facts.release is None
        if is_known and not self._is_told:
            self._is_told = True
            self._journal.started(transaction.release, transaction.facts.commits)

    def _go_back(self, fault: Exception) -> None:
        if self._is_committed():  # the commit itself is durable; only its event could not be written
            self._go_forward()
            return
        transaction = self._transaction
        error = named(self._host, fault)
        for step in reversed(self._begun):
            self._undo(step)
        error.state = error.state or state_after_failure(transaction)
        error.details["stayed"] = transaction.stayed
        if self._journal.downtime is not None:
            error.details["downtime"] = self._journal.downtime
        self._record(outcome_of(error), error)

    def _undo(self, step: Step) -> None:
        """What can't be undone now is left to the reconciliation: the outcome must be recorded all the same."""
        if step.undo is None:
            return
        try:
            step.undo(self._transaction)
        except Exception as fault:  # noqa: BLE001 - see above
            sys.stderr.write(f"{self._transaction.app.id}: {step.name} could not be undone: {fault!r}\n")
            with contextlib.suppress(sqlite3.Error):
                self._journal.log(f"{step.name} is left to the reconciliation to undo: {fault!r}")

    def _record(self, outcome: Outcome, error: AgentError | None = None) -> None:
        """On a disk that stays full the outcome is left to the reconciliation."""
        for attempt in range(1, RECORD_TRIES + 1):
            try:
                self._journal.finished(outcome, error, self._transaction.stayed)
                return
            except sqlite3.Error as fault:
                if attempt == RECORD_TRIES:
                    name = self._transaction.app.id
                    sys.stderr.write(f"the outcome {outcome} of {name} could not be recorded: {fault}\n")
                else:
                    self._host.stopwatch.wait(attempt)

    def _is_committed(self) -> bool:
        """The ledger knows, also when its answer to the commit was lost."""
        deployment = self._host.ledger.deployment(self._journal.deployment.id)
        self._journal.is_committed = bool(deployment and deployment.state is Outcome.COMMITTED)
        return self._journal.is_committed

    def _go_forward(self) -> None:
        """What can't be done now is left to the reconciliation."""
        transaction, story = self._transaction, self._story
        app = self._host.ledger.app(transaction.app.id)
        assert app is not None  # noqa: S101 - it was just committed
        assert story is not None  # noqa: S101 - and by a step of the story
        transaction.app = app
        copy_ledger(self._host, app.id)
        left: set[StepName] = set()
        self._forward_all(story.after, left)
        if story.end:
            story.end(transaction)
            return
        self._tell_that_only_the_rest_is_left(story)
        self._forward_all(story.rest, left)
        if transaction.open_ends:
            with contextlib.suppress(sqlite3.Error):  # the reconciliation finds it, too
                self._host.ledger.set_degraded(app.id, "; ".join(transaction.open_ends))
        self._record(Outcome.SUCCEEDED)

    def _tell_that_only_the_rest_is_left(self, story: Story) -> None:
        rest = [step.name for step in story.rest if step in self._planned]
        if rest:
            with contextlib.suppress(sqlite3.Error):  # those who asked stay to the end, then
                self._journal.settled("; ".join(self._transaction.open_ends), rest)

    def _forward_all(self, steps: tuple[Step, ...], left: set[StepName]) -> None:
        """Those that need what was left are left, too."""
        for step in [step for step in steps if step in self._planned]:
            if step.needs in left or not self._forward(step):
                left.add(step.name)

    def _forward(self, step: Step) -> bool:
        """Carry out a step that can't be refused; False when it is left to the reconciliation."""
        for attempt in range(1, step.tries + 1):
            try:
                self._do(step)
                return True
            except Exception as error:  # noqa: BLE001 - nothing stops the way forward
                if attempt < step.tries:
                    self._host.stopwatch.wait(attempt)
                elif not step.is_repeated_later:
                    self._transaction.open_ends.append(f"{step.name}: {as_agent_error(error).message}")
        return False

    def _do(self, step: Step) -> None:
        """In the journal; what can't be written down is done all the same: after the commit it is in the ledger."""
        try:
            with self._journal.step(step.name) as entry:
                step.act(self._transaction, entry)
        except sqlite3.Error:
            step.act(self._transaction, StepEntry())


def conduct(transaction: Transaction) -> None:
    """Carry a transaction out."""
    Conductor(transaction).conduct()


def outcome_of(error: AgentError) -> Outcome:
    """What a failure before the commit is called."""
    if isinstance(error, Cancelled):
        return Outcome.CANCELLED
    return Outcome.REFUSED if isinstance(error, Refused) else Outcome.FAILED


def state_after_failure(transaction: Transaction) -> str:
    """In what state a failure leaves the app, with the migrations that it does not take back."""
    return with_stayed(state_of(transaction) or serving_state(transaction.app), transaction.stayed)


def with_stayed(state: str, stayed: list[str]) -> str:
    """A state, and the migrations that stay applied; details of the error have all of them."""
    if not stayed:
        return state
    more = f" and {len(stayed) - SHOWN_MIGRATIONS} more" if len(stayed) > SHOWN_MIGRATIONS else ""
    return f"{state}; these migrations stay applied: {', '.join(stayed[:SHOWN_MIGRATIONS])}{more}"
