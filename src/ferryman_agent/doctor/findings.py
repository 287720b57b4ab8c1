"""Facts: what this server has apart from its ledger: containers, networks, the edge's files, copies in app folders."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferryman_agent.containers import NETWORK_PREFIX, network_name
from ferryman_agent.edge import Edge
from ferryman_agent.edge.reading import WrittenSlot, written_slots
from ferryman_agent.engine import Engine, Inspected, Keep
from ferryman_agent.ledger.copies import APPS, Copy, read_copies, read_removed

TURN = re.compile(r"\.(\d+)\.(\d+)$")
ACCESSORY_TURN = re.compile(r"[a-z0-9-]+\.(\d+)")
OCTET = re.compile(rf"{re.escape(NETWORK_PREFIX)}\.(\d+)\.")


@dataclass(frozen=True)
class FoundContainer:
    """A container that carries an app's label. `address` is its fixed one; `is_lasting`: it comes back by itself."""

    name: str
    id: str
    app_id: str
    role: str
    release: int | None
    turn: int
    image: str
    is_running: bool
    is_lasting: bool
    is_attached: bool
    address: str
    started_at: str
    labels: dict[str, str]

    @property
    def is_accessory(self) -> bool:
        """Whether it is one of `[accessories]`."""
        return "ferryman.accessory" in self.labels

    @property
    def is_run(self) -> bool:
        """Whether it is a scheduled command's."""
        return "ferryman.schedule" in self.labels


@dataclass(frozen=True)
class Found:
    """Everything that was found. `networks`: app → third octet of its subnet."""

    containers: list[FoundContainer]
    networks: dict[str, int]
    slots: list[WrittenSlot]
    copies: list[Copy]
    removed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def app_ids(self) -> list[str]:
        """Every app of which there is a container or a folder."""
        return sorted({container.app_id for container in self.containers} | {copy.app_id for copy in self.copies})

    def of(self, app_id: str, role: str | None = None) -> list[FoundContainer]:
        """An app's containers, of one role or of all."""
        return [c for c in self.containers if c.app_id == app_id and role in (None, c.role)]


def look(engine: Engine, edge: Edge, folder: Path) -> Found:
    """Look at the server; changes nothing."""
    inspected = [engine.workload(listed.id) for listed in engine.workloads({"ferryman.app": ""})]
    containers = [_container(found) for found in inspected if found]
    copies = read_copies(folder)
    networks = {}
    for app_id in {c.app_id for c in containers} | {copy.app_id for copy in copies}:
        subnet = engine.subnet(network_name(app_id))
        octet = octet_of(subnet.addresses) if subnet else None
        if octet is not None:
            networks[app_id] = octet
    return Found(containers, networks, written_slots(edge.written()), copies, read_removed(folder))


def traces(engine: Engine, folder: Path) -> list[str]:
    """What says that this server carries apps, in words for a person; empty on a new server.

    Unavailable when there is no folder of an app and the engine can't be asked.
    """
    apps = folder / APPS
    folders = [place.name for place in sorted(apps.iterdir())] if apps.is_dir() else []
    if folders:
        return [f"the folder{'s' if len(folders) > 1 else ''} of {', '.join(folders)}"]
    names = sorted(container.name for container in engine.workloads({"ferryman.app": ""}))
    return [f"the container{'s' if len(names) > 1 else ''} {', '.join(names)}"] if names else []


def octet_of(address: str) -> int | None:
    """The third octet of an address in an app's subnet."""
    found = OCTET.match(address)
    return int(found[1]) if found else None


def _container(found: Inspected) -> FoundContainer:
    release, network = found.labels.get("ferryman.release", ""), network_name(found.app)
    turn = TURN.search(found.name)
    accessory = ACCESSORY_TURN.fullmatch(found.name.removeprefix(f"ferryman.{found.app}."))
    return FoundContainer(
        name=found.name,
        id=found.id,
        app_id=found.app,
        role=found.role,
        release=found.release,
        turn=int(turn[2]) if turn and turn[1] == release else int(accessory[1]) if accessory and not release else 0,
        image=found.image,
        is_running=found.is_up,
        is_lasting=found.keep is not Keep.NO,
        is_attached=network in found.addresses,
        address=found.addresses.get(network, ""),
        started_at=found.started_at,
        labels=dict(found.labels),
    )
