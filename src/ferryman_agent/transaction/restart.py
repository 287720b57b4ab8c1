"""A restart, and the start of an app that was stopped: new containers of the same release, by the way of a deploy."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman_agent.errors import Refused
from ferryman_agent.ledger import App
from ferryman_agent.transaction import accessories, after, before
from ferryman_agent.transaction.accessory_changes import names_of
from ferryman_agent.transaction.after import Committed
from ferryman_agent.transaction.before import Candidate
from ferryman_agent.transaction.change import RestartOrder, StartOrder
from ferryman_agent.transaction.commits import NOTHING
from ferryman_agent.transaction.replacement import Replacement
from ferryman_agent.transaction.room import Wanted, make_room
from ferryman_agent.transaction.stop import serving_of


@dataclass
class Restart(Replacement):
    """Web goes to the other lane and is switched to once it is healthy; other roles are replaced after the commit."""

    order: RestartOrder | StartOrder

    def _reach_the_commit(self) -> bool:
        with self.journal.step("preflight") as step:
            target = serving_of(self.server, self.app)
            if isinstance(self.order, StartOrder) and not self.app.stopped:
                step.detail = f"release {target.release.number} is not stopped"
                return False
            roles = self._roles(target)
            self._check(target.manifest, target.release.environment_version)
            self.server.ledger.target(self.journal.deployment.id, target.release.number)
            step.detail = f"release {target.release.number}: {', '.join(roles)}"
        self.journal.started(target.release, NOTHING)
        if "web" in roles:
            self._start_web(target)
        with self.journal.step("commit"):
            self._commit_turns(roles)
        return True

    def _roles(self, target: Committed) -> list[str]:
        """The roles to replace; Refused when there is no such role, or the app is stopped."""
        known = list(target.manifest.roles)
        if isinstance(self.order, StartOrder):
            return known
        if self.app.stopped:
            raise Refused("app-stopped", f"{self.app.id} is stopped", hint="ferryman start")
        if self.order.role is None:
            return known
        if self.order.role not in known:
            choices = [*known, *names_of(self.server, self.app)]
            raise Refused(
                "unknown-role",
                f"release {target.release.number} has no role {self.order.role}; it has {', '.join(choices)}",
                choices=choices,
            )
        return [self.order.role]

    def _start_web(self, target: Committed) -> None:
        turn = self.app.turns.get("web", 0) + 1
        found = (self.server, self.journal, self.app, target.manifest, target.release)
        self.candidate = Candidate(*found, credentials=None, turn=turn)
        with self.journal.step("room") as room:
            make_room(self.server, self.app, Wanted(target.manifest, target.release, is_migrated=False), room)
            self.server.prepare_app(self.app)
            before.open_edge(self.server, target.manifest)
        with self.journal.step("pull") as pull:
            before.pull(self.candidate, pull)
        with self.journal.step("database") as database:
            if target.manifest.database is None:
                database.skip("no [database]")
            elif not self.server.postgres(self.app).ensure(target.manifest.database):
                database.skip("PostgreSQL runs")
        if self.server.ledger.accessories(self.app.id):
            with self.journal.step("accessories") as accessory:
                if not accessories.keep_running(self.server, self.app):
                    accessory.skip("they run")
        self._bring_up()

    def _commit_turns(self, roles: list[str]) -> None:
        turns = {**self.app.turns, **{role: self.app.turns.get(role, 0) + 1 for role in roles}}
        change: dict[str, object] = {"turns": turns, "degraded": ""}
        if "web" in roles:
            change["lane"] = self.app.next_lane
        if self.app.stopped:
            change |= {"stopped": None, "since": self.journal.deployment.started_at}
        with self.journal.committing():
            self.server.ledger.commit_change(self.journal.deployment, change)

    def _bring_forward(self, app: App) -> None:
        target = after.committed(self.server, app)
        assert target is not None  # noqa: S101 - it was just committed
        if self.candidate:
            self._bring_web(target)
        if after.has_other_roles(target):
            self._forward("roles", lambda step: self._replace_roles(target, step))
