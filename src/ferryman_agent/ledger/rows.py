"""What the ledger holds, as typed rows."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from ferryman_agent.ledger.states import UNDER_WAY, Kind, Maintenance, Outcome, ReleaseState, Removal, RunState, Stopped


@dataclass(frozen=True)
class App:
    """An app in one environment on this server; `serving` is the number of its committed release.

    `turns`: role → how often its container of the serving release was restarted. `maintenance`, `stopped` and
    `removal` are None where the app is not so.
    """

    id: str
    name: str
    environment: str
    slot: int
    subnet: int
    serving: int | None
    lane: str | None
    degraded: str
    since: str | None
    sequence: int | None
    turns: dict[str, int] = field(default_factory=dict)
    maintenance: Maintenance | None = None
    stopped: Stopped | None = None
    removal: Removal | None = None

    @property
    def next_lane(self) -> str:
        """The lane a candidate starts in: the one that does not serve."""
        return "b" if self.lane == "a" else "a"


@dataclass(frozen=True)
class Release:
    """Image digest + configuration + environment version, numbered per app."""

    app: str
    number: int
    image: str
    digest: str
    revision: str
    manifest: dict[str, Any]
    environment_version: int
    migrations: list[str] | None
    state: ReleaseState
    created_at: str

    @property
    def reference(self) -> str:
        """The image by digest, as the engine pulls it."""
        return f"{self.image}@{self.digest}"

    def has_same_content(self, other: Release) -> bool:
        """True when deploying the other would change nothing: same image, configuration and environment version."""
        mine = (self.digest, self.manifest, self.environment_version)
        return mine == (other.digest, other.manifest, other.environment_version)

    def summary(self) -> dict[str, Any]:
        """The part that is shown and reported: no configuration, no values."""
        return {
            "number": self.number,
            "revision": self.revision,
            "image": self.image,
            "digest": self.digest,
            "environment_version": self.environment_version,
        }


@dataclass(frozen=True)
class Deployment:
    """One run of the transaction. `downtime` is for how many seconds the app did not answer because of it."""

    id: str
    request: str
    app: str
    kind: Kind
    release: int | None
    previous: int | None
    sequence: int | None
    state: Outcome
    started_at: str
    seconds: float | None
    error: dict[str, Any] | None
    downtime: float | None = None

    @property
    def is_over(self) -> bool:
        """True once the outcome is recorded."""
        return self.state not in UNDER_WAY


@dataclass(frozen=True)
class AccessoryRecord:
    """An accessory as it was last made: `definition` is the manifest's, of `release`, with that environment version.

    `address` is the last number of its address in the app's network, `turn` is how often it was replaced.
    """

    app: str
    name: str
    address: int
    definition: dict[str, Any]
    environment_version: int
    release: int
    turn: int = 0
    is_committed: bool = False


@dataclass(frozen=True)
class Run:
    """One run of a scheduled command; `number` counts the runs of its schedule, `log` is the end of a failed one's log.

    `skipped`: how many times came meanwhile.
    """

    app: str
    schedule: str
    number: int
    release: int
    by_hand: bool
    state: RunState
    started_at: str
    seconds: float | None
    exit_code: int | None
    skipped: int
    log: list[str]

    def summary(self) -> dict[str, Any]:
        """As it is shown."""
        keys = ("number", "release", "by_hand", "state", "started_at", "seconds", "exit_code", "skipped", "log")
        return {key: getattr(self, key) for key in keys}


def accessory_from(row: sqlite3.Row) -> AccessoryRecord:
    """An AccessoryRecord from its row."""
    values = dict(row)
    return AccessoryRecord(
        **{**values, "definition": json.loads(values["definition"]), "is_committed": bool(values["is_committed"])}
    )


def run_from(row: sqlite3.Row) -> Run:
    """A Run from its row."""
    values = dict(row)
    found = {"by_hand": bool(values["by_hand"]), "log": json.loads(values["log"]), "state": RunState(values["state"])}
    return Run(**{**values, **found})


def app_from(row: sqlite3.Row) -> App:
    """An App from its row; the JSON columns parsed."""
    values = dict(row)
    values["turns"] = json.loads(values["turns"])
    for key, kind in (("maintenance", Maintenance), ("stopped", Stopped)):
        values[key] = None if values[key] is None else kind(**json.loads(values[key]))
    removal = None if values["removal"] is None else json.loads(values["removal"])
    values["removal"] = removal and Removal(removal["with_data"], removal.get("goes", {}))
    return App(**values)


def release_from(row: sqlite3.Row) -> Release:
    """A Release from its row; the JSON columns parsed."""
    values = dict(row)
    values["manifest"] = json.loads(values["manifest"])
    values["migrations"] = None if values["migrations"] is None else json.loads(values["migrations"])
    values["state"] = ReleaseState(values["state"])
    return Release(**values)


def deployment_from(row: sqlite3.Row) -> Deployment:
    """A Deployment from its row."""
    values = dict(row)
    values["error"] = json.loads(values["error"]) if values["error"] else None
    values["kind"], values["state"] = Kind(values["kind"]), Outcome(values["state"])
    return Deployment(**values)
