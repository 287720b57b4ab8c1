"""The story of a deploy and of a rollback: straight through the steps, back before the commit, forward after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ferryman_agent.engine import EngineError
from ferryman_agent.errors import AgentError, Cancelled, Refused
from ferryman_agent.ledger import App, Release
from ferryman_agent.manifest import parse_manifest
from ferryman_agent.transaction import after, before
from ferryman_agent.transaction.after import Committed
from ferryman_agent.transaction.before import Candidate
from ferryman_agent.transaction.journal import Journal, Step
from ferryman_agent.transaction.order import DeployOrder, RollbackOrder, rollback_target
from ferryman_agent.transaction.retention import prune
from ferryman_agent.transaction.server import Server

FORWARD_TRIES = 5


@dataclass
class Transaction:
    """One run: `carry_out` ends with the outcome in the ledger, whatever happens."""

    server: Server
    journal: Journal
    order: DeployOrder | RollbackOrder
    app: App
    candidate: Candidate | None = None
    to_commit_seconds: float | None = None
    open_ends: list[str] = field(default_factory=list)

    def carry_out(self) -> None:
        """Run the transaction; the outcome is recorded, nothing is raised."""
        try:
            release = self._resolve()
            if release is None:
                self.journal.finished("unchanged", None, [])
                return
            self._before_the_commit(release)
        except Exception as error:  # noqa: BLE001 - whatever it is, what serves goes on and the outcome is recorded
            self._go_back(_as_agent_error(error))
            return
        self._go_forward()

    def _resolve(self) -> Release | None:
        """Preflight: the release to go to, recorded; None when it serves already."""
        with self.journal.step("preflight") as step:
            chosen = self._chosen()
            manifest = parse_manifest(chosen.manifest)
            if isinstance(self.order, DeployOrder) and self._is_serving(chosen):
                step.detail = f"release {self.app.serving} serves this image and configuration already"
                return None
            before.check(self.server, self.app, manifest, chosen.environment_version)
            self._check_sequence()
            self.server.prepare_app(self.app)
            before.open_edge(self.server, manifest)
            if isinstance(self.order, RollbackOrder):
                self.server.ledger.target(self.journal.deployment.id, chosen.number)
                release = chosen
            else:
                release = self.server.ledger.add_release(self.journal.deployment.id, chosen)
            step.detail = f"release {release.number}"
        self.journal.started(release)
        self.candidate = Candidate(self.server, self.journal, self.app, manifest, release, self.order.credentials)
        return release

    def _chosen(self) -> Release:
        ledger, order = self.server.ledger, self.order
        if isinstance(order, RollbackOrder):
            earlier = ledger.served_before(self.app.id)
            return rollback_target(self.app, ledger.releases(self.app.id), order.number, earlier)
        version, _ = ledger.environment(self.app.id)
        manifest = order.manifest
        found = (self.app.id, 0, manifest.image, order.digest, order.revision, manifest.content, version)
        return Release(*found, migrations=None, state="candidate", created_at="")

    def _is_serving(self, chosen: Release) -> bool:
        serving = self.server.ledger.release(self.app.id, self.app.serving) if self.app.serving else None
        if serving is None or self.app.degraded:
            return False
        return serving.has_same_content(chosen) and all(
            bool(found and found["State"]["Running"])
            for found in map(self.server.docker.container, self.server.lasting_containers(self.app, serving))
        )

    def _check_sequence(self) -> None:
        order, newest = self.order, self.app.sequence
        if not isinstance(order, DeployOrder) or order.sequence is None or newest is None or order.allow_older:
            return
        if order.sequence < newest:
            raise Refused(
                "older-sequence",
                f"run {order.sequence} is older than run {newest}, which was deployed",
                state=before.serving_state(self.app),
                hint="add --allow-older to deploy it all the same",
            )

    def _before_the_commit(self, release: Release) -> None:
        candidate, step = self.candidate, self.journal.step
        assert candidate is not None  # noqa: S101 - _resolve made it
        with step("room") as room:
            before.make_room(self.server, self.app, room)
        with step("pull") as pull:
            image = before.pull(candidate, pull)
        with step("database") as database:
            before.migrate(candidate, image, database)
        with step("start web"):
            before.start_web(candidate)
        with step("healthy"):
            before.wait_until_healthy(candidate)
        with step("commit") as commit:
            self._commit(release)
            commit.detail = f"release {release.number} serves"

    def _commit(self, release: Release) -> None:
        with self.server.commit_lock, self.journal.committing():
            self.server.check_domain_is_free(self.app, parse_manifest(release.manifest))
            self.server.ledger.commit(self.journal.deployment, release.number, self.app.next_lane)
        self.to_commit_seconds = round(self.journal.seconds, 3)

    def _go_back(self, error: AgentError) -> None:
        if self._is_committed():  # the commit itself is durable; only its event could not be written
            self._go_forward()
            return
        stayed: list[str] = []
        if self.candidate:
            stayed = self._migrations_that_stayed()
            try:
                before.take_back(self.candidate)
            except Exception as fault:  # noqa: BLE001 - the outcome must be recorded all the same
                self.journal.log(f"the candidate's containers are left to the reconciliation: {fault!r}")
        error.state = error.state or before.state_after_failure(self.app, stayed)
        error.details["stayed"] = stayed
        outcome = "cancelled" if isinstance(error, Cancelled) else "refused" if isinstance(error, Refused) else "failed"
        self.journal.finished(outcome, error, stayed)

    def _is_committed(self) -> bool:
        """The ledger knows, also when its answer to the commit was lost."""
        deployment = self.server.ledger.deployment(self.journal.deployment.id)
        self.journal.is_committed = bool(deployment and deployment.state == "committed")
        return self.journal.is_committed

    def _migrations_that_stayed(self) -> list[str]:
        assert self.candidate is not None  # noqa: S101 - asked by the caller
        if self.candidate.applied_before is None or not self.candidate.manifest.database:
            return []
        try:
            applied = self.server.postgres(self.app).applied_migrations()
        except (AgentError, EngineError):
            return []
        return sorted(applied - self.candidate.applied_before)

    def _go_forward(self) -> None:
        """Switch, drain, stop the old, replace the roles, prune. What can't be done now is left to the reconciliation.

        The old release is stopped only when the edge routes to the new one.
        """
        app = self.server.ledger.app(self.app.id)
        assert app is not None and self.candidate is not None  # noqa: S101, PT018 - it was just committed
        target = Committed(self.server, app, self.candidate.manifest, self.candidate.release)
        if self._forward("switch", lambda _: after.switch(target)):
            self._forward("drain", lambda step: _drain(target, step))
            self._forward("stop old", lambda _: after.stop_old(target))
        if after.has_other_roles(target):
            self._forward("roles", lambda step: self._replace_roles(target, step))
        if self.open_ends:
            self.server.ledger.set_degraded(app.id, "; ".join(self.open_ends))
        self._forward("retain", lambda step: _retain(target, step), tries=1)
        self.journal.finished("succeeded", None, [])

    def _replace_roles(self, target: Committed, step: Step) -> None:
        step.detail = after.replace_roles(target)
        if step.detail:
            self.open_ends.append(step.detail)

    def _forward(self, name: str, act: Callable[[Step], None], tries: int = FORWARD_TRIES) -> bool:
        """Carry out a step that can't be refused; False when it is left to the reconciliation."""
        for attempt in range(1, tries + 1):
            try:
                with self.journal.step(name) as step:
                    act(step)
                return True
            except Exception as error:  # noqa: BLE001 - nothing stops the way forward
                if attempt < tries:
                    self.server.stopwatch.wait(attempt)
                elif name != "retain":  # what is not pruned now is pruned by the next deploy
                    self.open_ends.append(f"{name}: {_as_agent_error(error).message}")
        return False


def _drain(target: Committed, step: Step) -> None:
    if not after.drain(target):
        step.detail = f"open requests were cut after {target.manifest.web.drain_timeout:g} s"


def _retain(target: Committed, step: Step) -> None:
    step.detail = f"{prune(target.server, target.app)} images removed"


def _as_agent_error(error: Exception) -> AgentError:
    if isinstance(error, AgentError):
        return error
    if isinstance(error, EngineError):
        return AgentError("engine-error", f"the Docker Engine refused: {error.message}")
    hint = "on the server: journalctl -u ferryman-agent"
    return AgentError("internal-error", f"the agent failed: {error!r}", hint=hint)
