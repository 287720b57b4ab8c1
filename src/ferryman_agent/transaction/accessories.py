"""Accessories: made by a deploy that misses one, kept as they were made, replaced and removed when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from ferryman_agent.containers import (
    ACCESSORY_ADDRESSES,
    accessory_name,
    accessory_specification,
    accessory_volumes,
    labels,
)
from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.ledger import AccessoryRecord, App, Release
from ferryman_agent.manifest import Accessory, Manifest, parse_accessory
from ferryman_agent.transaction.journal import Step
from ferryman_agent.transaction.server import Server, have_running
from ferryman_agent.volumes import own_volumes

UP_LIMIT_SECONDS = 60.0
STAY_UP_SECONDS = 2.0
POLL_SECONDS = 0.2
LABEL = "ferryman.accessory"


@dataclass(frozen=True)
class Source:
    """What accessories are made of: a release's manifest and its environment version."""

    manifest: Manifest
    release: Release

    def record(self, app: App, name: str) -> AccessoryRecord:
        """As it would be made of this, before it has an address."""
        definition, version = self.manifest.accessories[name].content, self.release.environment_version
        return AccessoryRecord(app.id, name, 0, definition, version, self.release.number)


def check(server: Server, app: App, source: Source) -> None:
    """Refused when a name that a role or schedule has now still belongs to an accessory that runs."""
    taken = {*source.manifest.roles, *source.manifest.schedules}
    for record in server.ledger.accessories(app.id):
        if record.is_committed and record.name in taken:
            raise Refused(
                "name-taken",
                f"{record.name} is an accessory that release {record.release} defined, and it still runs",
                state="nothing was changed",
                hint=f"ferryman accessory remove {record.name}, or give the role or schedule another name",
            )


def change_of(server: Server, record: AccessoryRecord, source: Source) -> str:
    """How what runs differs from what a release defines: '', 'changed', or 'gone' when it defines no such accessory."""
    defined = source.manifest.accessories.get(record.name)
    if defined is None:
        return "gone"
    ours, theirs = (
        server.ledger.environment(record.app, version)[1]
        for version in (record.environment_version, source.release.environment_version)
    )
    is_same = record.definition == defined.content and all(
        ours.get(name) == theirs.get(name) for name in defined.secrets
    )
    return "" if is_same else "changed"


def described(server: Server, app: App | None, source: Source) -> str:
    """What a deploy of this release does about accessories, and what it leaves to others; '' when there are none."""
    records = {record.name: record for record in server.ledger.accessories(app.id)} if app else {}
    missing = source.manifest.accessories.keys() - records.keys()
    told = [f"start {name} ({source.manifest.accessories[name].image})" for name in missing]
    for name, record in records.items():
        change = change_of(server, record, source)
        if change == "changed":
            hint = f"`ferryman restart --role {name}` replaces it"
            told.append(f"{name} goes on as release {record.release} defined it; {hint}")
        elif change == "gone":
            told.append(f"{name} goes on without a definition; `ferryman accessory remove {name}` removes it")
        else:
            told.append(f"{name} is there")
    return "; ".join(sorted(told))


def make_missing(
    server: Server, app: App, source: Source, pull: Callable[[Accessory], None], check_cancelled: Callable[[], None]
) -> None:
    """Have every accessory of a release that is about to be committed up; those that are there stay as they are.

    1. What an earlier deploy left uncommitted goes.
    2. Those that are there run: an app that was stopped may have stopped them.
    3. Missing ones are recorded, made and waited for. AgentError `accessory-failed` when one does not come up.
    """
    remove_candidates(server, app)
    keep_running(server, app)
    known = {record.name for record in server.ledger.accessories(app.id)}
    for name, accessory in source.manifest.accessories.items():
        if name not in known:
            check_cancelled()
            pull(accessory)
            record = server.ledger.add_accessory(source.record(app, name), ACCESSORY_ADDRESSES)
            start(server, app, record)
            wait_until_up(server, record, check_cancelled)


def are_committed(server: Server, app: App) -> bool:
    """False while the ledger has some that no deploy committed: on a full disk it could not forget them."""
    return all(record.is_committed for record in server.ledger.accessories(app.id))


def remove_candidates(server: Server, app: App) -> None:
    """Remove those that no deploy committed; their volumes stay."""
    uncommitted = [record for record in server.ledger.accessories(app.id) if not record.is_committed]
    for record in uncommitted:
        server.docker.remove(accessory_name(record))
    if uncommitted:
        server.ledger.forget_candidate_accessories(app.id)


def keep_running(server: Server, app: App) -> bool:
    """Have the app's accessories as the ledger says: others stop and go first. True when one had to be started."""
    records = [record for record in server.ledger.accessories(app.id) if record.is_committed]
    remove_others(server, app, records)
    started = [start(server, app, record) for record in records]
    return any(started)


def remove_others(server: Server, app: App, records: Iterable[AccessoryRecord]) -> None:
    """Stop and remove every accessory's container but those of `records`."""
    wanted = {accessory_name(record) for record in records}
    for container in server.docker.containers({"ferryman.app": app.id, LABEL: ""}):
        if container["Names"][0].lstrip("/") not in wanted:
            stop(server, container)
            server.docker.remove(container["Id"])


def stop(server: Server, container: dict[str, Any]) -> None:
    """Stop one, within the time that it was made with."""
    found = server.docker.container(container["Id"])
    grace = found["Config"].get("StopTimeout") if found else None
    server.docker.stop(container["Id"], grace or 10.0)


def start(server: Server, app: App, record: AccessoryRecord) -> bool:
    """Have one running as it is recorded; True when it did not run."""
    accessory = parse_accessory(record.name, record.definition)
    return have_running(server.docker, accessory_name(record), lambda: _make(server, app, record, accessory))


def _make(server: Server, app: App, record: AccessoryRecord, accessory: Accessory) -> None:
    name, volumes = accessory_name(record), accessory_volumes(app.id, accessory)
    if server.docker.image(accessory.image) is None:
        server.pull(accessory.image)
    for volume in volumes:
        server.docker.ensure_volume(volume, labels(app.id, record.name))
    _, stored = server.ledger.environment(app.id, record.environment_version)
    server.docker.create(name, accessory_specification(app, record, accessory, stored))
    own_volumes(server.docker, name, volumes)


def wait_until_up(server: Server, record: AccessoryRecord, check_cancelled: Callable[[], None]) -> None:
    """Until its health command succeeds, or it has stayed up for a moment; AgentError `accessory-failed` otherwise."""
    stopwatch, has_health = server.stopwatch, bool(record.definition["health"])
    began = stopwatch.seconds()
    while True:
        check_cancelled()
        container = server.docker.container(accessory_name(record))
        problem = _problem(container)
        seconds = stopwatch.seconds() - began
        if not problem and (health_of(container) == "healthy" if has_health else seconds >= STAY_UP_SECONDS):
            return
        if not problem and seconds > UP_LIMIT_SECONDS:
            problem = f"is not healthy within {UP_LIMIT_SECONDS:g} s"
        if problem:
            lines = server.tail(accessory_name(record))
            last = f": {lines[-1]}" if lines else ""
            raise AgentError("accessory-failed", f"the accessory {record.name} {problem}{last}", log=lines)
        stopwatch.wait(POLL_SECONDS)


def health_of(container: dict[str, Any] | None) -> str | None:
    """What its health command says: starting, healthy, unhealthy; None without one."""
    found = container["State"].get("Health") if container else None
    return str(found["Status"]) if found and found["Status"] not in ("none", "") else None


def _problem(container: dict[str, Any] | None) -> str:
    if container is None:
        return "has no container"
    state = container["State"]
    if not state["Running"] or state.get("Restarting") or container["RestartCount"]:
        return f"does not stay up (exit code {state['ExitCode']})"
    return "is unhealthy" if health_of(container) == "unhealthy" else ""


def replacement(server: Server, app: App, source: Source, name: str) -> AccessoryRecord:
    """What an accessory becomes when it is replaced: as the serving release defines it, or as it was."""
    known = next((record for record in server.ledger.accessories(app.id) if record.name == name), None)
    if name not in source.manifest.accessories:
        assert known is not None  # noqa: S101 - the name is one of both
        return replace(known, turn=known.turn + 1)
    made = source.record(app, name)
    if known is None:
        return server.ledger.add_accessory(made, ACCESSORY_ADDRESSES)
    return replace(made, address=known.address, turn=known.turn + 1)


def bring_up(server: Server, app: App, record: AccessoryRecord, step: Step) -> str:
    """Have the replacement in the place of what ran; returns why it is not up, '' when it is."""
    began = server.stopwatch.seconds()
    keep_running(server, app)
    try:
        wait_until_up(server, record, lambda: None)
    except AgentError as error:
        step.detail = error.message
        return error.message
    step.detail = f"{record.name} was away for {server.stopwatch.seconds() - began:.1f} s"
    return ""
