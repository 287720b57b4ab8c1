"""The doctor: looks at the ledger and at the server, tells both, and rebuilds a ledger that can't be used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ferryman_agent.doctor.differences import differences
from ferryman_agent.doctor.findings import Found, look
from ferryman_agent.doctor.opening import LEDGER, engine_refuses
from ferryman_agent.doctor.rebuilding import LOST, Rebuilt, rebuild
from ferryman_agent.edge import Edge
from ferryman_agent.engine import Engine, EngineError
from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.ledger import Ledger
from ferryman_agent.ledger.faults import GOES_ON, fault_of

# what a rebuilt ledger does not help against
OF_THE_DISK = ("ledger-read-only", "ledger-disk-full", "engine-down")


@dataclass(frozen=True)
class Doctor:
    """Works on what outlives the ledger: the state's folder, the engine, the edge's files."""

    folder: Path
    engine: Engine
    edge: Edge
    clock: Callable[[], str]

    def examine(self, ledger: Ledger | None, fault: AgentError | None) -> dict[str, Any]:
        """What was found, and how it differs from the ledger; from what a rebuild would make where there is none."""
        found = self._look()
        rebuilt = rebuild(found, self.clock())
        apps, releases = rebuilt.apps, rebuilt.releases
        if ledger:
            apps = ledger.apps()
            releases = [release for app in apps for release in ledger.releases(app.id)]
        state = {"state": fault.code, "message": fault.message} if fault else {"state": "whole", "message": ""}
        return {
            "ledger": {"path": str(self.folder / LEDGER), **state},
            "edge": self.edge.state(),
            "notices": [notice.as_json() for notice in ledger.notices()] if ledger else [],
            "apps": [_told(app_id, found, rebuilt) for app_id in found.app_ids],
            "removed": [row["app"] for row in found.removed],
            "differences": differences(apps, releases, found),
            "unknown": rebuilt.unknown,
            "impossible": rebuilt.impossible,
            "lost": [] if ledger else list(LOST),
        }

    def _look(self) -> Found:
        try:
            return look(self.engine, self.edge, self.folder)
        except EngineError as error:
            raise engine_refuses(error) from error

    def rebuild(self, fault: AgentError | None) -> dict[str, Any]:
        """Put a rebuilt ledger in the place of the one with this fault, which is kept beside it; what serves stays.

        Refused `ledger-whole`, `rebuild-impossible`; the fault itself where another ledger would not help.
        """
        if fault is None:
            raise Refused("ledger-whole", "the ledger can be used; there is nothing to rebuild", state=GOES_ON)
        if fault.code in OF_THE_DISK:
            raise fault
        rebuilt = rebuild(self._look(), self.clock())
        if rebuilt.impossible:
            raise Refused(
                "rebuild-impossible",
                f"a rebuilt ledger would end what serves: {'; '.join(rebuilt.impossible)}",
                state=GOES_ON,
                hint=f"put the file back from a copy of {self.folder}",
            )
        try:
            return {"kept": self._write(rebuilt), "apps": [app.id for app in rebuilt.apps]}
        except OSError as error:
            raise fault_of(self.folder / LEDGER, error) from error

    def _write(self, rebuilt: Rebuilt) -> list[str]:
        path, partial = self.folder / LEDGER, self.folder / f".{LEDGER}.new"
        for left in ("", "-wal", "-shm"):
            partial.with_name(partial.name + left).unlink(missing_ok=True)
        partial.touch(mode=0o600)
        ledger = Ledger(partial, self.clock)
        try:
            ledger.restore(rows(rebuilt, ledger.now()))
        finally:
            ledger.close()
        kept = []
        mark = f"damaged-{self.clock().replace(':', '').partition('.')[0]}"
        for left in ("-wal", "-shm", ""):
            old = path.with_name(path.name + left)
            if old.exists():
                kept.append(str(old.rename(path.with_name(f"{path.name}.{mark}{left}"))))
        partial.replace(path)
        handle = os.open(self.folder, os.O_DIRECTORY)
        os.fsync(handle)
        os.close(handle)
        return kept


def rows(rebuilt: Rebuilt, now: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(table, row) of a rebuilt ledger. One deployment of each app stands for the lost ones: what served before it."""
    for app in rebuilt.apps:
        yield "app", asdict(app)
        if app.serving is not None:
            name = f"rebuild {app.id} {now}"
            found = {"id": name, "request": name, "app": app.id, "kind": "rebuild", "release": app.serving}
            ended = {"state": "succeeded", "started_at": now, "seconds": 0}
            yield "deployment", {**found, **ended, "previous": rebuilt.served_before.get(app.id)}
    yield from (("release", asdict(release)) for release in rebuilt.releases)
    for app_id, versions in rebuilt.environments.items():
        yield from (("environment", {"app": app_id, **version}) for version in versions)
    yield from (("removed", row) for row in rebuilt.removed)
    for table, others in rebuilt.others.items():
        yield from ((table, row) for row in others)


def _told(app_id: str, found: Found, rebuilt: Rebuilt) -> dict[str, Any]:
    app = next(app for app in rebuilt.apps if app.id == app_id)
    releases = [release for release in rebuilt.releases if release.app == app_id]
    copy = next((copy for copy in found.copies if copy.app_id == app_id), None)
    subnet = found.networks.get(app_id)
    return {
        "app": app_id,
        "serving": app.serving,
        "lane": app.lane,
        "slot": app.slot,
        "subnet": app.subnet,
        "has_network": subnet is not None,
        "has_folder": copy is not None,
        "state": "removing" if app.removal else "stopped" if app.stopped else "maintenance" if app.maintenance else "",
        "containers": {c.name: "running" if c.is_running else "stopped" for c in found.of(app_id)},
        "retained": [release.number for release in releases if release.state == "healthy"],
        "not_retained": [release.number for release in releases if release.state != "healthy"],
        "environment_versions": [row["version"] for row in rebuilt.environments[app_id]],
    }
