"""The story of a deploy and of a rollback: straight through the steps, back before the commit, forward after it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ferryman_agent.ledger import App, Release
from ferryman_agent.manifest import Manifest, parse_manifest
from ferryman_agent.transaction import accessories, after, before
from ferryman_agent.transaction.accessories import Source
from ferryman_agent.transaction.after import Committed
from ferryman_agent.transaction.before import Candidate
from ferryman_agent.transaction.commits import NOTHING, Brought, brought
from ferryman_agent.transaction.journal import Step
from ferryman_agent.transaction.order import DeployOrder, RollbackOrder, check_sequence, rollback_target
from ferryman_agent.transaction.replacement import Replacement
from ferryman_agent.transaction.retention import prune
from ferryman_agent.transaction.room import Wanted, make_room


@dataclass
class Transaction(Replacement):
    """A deploy or a rollback."""

    order: DeployOrder | RollbackOrder
    to_commit_seconds: float | None = field(default=None, kw_only=True)

    def _reach_the_commit(self) -> bool:
        release = self._resolve()
        if release is None:
            return False
        self._before_the_commit(release)
        return True

    def _resolve(self) -> Release | None:
        """The release to go to, recorded once it is known that there is room; None when it serves already."""
        with self.journal.step("preflight") as step:
            chosen = self._chosen()
            manifest = parse_manifest(chosen.manifest)
            if isinstance(self.order, DeployOrder) and self._is_serving(chosen):
                step.detail = f"release {self.app.serving} serves this image and configuration already"
                return None
            self._check(manifest, chosen.environment_version)
            accessories.check(self.server, self.app, Source(manifest, chosen))
            if isinstance(self.order, DeployOrder):
                check_sequence(self.order, self.app.sequence, before.serving_state(self.app))
            commits = self._brought()
            number = chosen.number or self.server.ledger.next_number(self.app.id)
            step.detail = f"release {number}{self._found_again()}"
        with self.journal.step("room") as room:
            size = self.order.image_bytes if isinstance(self.order, DeployOrder) else None
            make_room(self.server, self.app, Wanted(manifest, chosen, size), room)
            release = self._recorded(chosen, manifest)
        self.journal.started(release, commits)
        self.candidate = Candidate(self.server, self.journal, self.app, manifest, release, self.order.credentials)
        return release

    def _recorded(self, chosen: Release, manifest: Manifest) -> Release:
        """The first effects: the app's network, the edge's port, the release in the ledger."""
        self.server.prepare_app(self.app)
        before.open_edge(self.server, manifest)
        if isinstance(self.order, DeployOrder):
            return self.server.ledger.add_release(self.journal.deployment.id, chosen)
        self.server.ledger.target(self.journal.deployment.id, chosen.number)
        return chosen

    def _found_again(self) -> str:
        """What a person may not expect: that the app starts, or that it takes over data of an app that was removed."""
        if self.app.stopped:
            return "; starts the app, which was stopped"
        kept = [] if self.app.serving else self.server.docker.volumes({"ferryman.app": self.app.id})
        return f"; takes over the data that is here: {', '.join(sorted(kept))}" if kept else ""

    def _chosen(self) -> Release:
        ledger, order = self.server.ledger, self.order
        if isinstance(order, RollbackOrder):
            earlier = ledger.served_before(self.app.id)
            return rollback_target(self.app, ledger.releases(self.app.id), order.number, earlier)
        version, _ = ledger.environment(self.app.id)
        manifest = order.manifest
        found = (self.app.id, 0, manifest.image, order.digest, order.revision, manifest.content, version)
        return Release(*found, migrations=None, state="candidate", created_at="")

    def _brought(self) -> Brought:
        """The commits that did not serve before; a rollback brings none."""
        if isinstance(self.order, RollbackOrder):
            return NOTHING
        releases = self.server.ledger.releases(self.app.id)
        previous = next((r for r in releases if r.number == self.app.serving), None)
        return brought(self.order.commits, previous, releases)

    def _is_serving(self, chosen: Release) -> bool:
        serving = self.server.ledger.release(self.app.id, self.app.serving) if self.app.serving else None
        if serving is None or self.app.degraded:
            return False
        return serving.has_same_content(chosen) and all(
            bool(found and found["State"]["Running"])
            for found in map(self.server.docker.container, self.server.lasting_containers(self.app, serving))
        )

    def _before_the_commit(self, release: Release) -> None:
        candidate, step = self.candidate, self.journal.step
        assert candidate is not None  # noqa: S101 - _resolve made it
        with step("pull") as pull:
            image = before.pull(candidate, pull)
        if self.server.ledger.accessories(self.app.id) or candidate.manifest.accessories:
            with step("accessories") as accessory:
                before.have_accessories(candidate, accessory)
        with step("database") as database:
            before.migrate(candidate, image, database)
        self._bring_up()
        with step("commit") as commit:
            self._commit(release)
            commit.detail = f"release {release.number} serves"

    def _commit(self, release: Release) -> None:
        with self.server.commit_lock, self.journal.committing():
            self.server.check_domain_is_free(self.app, parse_manifest(release.manifest))
            self.server.ledger.commit(self.journal.deployment, release.number, self.app.next_lane)
        self.to_commit_seconds = round(self.journal.seconds, 3)

    def _bring_forward(self, app: App) -> None:
        """Switch, drain, stop the old, replace the roles, prune.

        The old release is stopped only when the edge routes to the new one.
        """
        assert self.candidate is not None  # noqa: S101 - it was just committed
        target = Committed(self.server, app, self.candidate.manifest, self.candidate.release)
        self._bring_web(target)
        if after.has_other_roles(target):
            self._forward("roles", lambda step: self._replace_roles(target, step))
        self._forward("retain", lambda step: _retain(target, step), tries=1)


def _retain(target: Committed, step: Step) -> None:
    step.detail = f"{prune(target.server, target.app)} images removed"
