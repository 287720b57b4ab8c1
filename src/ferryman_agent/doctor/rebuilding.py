"""Pure: from what was found on a server to the rows of its ledger, with a word for what can't be known."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any

from ferryman_agent.containers import LANE_ADDRESS, NETWORK_PREFIX, SUBNETS, variables
from ferryman_agent.doctor.findings import Found, FoundContainer, octet_of
from ferryman_agent.edge import stopped
from ferryman_agent.edge.closed import MAINTENANCE, Closed
from ferryman_agent.edge.reading import WrittenSlot
from ferryman_agent.errors import BadRequest
from ferryman_agent.ledger import App, Release
from ferryman_agent.ledger.copies import Copy
from ferryman_agent.ledger.ledger import SLOTS
from ferryman_agent.manifest import parse_manifest

LOST = (
    "the history: deployments, their events and outcomes",
    "the answers to requests that are repeated",
    "reports that wait for Harbour, and its address and token: `ferryman server reports`",
)
SECRET = ("SECRET_KEY", "DATABASE_URL")  # the agent's own, made of secrets.json, as are those of the manifest's names


@dataclass
class Rebuilt:
    """The rows. `unknown` is what they lack; with `impossible` they must not be used: what serves would stop."""

    apps: list[App] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    environments: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    served_before: dict[str, int | None] = field(default_factory=dict)
    others: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    removed: list[dict[str, Any]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    impossible: list[str] = field(default_factory=list)


def rebuild(found: Found, now: str) -> Rebuilt:
    """What the ledger must have said, app by app.

    1. Subnet: the network's, else its containers', else the copy's, else a free one; the slot is the edge's for it.
    2. What serves: the container at the address that the edge sends requests to; without an edge, what is lasting.
    3. Releases, variables, and what only the ledger knew: from the copies in the app's folder.
    """
    rebuilt = Rebuilt(removed=found.removed)
    copies = {copy.app_id: copy for copy in found.copies}
    places = _places(found, copies)
    for app_id in found.app_ids:
        _App(found, copies.get(app_id, Copy(app_id)), places[app_id], now).into(rebuilt)
    return rebuilt


def _places(found: Found, copies: dict[str, Copy]) -> dict[str, tuple[int, int]]:
    """app → (slot, subnet); what is seen comes first, then what was copied, then what is free."""
    subnets: dict[str, int] = {}
    for app_id in found.app_ids:
        seen = [octet_of(container.address) for container in found.of(app_id)]
        known = [found.networks.get(app_id), *seen, copies.get(app_id, Copy(app_id)).app.get("subnet")]
        _take(subnets, app_id, [octet for octet in known if octet])
    slots: dict[str, int] = {}
    for app_id in found.app_ids:
        written = _slot_of(found, subnets.get(app_id))
        copied = copies.get(app_id, Copy(app_id)).app.get("slot")
        _take(slots, app_id, [number for number in (written and written.slot, copied) if number])
    for app_id in found.app_ids:
        if app_id not in subnets:
            _take(subnets, app_id, list(SUBNETS))
        if app_id not in slots:
            _take(slots, app_id, list(range(1, SLOTS + 1)))
    return {app_id: (slots.get(app_id, 0), subnets.get(app_id, 0)) for app_id in found.app_ids}


def _take(taken: dict[str, int], app_id: str, wanted: list[int]) -> None:
    free = [number for number in wanted if number not in taken.values()]
    if free:
        taken[app_id] = free[0]


def _slot_of(found: Found, subnet: int | None) -> WrittenSlot | None:
    if subnet is None:
        return None
    return next((slot for slot in found.slots if subnet in map(octet_of, slot.addresses.values())), None)


class _App:
    """One app: what was found of it, and the rows that follow."""

    def __init__(self, found: Found, copy: Copy, place: tuple[int, int], now: str) -> None:
        self.id, self.copy, self.now = copy.app_id, copy, now
        self.slot, self.subnet = place
        self.containers = found.of(self.id)
        self.written = _slot_of(found, self.subnet)
        self.serving, self.lane, self.web = self._serving()

    # -- what serves

    def _serving(self) -> tuple[int | None, str | None, FoundContainer | None]:
        copied: tuple[int | None, str | None] = (self.copy.app.get("serving"), self.copy.app.get("lane"))
        webs = [c for c in self.containers if c.role == "web" and c.release is not None]
        lane = self.written.lane if self.written else None
        if lane is not None:
            there = [c for c in webs if self._lane_of(c) == lane]
            web = max(there, key=lambda c: (c.is_running, c.is_lasting, c.release or 0), default=None)
            if web:
                return web.release, lane, web
            return (copied[0], lane, None) if copied[1] == lane else (*copied, None)
        web = max(
            (c for c in webs if c.is_lasting),
            key=lambda c: (c.is_running, c.release == copied[0], c.release or 0, c.turn),
            default=None,
        )
        return (web.release, self._lane_of(web), web) if web else (*copied, None)

    def _lane_of(self, container: FoundContainer) -> str | None:
        lanes = {f"{NETWORK_PREFIX}.{self.subnet}.{last}": lane for lane, last in LANE_ADDRESS.items()}
        return lanes.get(container.address)

    @property
    def _is_as_copied(self) -> bool:
        return (self.serving, self.lane) == (self.copy.app.get("serving"), self.copy.app.get("lane"))

    # -- the rows

    def into(self, rebuilt: Rebuilt) -> None:
        """Add this app's rows."""
        releases = self._releases(rebuilt)
        rebuilt.unknown += [f"{path} can't be read, and is left out" for path in self.copy.unread]
        if not self.slot or not self.subnet:
            rebuilt.impossible.append(f"{self.id}: there is no slot or subnet left for it")
        serving = releases.get(self.serving) if self.serving else None
        if self.serving is None and any(c.role == "web" and c.is_lasting for c in self.containers):
            rebuilt.impossible.append(f"{self.id}: which release serves is not known")
        if self.serving is not None and (serving is None or not serving.manifest):
            place = f"apps/{self.id}/releases/{self.serving}/manifest.json"
            rebuilt.impossible.append(f"{self.id}: release {self.serving} serves, and {place} is not there or broken")
        rebuilt.apps.append(self._app())
        rebuilt.releases += [releases[number] for number in sorted(releases)]
        rebuilt.environments[self.id] = self._environments(list(releases.values()), rebuilt)
        rebuilt.served_before[self.id] = self.copy.served_before if self._is_as_copied else None
        for table, rows in {"accessory": [], **self.copy.others}.items():
            found = accessories(self.id, self.containers, rows) if table == "accessory" else rows
            rebuilt.others.setdefault(table, []).extend(found)

    def _app(self) -> App:
        name, _, environment = self.id.partition(".")
        copied = {key: value for key, value in self.copy.app.items() if key in {part.name for part in fields(App)}}
        since = (self.web and self.web.started_at) or self.now
        default: dict[str, Any] = {"degraded": "", "since": since if self.serving else None, "sequence": None}
        found = {**default, **copied}
        if not self._is_as_copied:
            found |= {"since": since, "degraded": ""}
        found |= {"id": self.id, "name": name, "environment": environment, "slot": self.slot, "subnet": self.subnet}
        found |= {"serving": self.serving, "lane": self.lane, "turns": self._turns()}
        return App(**{**found, "stopped": self._stopped(), "maintenance": self._maintenance()})

    def _turns(self) -> dict[str, int]:
        turns = dict(self.copy.app.get("turns") or {}) if self.serving == self.copy.app.get("serving") else {}
        for container in self.containers:
            is_other_web = container.role == "web" and container is not self.web
            is_of_role = not is_other_web and not container.is_run
            if self.serving is not None and container.release == self.serving and is_of_role:
                turns[container.role] = container.turn
        return {role: turn for role, turn in turns.items() if turn}

    def _stopped(self) -> dict[str, Any] | None:
        copied: dict[str, Any] | None = self.copy.app.get("stopped")
        if self.written is None:
            return copied if not any(c.is_running and c.role == "web" for c in self.containers) else None
        if self.written.closed != stopped():
            return None
        has_database = any(c.role == "postgres" and c.is_running for c in self.containers)
        return copied or {"database": not has_database, "since": self.now}

    def _maintenance(self) -> dict[str, Any] | None:
        copied: dict[str, Any] | None = self.copy.app.get("maintenance")
        closed = self.written.closed if self.written else None
        if self.written is None or closed == stopped():
            return copied
        if closed is None:
            return None
        return copied if copied and _says(copied, closed) else {**_maintenance_of(closed), "since": self.now}

    def _releases(self, rebuilt: Rebuilt) -> dict[int, Release]:
        gone = {int(row["number"]): row for row in self.copy.gone}
        found = {}
        for number, row in {**gone, **self.copy.releases}.items():
            is_serving = number == self.serving
            known = row if is_serving or number not in gone else gone[number]
            if is_serving:
                known = {**known, "state": "healthy"}
            elif known.get("state") == "candidate":
                known = {**known, "state": "failed"}
            release = _release(self.id, number, known)
            if release is None:
                rebuilt.unknown.append(f"{self.id}: the folder of release {number} does not say enough; it is left out")
            else:
                found[number] = release
        return found

    def _environments(self, releases: list[Release], rebuilt: Rebuilt) -> list[dict[str, Any]]:
        """The stored versions; one that was not copied is taken from the variables of a release that has it."""
        rows = dict(self.copy.environments)
        for release in releases:
            version = release.environment_version
            if release.state == "healthy" and version and version not in rows:
                values = self._values(release)
                if values is None:
                    problem = f"{self.id}: the variables of release {release.number} (version {version}) are not known"
                    (rebuilt.impossible if release.number == self.serving else rebuilt.unknown).append(problem)
                else:
                    change = f"taken from release {release.number}"
                    rows[version] = {"version": version, "created_at": self.now, "change": change, "content": values}
        return [rows[version] for version in sorted(rows)]

    def _values(self, release: Release) -> dict[str, str] | None:
        lines = self.copy.variables.get(release.number)
        if lines is None:
            return None
        manifest = parse_manifest(release.manifest)
        own = variables(self._app(), manifest, release, {}, {})
        secret = {*SECRET, manifest.secret_key, *(manifest.database.variables if manifest.database else ())}
        pairs = [line.partition("=") for line in lines if line not in own]
        return {name: value for name, _, value in pairs if name not in secret}


def accessories(app_id: str, containers: list[FoundContainer], copied: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The app's accessories: as their containers' labels have them, as copied where there is no container."""
    rows = {row["name"]: row for row in copied}
    for container in (container for container in containers if container.is_accessory):
        try:
            seen = {
                "app": app_id,
                "name": container.labels["ferryman.accessory"],
                "address": int(container.address.rpartition(".")[2]),
                "definition": json.dumps(json.loads(container.labels["ferryman.definition"]), sort_keys=True),
                "environment_version": int(container.labels["ferryman.environment"]),
                "release": int(container.labels["ferryman.defined-by"]),
                "turn": container.turn,
            }
        except (LookupError, ValueError):  # off its network, or made by another agent: the copy may know it
            continue
        known = rows.get(seen["name"], {"is_committed": 1})
        rows[seen["name"]] = {**known, **seen}
    return [rows[name] for name in sorted(rows)]


def _release(app_id: str, number: int, row: dict[str, Any]) -> Release | None:
    """A row of the ledger; None when something is missing in it. An older agent's copy does not tell the state."""
    known = {key: value for key, value in row.items() if key in {part.name for part in fields(Release)}}
    try:
        release = Release(**{"state": "failed", "created_at": "", **known, "app": app_id, "number": number})
        if release.state == "healthy":
            parse_manifest(release.manifest)
    except (TypeError, BadRequest):
        return None
    return release


def _maintenance_of(closed: Closed) -> dict[str, Any]:
    message = "" if closed.message == MAINTENANCE else closed.message
    return {"message": message, "retry_after": closed.retry_after}


def _says(copied: dict[str, Any], closed: Closed) -> bool:
    return {key: copied.get(key) for key in ("message", "retry_after")} == _maintenance_of(closed)
