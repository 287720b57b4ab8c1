"""What a deploy and a restart share: a candidate beside what serves, which then takes its place."""

from __future__ import annotations

from dataclasses import dataclass, field

from ferryman_agent.engine import EngineError
from ferryman_agent.errors import AgentError
from ferryman_agent.transaction import after, before
from ferryman_agent.transaction.after import Committed
from ferryman_agent.transaction.before import Candidate
from ferryman_agent.transaction.journal import Step
from ferryman_agent.transaction.run import Run
from ferryman_agent.transaction.stop import stop_all


@dataclass
class Replacement(Run):
    """A run that replaces containers; `candidate` is the web container that is to serve, None when web stays."""

    candidate: Candidate | None = field(default=None, kw_only=True)

    def _take_back(self) -> list[str]:
        if self.candidate is None:
            return []
        stayed = self._migrations_that_stayed()
        try:
            before.take_back(self.candidate)
            if self.app.stopped:  # PostgreSQL was needed for the candidate alone
                stop_all(self.server, self.app)
        except Exception as fault:  # noqa: BLE001 - the outcome must be recorded all the same
            self.journal.log(f"the candidate's containers are left to the reconciliation: {fault!r}")
        return stayed

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
        if self._forward("switch", lambda step: _switch(target, step)):
            self._forward("drain", lambda step: _drain(target, step))
            self._forward("stop old", lambda _: after.stop_old(target))

    def _replace_roles(self, target: Committed, step: Step) -> None:
        step.detail = after.replace_roles(target)
        if step.detail:
            self.open_ends.append(step.detail)


def _switch(target: Committed, step: Step) -> None:
    after.switch(target)
    if target.app.maintenance:
        step.detail = "maintenance is on: the edge goes on answering 503"


def _drain(target: Committed, step: Step) -> None:
    if not after.drain(target):
        step.detail = f"open requests were cut after {target.manifest.web.drain_timeout:g} s"
