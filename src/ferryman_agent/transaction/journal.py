"""The journal of one deployment: each step's intent before its effect, its outcome after; and who listens to it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ferryman_agent.errors import AgentError, Cancelled
from ferryman_agent.ledger import App, Deployment, Kind, Ledger, Outcome, Release
from ferryman_agent.reports import AppChanged, DeploymentFinished, DeploymentStarted, DeploymentStep, Place, Report
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.orders.commits import Brought

REPORTED = (Kind.DEPLOY, Kind.ROLLBACK)


class StepEntry:
    """The entry of a step that runs; `detail` is shown with its outcome."""

    def __init__(self) -> None:
        self.state = "done"
        self.detail = ""

    def skip(self, detail: str) -> None:
        """There was nothing to do."""
        self.state, self.detail = "skipped", detail


class Journal:
    """Writes to the ledger and the outbox, and wakes those who follow. Seconds come from the monotonic clock."""

    def __init__(self, ledger: Ledger, app: App, deployment: Deployment) -> None:
        self._ledger = ledger
        self._app = app
        self.deployment = deployment
        self._began = time.monotonic()
        self._changed = threading.Condition()
        self._cancelled = threading.Event()
        self._deciding = threading.Lock()
        self._is_over = False
        self._version = 0
        self._kept: list[dict[str, Any]] | None = None
        self._cancelled_by = ""
        self.is_committed = False
        self.is_settled = False
        self.current_step = ""
        self.caller = ""
        self.downtime: float | None = None

    @property
    def seconds(self) -> float:
        """Since the deployment began."""
        return time.monotonic() - self._began

    def started(self, release: Release | None, brought: Brought) -> None:
        """Tell what is about to be carried out, and which commits it brings."""
        kind, sequence, previous = self.deployment.kind, self.deployment.sequence, self.deployment.previous
        summary = release.summary() if release else None
        report = DeploymentStarted(self._place, kind, sequence, summary, previous, **brought.as_json())
        told = {"release": summary, "previous": previous, **brought.as_json()}
        body = {"kind": "deployment", "deployment": self.deployment.id, "what": kind}
        self._write({**body, **told, "by": self.caller}, report)

    @contextmanager
    def step(self, name: StepName) -> Iterator[StepEntry]:
        """Record the intent, run the block, record the outcome. A cancel asked for before it stops it here."""
        self.check_cancelled()
        with self.step_back(name) as step:
            yield step

    @contextmanager
    def step_back(self, name: StepName) -> Iterator[StepEntry]:
        """The same for a step that undoes what was begun: no cancel stops it."""
        began = time.monotonic()
        step = StepEntry()
        self.current_step = name
        self._step(name, "started", None, "")
        try:
            yield step
        except BaseException as error:
            message = error.reason if isinstance(error, AgentError) else repr(error)
            self._step(name, "failed", time.monotonic() - began, message)
            raise
        self._step(name, step.state, time.monotonic() - began, step.detail)

    def _step(self, name: StepName, state: str, seconds: float | None, detail: str) -> None:
        report = DeploymentStep(self._place, name, state, seconds and round(seconds, 3), detail)
        self._write({"kind": "step", **report.data}, report)

    def log(self, text: str) -> None:
        """A line for those who follow; not reported."""
        self._write({"kind": "log", "text": text}, None)

    def down(self, seconds: float) -> None:
        """Record for how long the app did not answer; that it can't be written stops nothing."""
        self.downtime = round(seconds, 3)
        with suppress(sqlite3.Error):
            self._ledger.set_downtime(self.deployment.id, self.downtime)

    def settled(self, degraded: str, rest: list[StepName]) -> None:
        """Tell that it holds, in what state, and which steps are left that nobody need wait for."""
        self.is_settled = True
        down = {} if self.downtime is None else {"downtime": self.downtime}
        body = {"kind": "settled", "degraded": degraded, "rest": rest, "seconds": round(self.seconds, 3), **down}
        self._write(body, None)

    def finished(self, outcome: Outcome, error: AgentError | None, stayed: list[str]) -> None:
        """Record the outcome; nothing is written afterwards."""
        seconds = round(self.seconds, 3)
        if self.downtime is not None:
            self.down(self.downtime)  # it could not be written then, maybe
        details = error.as_json()["details"] if error else {}
        shown = {"code": error.code, "message": error.message, **details} if error else None
        self._ledger.finish(self.deployment, outcome, seconds, error.as_json() if error else None)
        reported = Outcome.FAILED if outcome is Outcome.REFUSED else outcome  # the error says that it was refused
        end = (self._place, reported, seconds, shown, stayed, self.downtime)
        report = DeploymentFinished(*end) if self._is_shipping else AppChanged(*end, self.deployment.kind)
        down = {} if self.downtime is None else {"downtime": self.downtime}
        self._write({"kind": "finished", "outcome": outcome, "seconds": seconds, **down}, report)

    def keep_events(self, outcome: Outcome) -> None:
        """Tell the outcome to those who follow, of a deployment that the ledger is about to forget."""
        told = self._ledger.events(self.deployment.id)
        last = {"kind": "finished", "outcome": outcome, "seconds": round(self.seconds, 3)}
        self._kept = [*told, {"sequence": len(told) + 1, "at": told[-1]["at"], **last}]

    def close(self) -> None:
        """Nothing is written afterwards; those who follow get to the end."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    @property
    def _is_shipping(self) -> bool:
        """Harbour knows deploys and rollbacks; of all else it is told the outcome alone."""
        return self.deployment.kind in REPORTED

    @property
    def _place(self) -> Place:
        return Place(self._app.name, self._app.environment, self.deployment.id if self._is_shipping else "")

    def _write(self, body: dict[str, Any], report: Report | None) -> None:
        if not (self._is_shipping or isinstance(report, AppChanged)):
            report = None
        self._ledger.add_event(self.deployment, body, report.as_json() if report else None)
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    @contextmanager
    def committing(self) -> Iterator[None]:
        """The commit goes inside: a cancel comes before it, or is told that it came too late."""
        with self._deciding:
            self.check_cancelled()
            yield
            self.is_committed = True

    def cancel(self, by: str = "on request") -> bool:
        """Ask to go back; False when it is committed and there is nothing to cancel."""
        with self._deciding:
            if not self.is_committed:
                self._cancelled_by = self._cancelled_by or by
                self._cancelled.set()
            return not self.is_committed

    @property
    def is_cancelled(self) -> bool:
        """True when somebody asked to cancel and the commit has not happened."""
        return self._cancelled.is_set() and not self.is_committed

    def check_cancelled(self) -> None:
        """Raise Cancelled when asked to, before the commit."""
        if self.is_cancelled:
            raise Cancelled("cancelled", f"cancelled {self._cancelled_by}")

    def follow(self, after: int) -> Iterator[dict[str, Any]]:
        """Events with a sequence number above `after`, as they come, until the deployment is over."""
        while True:
            with self._changed:
                seen, is_over = self._version, self._is_over
            events = self._events(after)
            yield from events
            after = events[-1]["sequence"] if events else after
            if is_over:
                return
            with self._changed:
                self._changed.wait_for(lambda: self._version != seen or self._is_over)  # noqa: B023 - waited for here

    def _events(self, after: int) -> list[dict[str, Any]]:
        if self._kept is None:
            return self._ledger.events(self.deployment.id, after)
        return [event for event in self._kept if event["sequence"] > after]
