"""Accessories: made by a deploy that misses one, kept as they were made, replaced and removed when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ferryman_agent.containers import (
    ACCESSORY_ADDRESSES,
    accessory_name,
    accessory_volumes,
    accessory_workload,
    labels,
)
from ferryman_agent.engine import Inspected, Observed, State
from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.host import Host
from ferryman_agent.host.lookups import tail
from ferryman_agent.host.volumes import own_volumes
from ferryman_agent.ledger import AccessoryRecord, App, Release
from ferryman_agent.manifest import Accessory, Manifest, parse_accessory
from ferryman_agent.transaction.steps.switchover import have_running

UP_LIMIT_SECONDS = 60.0
STAY_UP_SECONDS = 2.0
POLL_SECONDS = 0.2
LABEL = "ferryman.accessory"
STOP_SECONDS = 10.0  # of one that does not say


@dataclass(frozen=True)
class Source:
    """What accessories are made of: a release's manifest and its environment version."""

    manifest: Manifest
    release: Release

    def record(self, app: App, name: str) -> AccessoryRecord:
        """As it would be made of this, before it has an address."""
        definition, version = self.manifest.accessories[name].content, self.release.environment_version
        return AccessoryRecord(app.id, name, 0, definition, version, self.release.number)


def check(host: Host, app: App, source: Source) -> None:
    """Refused when a name that a role or schedule has now still belongs to an accessory that runs."""
    taken = {*source.manifest.roles, *source.manifest.schedules}
    for record in host.ledger.accessories(app.id):
        if record.is_committed and record.name in taken:
            raise Refused(
                "name-taken",
                f"{record.name} is an accessory that release {record.release} defined, and it still runs",
                state="nothing was changed",
                hint=f"ferryman accessory remove {record.name}, or give the role or schedule another name",
            )


def change_of(host: Host, record: AccessoryRecord, source: Source) -> str:
    """How what runs differs from what a release defines: '', 'changed', or 'gone' when it defines no such accessory."""
    defined = source.manifest.accessories.get(record.name)
    if defined is None:
        return "gone"
    ours, theirs = (
        host.ledger.environment(record.app, version)[1]
        for version in (record.environment_version, source.release.environment_version)
    )
    is_same = record.definition == defined.content and all(
        ours.get(name) == theirs.get(name) for name in defined.secrets
    )
    return "" if is_same else "changed"


def described(host: Host, app: App | None, source: Source) -> str:
    """What a deploy of this release does about accessories, and what it leaves to others; '' when there are none."""
    records = {record.name: record for record in host.ledger.accessories(app.id)} if app else {}
    missing = source.manifest.accessories.keys() - records.keys()
    told = [f"start {name} ({source.manifest.accessories[name].image})" for name in missing]
    for name, record in records.items():
        change = change_of(host, record, source)
        if change == "changed":
            hint = f"`ferryman restart --role {name}` replaces it"
            told.append(f"{name} goes on as release {record.release} defined it; {hint}")
        elif change == "gone":
            told.append(f"{name} goes on without a definition; `ferryman accessory remove {name}` removes it")
        else:
            told.append(f"{name} is there")
    return "; ".join(sorted(told))


def make_missing(
    host: Host, app: App, source: Source, pull: Callable[[Accessory], None], check_cancelled: Callable[[], None]
) -> None:
    """Have every accessory of a release that is about to be committed up; those that are there stay as they are.

    1. What an earlier deploy left uncommitted goes.
    2. Those that are there run: an app that was stopped may have stopped them.
    3. Missing ones are recorded, made and waited for. AgentError `accessory-failed` when one does not come up.
    """
    remove_candidates(host, app)
    keep_running(host, app)
    known = {record.name for record in host.ledger.accessories(app.id)}
    for name, accessory in source.manifest.accessories.items():
        if name not in known:
            check_cancelled()
            pull(accessory)
            record = host.ledger.add_accessory(source.record(app, name), ACCESSORY_ADDRESSES)
            start(host, app, record)
            wait_until_up(host, record, check_cancelled)


def are_committed(host: Host, app: App) -> bool:
    """False while the ledger has some that no deploy committed: on a full disk it could not forget them."""
    return all(record.is_committed for record in host.ledger.accessories(app.id))


def remove_candidates(host: Host, app: App) -> None:
    """Remove those that no deploy committed; their volumes stay."""
    uncommitted = [record for record in host.ledger.accessories(app.id) if not record.is_committed]
    for record in uncommitted:
        host.engine.remove(accessory_name(record))
    if uncommitted:
        host.ledger.forget_candidate_accessories(app.id)


def keep_running(host: Host, app: App) -> bool:
    """Have the app's accessories as the ledger says: others stop and go first. True when one had to be started."""
    records = [record for record in host.ledger.accessories(app.id) if record.is_committed]
    remove_others(host, app, records)
    started = [start(host, app, record) for record in records]
    return any(started)


def remove_others(host: Host, app: App, records: Iterable[AccessoryRecord]) -> None:
    """Stop and remove every accessory's container but those of `records`."""
    wanted = {accessory_name(record) for record in records}
    for container in host.engine.workloads({"ferryman.app": app.id, LABEL: ""}):
        if container.name not in wanted:
            stop(host, container)
            host.engine.remove(container.id)


def stop(host: Host, container: Observed) -> None:
    """Stop one, within the time that it was made with."""
    found = host.engine.workload(container.id)
    host.engine.stop(container.id, (found.stop_grace if found else None) or STOP_SECONDS)


def start(host: Host, app: App, record: AccessoryRecord) -> bool:
    """Have one running as it is recorded; True when it did not run."""
    accessory = parse_accessory(record.name, record.definition)
    return have_running(host.engine, accessory_name(record), lambda: _make(host, app, record, accessory))


def _make(host: Host, app: App, record: AccessoryRecord, accessory: Accessory) -> None:
    name, volumes = accessory_name(record), accessory_volumes(app.id, accessory)
    if host.engine.image(accessory.image) is None:
        host.images.pull(accessory.image)
    for volume in volumes:
        host.engine.ensure_volume(volume, labels(app.id, record.name))
    _, stored = host.ledger.environment(app.id, record.environment_version)
    host.engine.create(name, accessory_workload(app, record, accessory, stored))
    own_volumes(host.engine, name, volumes)


def wait_until_up(host: Host, record: AccessoryRecord, check_cancelled: Callable[[], None]) -> None:
    """Until its health command succeeds, or it has stayed up for a moment; AgentError `accessory-failed` otherwise."""
    stopwatch, has_health = host.stopwatch, bool(record.definition["health"])
    began = stopwatch.seconds()
    while True:
        check_cancelled()
        container = host.engine.workload(accessory_name(record))
        problem = _problem(container)
        seconds = stopwatch.seconds() - began
        if container and not problem and (container.health == "healthy" if has_health else seconds >= STAY_UP_SECONDS):
            return
        if not problem and seconds > UP_LIMIT_SECONDS:
            problem = f"is not healthy within {UP_LIMIT_SECONDS:g} s"
        if problem:
            lines = tail(host.engine, accessory_name(record))
            last = f": {lines[-1]}" if lines else ""
            raise AgentError("accessory-failed", f"the accessory {record.name} {problem}{last}", log=lines)
        stopwatch.wait(POLL_SECONDS)


def _problem(container: Inspected | None) -> str:
    if container is None:
        return "has no container"
    if not container.is_up or container.state is State.RESTARTING or container.restarts:
        return f"does not stay up (exit code {container.exit_code})"
    return "is unhealthy" if container.health == "unhealthy" else ""


def replacement(host: Host, app: App, source: Source, name: str) -> AccessoryRecord:
    """What an accessory becomes when it is replaced: as the serving release defines it, or as it was."""
    known = next((record for record in host.ledger.accessories(app.id) if record.name == name), None)
    if known is None:
        return source.record(app, name)
    made = source.record(app, name) if name in source.manifest.accessories else known
    return replace(made, address=known.address, turn=known.turn + 1)


def placed(host: Host, record: AccessoryRecord) -> AccessoryRecord:
    """The same with an address of its own; one that has none is recorded, as a candidate."""
    return record if record.address else host.ledger.add_accessory(record, ACCESSORY_ADDRESSES)
