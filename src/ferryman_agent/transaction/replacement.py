"""What a deploy and a restart share: a candidate beside what serves, or in its place, which then takes over."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass, field

from ferryman_agent.engine import EngineError
from ferryman_agent.errors import AgentError
from ferryman_agent.manifest import Manifest
from ferryman_agent.transaction import after, before, gap
from ferryman_agent.transaction.after import Committed
from ferryman_agent.transaction.before import Candidate
from ferryman_agent.transaction.convergence import take_over
from ferryman_agent.transaction.gap import Gap
from ferryman_agent.transaction.journal import Step
from ferryman_agent.transaction.run import Run
from ferryman_agent.transaction.stop import stop_all


@dataclass
class Replacement(Run):
    """A run that replaces containers; `candidate` is the web container that is to serve, None when web stays.

    `gap` is there once the old one was to stop before the candidate starts. `without_port_since`: since then, after the
    commit, neither the old one nor the edge has the port.
    """

    candidate: Candidate | None = field(default=None, kw_only=True)
    gap: Gap | None = field(default=None, kw_only=True)
    without_port_since: float | None = field(default=None, kw_only=True)

    def _bring_up(self) -> None:
        """The steps that end with a healthy candidate: beside what serves, or after it where Docker has the port."""
        candidate, step = self.candidate, self.journal.step
        assert candidate is not None  # noqa: S101 - asked by the caller
        if candidate.manifest.is_published:
            with step("stop old") as stop:
                self.gap = Gap(self.server, self.journal, self.app)
                self.gap.open(stop)
        with step("start web"):
            before.start_web(candidate)
        with step("healthy") as healthy:
            before.wait_until_healthy(candidate)
            if self.gap:
                self.gap.close(healthy)

    def _take_back(self) -> list[str]:
        if self.candidate is None:
            return []
        stayed = self._migrations_that_stayed()
        try:
            before.take_back(self.candidate)
            self._undo_gap()
            if self.app.stopped:  # PostgreSQL was needed for the candidate alone
                stop_all(self.server, self.app)
        except Exception as fault:  # noqa: BLE001 - the outcome must be recorded all the same
            with contextlib.suppress(sqlite3.Error):
                self.journal.log(f"the candidate's containers are left to the reconciliation: {fault!r}")
        finally:
            if self.gap:
                self.gap.end()
        return stayed

    def _undo_gap(self) -> None:
        if self.gap is None:
            return
        self.gap.end()
        if self.gap.old is None or self.app.stopped:
            self.server.agree()
            return
        try:
            with self.journal.step_back("start old") as step:
                self.gap.bring_back(step)
        except sqlite3.Error:  # the old one comes back, whether it can be written down or not
            self.gap.bring_back(Step())

    def _state(self) -> str:
        return self.gap.state if self.gap else ""

    def _migrations_that_stayed(self) -> list[str]:
        assert self.candidate is not None  # noqa: S101 - asked by the caller
        if self.candidate.applied_before is None or not self.candidate.manifest.database:
            return []
        try:
            applied = self.server.postgres(self.app).applied_migrations()
        except (AgentError, EngineError):
            return []
        return sorted(applied - self.candidate.applied_before)

    def _bring_web(self, target: Committed) -> None:
        if self.gap:
            self.gap.end()
        if target.manifest.is_published:
            self._forward("remove old", lambda _: take_over(target))
        elif self._forward("switch", lambda step: self._switch(target, step)):
            self._forward("drain", lambda step: _drain(target, step))
            self._forward("stop old", lambda _: after.stop_old(target))

    def _check(self, manifest: Manifest, environment_version: int) -> None:
        """Refuse what can be refused before anything is made."""
        before.check(self.server, self.app, manifest, environment_version)
        gap.check(self.server, self.app, manifest)

    def _switch(self, target: Committed, step: Step) -> None:
        after.switch(target, self._make_way)
        if self.without_port_since is not None:
            self.journal.down(self.server.stopwatch.seconds() - self.without_port_since)
            step.detail = f"down for {self.journal.downtime:.1f} s"
        if target.app.maintenance:
            step.detail = "maintenance is on: the edge goes on answering 503"

    def _make_way(self) -> None:
        """The first of several tries tells since when."""
        if self.without_port_since is None:
            self.without_port_since = self.server.stopwatch.seconds()

    def _replace_roles(self, target: Committed, step: Step) -> None:
        step.detail = after.replace_roles(target)
        if step.detail:
            self.open_ends.append(step.detail)


def _drain(target: Committed, step: Step) -> None:
    if not after.drain(target):
        step.detail = f"open requests were cut after {target.manifest.web.drain_timeout:g} s"
