"""Reads and writes the ledger; every method is one SQLite transaction, durable when it returns."""

from __future__ import annotations

import json
import sqlite3
import uuid
from dataclasses import asdict
from typing import Any

from ferryman_agent.errors import Refused
from ferryman_agent.ledger.accessories import Accessories, write_accessories
from ferryman_agent.ledger.restoring import Restoring
from ferryman_agent.ledger.rows import (
    AccessoryRecord,
    App,
    Deployment,
    Release,
    app_from,
    deployment_from,
    release_from,
)
from ferryman_agent.ledger.runs import Runs
from ferryman_agent.ledger.states import Kind, Maintenance, Outcome, ReleaseState, Removal, Stopped

SLOTS = 16
DEPLOYMENTS_KEPT = 500


def _full(taken: list[sqlite3.Row]) -> Refused:
    """Why there is no place for another app, and which one could go."""
    idle = [f"{row['id']} (it serves nothing)" for row in taken if row["serving"] is None]
    return Refused(
        "server-full",
        f"this server already carries {len(taken)} apps; the limit is {SLOTS}",
        state="nothing was changed",
        hint=f"make room: ferryman remove {(idle or ['APP.ENVIRONMENT'])[0]}",
    )


def _stored(found: Any) -> Any:
    """As a column holds it: what is no plain value is a JSON object."""
    if isinstance(found, (Maintenance, Stopped, Removal)):
        found = asdict(found)
    return json.dumps(found) if isinstance(found, dict) else found


class Ledger(Accessories, Runs, Restoring):
    """The ledger in one file. Safe to use from several threads."""

    # -- apps

    def apps(self) -> list[App]:
        """All apps, by id."""
        return [app_from(row) for row in self._all("SELECT * FROM app ORDER BY id")]

    def app(self, app_id: str) -> App | None:
        """One app, or None when this server does not know it."""
        row = self._one("SELECT * FROM app WHERE id = ?", app_id)
        return app_from(row) if row else None

    def add_app(self, name: str, environment: str, subnets: range) -> App:
        """The app, made when it is new: the lowest free slot and subnet are its own from then on."""
        app_id = f"{name}.{environment}"
        with self._writing() as connection:
            if not connection.execute("SELECT 1 FROM app WHERE id = ?", (app_id,)).fetchone():
                taken = connection.execute("SELECT id, slot, subnet, serving FROM app").fetchall()
                slot = next((n for n in range(1, SLOTS + 1) if n not in {row["slot"] for row in taken}), None)
                subnet = next((n for n in subnets if n not in {row["subnet"] for row in taken}), None)
                if slot is None or subnet is None:
                    raise _full(taken)
                connection.execute(
                    "INSERT INTO app (id, name, environment, slot, subnet) VALUES (?, ?, ?, ?, ?)",
                    (app_id, name, environment, slot, subnet),
                )
        app = self.app(app_id)
        assert app is not None  # noqa: S101 - written above, in this process
        return app

    def commit_change(
        self, deployment: Deployment, change: dict[str, Any], accessories: list[AccessoryRecord] | None = None
    ) -> None:
        """The commit of what changes an app and not its release: column → content, in one SQLite transaction.

        With `accessories` these are all that the app has from then on.
        """
        encoded = {key: _stored(found) for key, found in change.items()}
        columns = ", ".join(f"{key} = ?" for key in encoded)
        with self._writing() as connection:
            connection.execute(
                f"UPDATE app SET {columns} WHERE id = ?",  # noqa: S608 - names of columns, from the agent itself
                (*encoded.values(), deployment.app),
            )
            if accessories is not None:
                write_accessories(connection, deployment.app, accessories)
            connection.execute(
                "UPDATE deployment SET state = 'committed', release = previous WHERE id = ?", (deployment.id,)
            )
            self._follow_degraded(connection, deployment.app)

    def remove_app(self, deployment: Deployment, result: dict[str, Any], report: dict[str, Any]) -> None:
        """Forget an app: its slot and subnet are free. `result` is what its removal is answered with from then on."""
        app = deployment.app
        number = self.next_number(app) - 1
        with self._writing() as connection:
            self._clear_all(connection, app)
            connection.execute(
                "DELETE FROM event WHERE deployment IN (SELECT id FROM deployment WHERE app = ?)", (app,)
            )
            for table in ("deployment", "release", "environment", "accessory", "run"):
                connection.execute(f"DELETE FROM {table} WHERE app = ?", (app,))  # noqa: S608 - constant
            connection.execute("DELETE FROM app WHERE id = ?", (app,))
            connection.execute(
                "INSERT OR REPLACE INTO removed VALUES (?, ?, ?, ?)",
                (app, number, deployment.request, json.dumps({"deployment": deployment.id, **result})),
            )
            self._add_report(connection, report)

    def removal_result(self, identifier: str) -> dict[str, Any] | None:
        """What came of a removal, by the id of its request or of its deployment; of an app's last one by its id."""
        for row in self._all("SELECT app, request, result FROM removed"):
            result: dict[str, Any] = json.loads(row["result"])
            if identifier in (row["app"], row["request"], result["deployment"]):
                return result
        return None

    # -- releases

    def next_number(self, app_id: str) -> int:
        """The number that the next release gets, also after the app was removed."""
        (row,) = self._all(
            "SELECT MAX(COALESCE((SELECT MAX(number) FROM release WHERE app = ?), 0),"
            " COALESCE((SELECT number FROM removed WHERE app = ?), 0)) + 1 AS number",
            app_id,
            app_id,
        )
        return int(row["number"])

    def releases(self, app_id: str) -> list[Release]:
        """All releases of an app, newest first."""
        return [release_from(r) for r in self._all("SELECT * FROM release WHERE app = ? ORDER BY number DESC", app_id)]

    def release(self, app_id: str, number: int) -> Release | None:
        """One release, or None."""
        row = self._one("SELECT * FROM release WHERE app = ? AND number = ?", app_id, number)
        return release_from(row) if row else None

    def add_release(self, deployment: str, release: Release) -> Release:
        """Record a candidate of `deployment` under the next free number; returns it with that number."""
        with self._writing() as connection:
            number = self.next_number(release.app)
            connection.execute(
                "INSERT INTO release VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'candidate', ?)",
                (
                    release.app,
                    number,
                    release.image,
                    release.digest,
                    release.revision,
                    json.dumps(release.manifest, sort_keys=True),
                    release.environment_version,
                    None if release.migrations is None else json.dumps(release.migrations),
                    self._clock(),
                ),
            )
            connection.execute("UPDATE deployment SET release = ? WHERE id = ?", (number, deployment))
        added = self.release(release.app, number)
        assert added is not None  # noqa: S101 - written above, in this process
        return added

    def mark_releases(self, app_id: str, numbers: list[int], state: ReleaseState) -> None:
        """Set the state of some releases."""
        with self._writing() as connection:
            connection.executemany(
                "UPDATE release SET state = ? WHERE app = ? AND number = ?",
                [(state, app_id, number) for number in numbers],
            )

    def commit(self, deployment: Deployment, number: int, lane: str) -> None:
        """The commit: from here on `number`, in `lane`, is what serves. One SQLite transaction."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE app SET serving = ?, lane = ?, since = ?, degraded = '', turns = '{}', stopped = NULL,"
                " sequence = MAX(COALESCE(sequence, 0), COALESCE(?, sequence, 0)) WHERE id = ?",
                (number, lane, self._clock(), deployment.sequence, deployment.app),
            )
            connection.execute(
                "UPDATE release SET state = 'healthy' WHERE app = ? AND number = ?", (deployment.app, number)
            )
            connection.execute("UPDATE accessory SET is_committed = 1 WHERE app = ?", (deployment.app,))
            connection.execute("UPDATE deployment SET state = 'committed' WHERE id = ?", (deployment.id,))
            self._follow_degraded(connection, deployment.app)

    def set_degraded(self, app_id: str, why: str) -> None:
        """Record why an app is not as it should be ('' when it is); a notice tells it while it is so."""
        with self._writing() as connection:
            connection.execute("UPDATE app SET degraded = ? WHERE id = ?", (why, app_id))
            self._follow_degraded(connection, app_id)

    # -- deployments

    def begin(self, app: App, request: str, kind: Kind, sequence: int | None) -> Deployment:
        """Record a new deployment as running. The reserve is held back for it again, if it had to be given."""
        identifier = str(uuid.uuid4())
        if self._reserve:
            self._reserve.make()
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO deployment (id, request, app, kind, previous, sequence, state, started_at)"
                " VALUES (?, ?, ?, ?, ?, ?, 'running', ?)",
                (identifier, request, app.id, kind, app.serving, sequence, self._clock()),
            )
        deployment = self.deployment(identifier)
        assert deployment is not None  # noqa: S101 - written above, in this process
        return deployment

    def add_ended(self, asked: dict[str, Any], app: str, state: Outcome, error: dict[str, Any]) -> Deployment:
        """Record a request that ended without its turn, so that repeating it tells the same; not reported."""
        identifier = str(uuid.uuid4())
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO deployment (id, request, app, kind, sequence, state, started_at, seconds, error)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
                (
                    identifier,
                    *(asked["request"], app, asked["kind"], asked["sequence"]),
                    *(state, asked["since"], json.dumps(error)),
                ),
            )
        deployment = self.deployment(identifier)
        assert deployment is not None  # noqa: S101 - written above, in this process
        return deployment

    def target(self, deployment: str, number: int) -> None:
        """Record which retained release a rollback goes to."""
        with self._writing() as connection:
            connection.execute("UPDATE deployment SET release = ? WHERE id = ?", (number, deployment))

    def set_downtime(self, deployment: str, seconds: float) -> None:
        """Record for how long the app did not answer because of a deployment."""
        with self._writing() as connection:
            connection.execute("UPDATE deployment SET downtime = ? WHERE id = ?", (seconds, deployment))

    def deployment(self, identifier: str) -> Deployment | None:
        """A deployment by its id, or by the id of the request that began it."""
        row = self._one("SELECT * FROM deployment WHERE id = ? OR request = ?", identifier, identifier)
        return deployment_from(row) if row else None

    def deployments(self, app_id: str | None = None, limit: int = 50) -> list[Deployment]:
        """The newest deployments, newest first."""
        where = "" if app_id is None else "WHERE app = ?"
        values = (limit,) if app_id is None else (app_id, limit)
        query = (
            f"SELECT * FROM deployment {where} ORDER BY started_at DESC, rowid DESC LIMIT ?"  # noqa: S608 - constant
        )
        return [deployment_from(row) for row in self._all(query, *values)]

    def served_before(self, app_id: str) -> int | None:
        """The number of the release that served until the serving one took over; None before the second."""
        row = self._one(
            "SELECT d.previous FROM deployment d JOIN app ON app.id = d.app"
            " WHERE app.id = ? AND d.release = app.serving"
            " AND d.previous != d.release AND d.state IN ('committed', 'succeeded')"
            " ORDER BY d.started_at DESC, d.rowid DESC LIMIT 1",
            app_id,
        )
        return None if row is None else int(row["previous"])

    def unfinished(self) -> list[Deployment]:
        """Deployments whose process died before it recorded an outcome, oldest first."""
        query = "SELECT * FROM deployment WHERE state IN ('running', 'committed') ORDER BY started_at, rowid"
        return [deployment_from(row) for row in self._all(query)]

    def finish(self, deployment: Deployment, state: Outcome, seconds: float, error: dict[str, Any] | None) -> None:
        """Record the outcome, and forget deployments beyond the newest that are kept."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE deployment SET state = ?, seconds = ?, error = ? WHERE id = ?",
                (state, seconds, json.dumps(error) if error else None, deployment.id),
            )
            if state != "succeeded":
                connection.execute(
                    "UPDATE release SET state = 'failed' WHERE app = ? AND state = 'candidate'", (deployment.app,)
                )
            old = "SELECT id FROM deployment WHERE app = ? ORDER BY started_at DESC, rowid DESC LIMIT -1 OFFSET ?"
            kept = (deployment.app, DEPLOYMENTS_KEPT)
            connection.execute(f"DELETE FROM event WHERE deployment IN ({old})", kept)  # noqa: S608 - constant
            connection.execute(f"DELETE FROM deployment WHERE id IN ({old})", kept)  # noqa: S608 - constant

    def add_event(self, deployment: Deployment, body: dict[str, Any], report: dict[str, Any] | None) -> dict[str, Any]:
        """Append an event, and its report to the outbox, in one write; returns it with sequence and time."""
        at = self._clock()
        with self._writing() as connection:
            (sequence,) = connection.execute(
                "SELECT COALESCE(MAX(sequence), 0) + 1 FROM event WHERE deployment = ?", (deployment.id,)
            ).fetchone()
            event = {"sequence": sequence, "at": at, **body}
            connection.execute(
                "INSERT INTO event VALUES (?, ?, ?, ?)", (deployment.id, sequence, at, json.dumps(event))
            )
            if report is not None:
                self._add_report(connection, report, at)
        return event

    def events(self, deployment: str, after: int = 0) -> list[dict[str, Any]]:
        """The events of a deployment with a sequence number above `after`, in order."""
        rows = self._all(
            "SELECT body FROM event WHERE deployment = ? AND sequence > ? ORDER BY sequence", deployment, after
        )
        return [json.loads(row["body"]) for row in rows]

    # -- environment versions

    def environment(self, app_id: str, version: int | None = None) -> tuple[int, dict[str, str]]:
        """(version, values) of an app; the newest when no version is named; (0, {}) before the first."""
        row = self._one(
            "SELECT version, content FROM environment WHERE app = ? AND version <= ? ORDER BY version DESC LIMIT 1",
            app_id,
            2**62 if version is None else version,
        )
        return (row["version"], json.loads(row["content"])) if row else (0, {})

    def add_environment(self, app_id: str, values: dict[str, str], change: str, base: int | None = None) -> int:
        """Store a new version; returns its number. Refused when `base` is given and not the newest any more."""
        with self._writing() as connection:
            (version,) = connection.execute(
                "SELECT COALESCE(MAX(version), 0) + 1 FROM environment WHERE app = ?", (app_id,)
            ).fetchone()
            if base is not None and version != base + 1:
                message = f"another call made environment version {version - 1} in between"
                raise Refused("environment-changed", message, state="nothing was changed", hint="ask again")
            connection.execute(
                "INSERT INTO environment VALUES (?, ?, ?, ?, ?)",
                (app_id, version, self._clock(), change, json.dumps(values, sort_keys=True)),
            )
        return int(version)

    def environment_history(self, app_id: str) -> list[dict[str, Any]]:
        """All versions, newest first, without values."""
        query = "SELECT version, created_at, change FROM environment WHERE app = ? ORDER BY version DESC"
        return [dict(row) for row in self._all(query, app_id)]

    # -- settings and outbox

    def setting(self, name: str) -> Any:
        """A setting of the server, or None."""
        row = self._one("SELECT content FROM setting WHERE name = ?", name)
        return json.loads(row["content"]) if row else None

    def set_setting(self, name: str, content: Any) -> None:
        """Store a setting of the server."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(content)))

    def outbox(self, limit: int) -> list[dict[str, Any]]:
        """The oldest reports that Harbour has not taken yet, each with its sequence number."""
        rows = self._all("SELECT sequence, body FROM outbox ORDER BY sequence LIMIT ?", limit)
        return [{"sequence": row["sequence"], **json.loads(row["body"])} for row in rows]

    def outbox_size(self) -> int:
        """How many reports wait."""
        (row,) = self._all("SELECT COUNT(*) AS n FROM outbox")
        return int(row["n"])

    def outbox_taken(self, last_sequence: int) -> None:
        """Forget the reports up to and with `last_sequence`."""
        with self._writing() as connection:
            connection.execute("DELETE FROM outbox WHERE sequence <= ?", (last_sequence,))
