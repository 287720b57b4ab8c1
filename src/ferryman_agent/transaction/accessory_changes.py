"""The replacement and the removal of one accessory, which nothing but an operator's command does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ferryman_agent.containers import accessory_name
from ferryman_agent.errors import Refused
from ferryman_agent.ledger import AccessoryRecord, App
from ferryman_agent.manifest import parse_accessory
from ferryman_agent.transaction import accessories, before
from ferryman_agent.transaction.accessories import Source
from ferryman_agent.transaction.change import AccessoryRemoveOrder, RestartOrder
from ferryman_agent.transaction.commits import NOTHING
from ferryman_agent.transaction.run import Run
from ferryman_agent.transaction.server import Server
from ferryman_agent.transaction.stop import serving_of


def names_of(server: Server, app: App) -> list[str]:
    """The accessories that run, or that the serving release defines."""
    target = serving_of(server, app)
    known = {record.name for record in server.ledger.accessories(app.id) if record.is_committed}
    return sorted(known | target.manifest.accessories.keys())


@dataclass
class AccessoryRestart(Run):
    """The old container stops, then the new one starts, as the release that serves defines it; volumes stay."""

    order: RestartOrder
    record: AccessoryRecord | None = field(default=None, kw_only=True)

    def _reach_the_commit(self) -> bool:
        name, ledger = str(self.order.role), self.server.ledger
        with self.journal.step("preflight") as step:
            target = serving_of(self.server, self.app)
            if self.app.stopped:
                raise Refused("app-stopped", f"{self.app.id} is stopped", hint="ferryman start")
            before.check(self.server, self.app, target.manifest, target.release.environment_version)
            ledger.target(self.journal.deployment.id, target.release.number)
            record = accessories.replacement(self.server, self.app, Source(target.manifest, target.release), name)
            step.detail = f"{name} as release {record.release} defines it"
        self.journal.started(target.release, NOTHING)
        with self.journal.step("pull") as pull:
            image = parse_accessory(name, record.definition).image
            if self.server.docker.image(image):
                pull.skip("the image is here already")
            else:
                self.server.pull(image)
        with self.journal.step("commit"), self.journal.committing():
            self.record = replace(record, is_committed=True)
            others = [known for known in ledger.accessories(self.app.id) if known.name != name]
            ledger.commit_change(self.journal.deployment, {"degraded": ""}, [*others, self.record])
        return True

    def _take_back(self) -> list[str]:
        accessories.remove_candidates(self.server, self.app)
        return []

    def _bring_forward(self, app: App) -> None:
        problems: list[str] = []
        record = self.record
        assert record is not None  # noqa: S101 - it was just committed
        is_done = self._forward(
            "accessories", lambda step: problems.append(accessories.bring_up(self.server, app, record, step))
        )
        self.open_ends += [problem for problem in problems[-1:] if problem and is_done]


@dataclass
class AccessoryRemoval(Run):
    """An accessory that the serving release does not define any more goes; its volumes stay."""

    order: AccessoryRemoveOrder

    def _reach_the_commit(self) -> bool:
        name, ledger = self.order.name, self.server.ledger
        with self.journal.step("preflight") as step:
            target = serving_of(self.server, self.app)
            records = ledger.accessories(self.app.id)
            found = [record for record in records if record.name == name]
            if not found:
                known = [record.name for record in records]
                raise Refused(
                    "unknown-accessory",
                    f"{self.app.id} has no accessory {name}; it has {', '.join(known) or 'none'}",
                    choices=known,
                )
            if name in target.manifest.accessories:
                raise Refused(
                    "accessory-defined",
                    f"release {target.release.number} defines {name}",
                    hint=f"take [accessories.{name}] out of ferryman.toml and deploy first",
                )
            ledger.target(self.journal.deployment.id, target.release.number)
            step.detail = accessory_name(found[0])
        self.journal.started(target.release, NOTHING)
        with self.journal.step("commit"), self.journal.committing():
            others = [record for record in records if record.name != name]
            ledger.commit_change(self.journal.deployment, {"degraded": ""}, others)
        return True

    def _bring_forward(self, app: App) -> None:
        remaining = self.server.ledger.accessories(app.id)
        self._forward("accessories", lambda _: accessories.remove_others(self.server, app, remaining))
