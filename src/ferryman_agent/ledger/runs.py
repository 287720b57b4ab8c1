"""The ledger's runs of scheduled commands: which is under way, and what came of the last ones."""

from __future__ import annotations

import json
from typing import Any

from ferryman_agent.ledger.rows import Run, run_from
from ferryman_agent.ledger.store import Store

RUNS_KEPT = 50


class Runs(Store):
    """The table `run`. At most one run of a schedule is under way."""

    def begin_run(self, app_id: str, schedule: str, by_hand: bool) -> Run | None:
        """Record a run that is about to start with the serving release.

        None when one is under way, or the app serves nothing, is stopped or is being removed.
        """
        with self._writing() as connection:
            app = connection.execute(
                "SELECT serving FROM app WHERE id = ? AND stopped IS NULL AND removal IS NULL", (app_id,)
            ).fetchone()
            found = connection.execute(
                "SELECT MAX(number) AS last, MAX(state = 'running') AS is_busy FROM run WHERE app = ? AND schedule = ?",
                (app_id, schedule),
            ).fetchone()
            if app is None or app["serving"] is None or found["is_busy"]:
                return None
            number = (found["last"] or 0) + 1
            connection.execute(
                "INSERT INTO run (app, schedule, number, release, by_hand, state, started_at)"
                " VALUES (?, ?, ?, ?, ?, 'running', ?)",
                (app_id, schedule, number, app["serving"], by_hand, self._clock()),
            )
        return self.run(app_id, schedule, number)

    def run(self, app_id: str, schedule: str, number: int) -> Run | None:
        """One run, or None."""
        query = "SELECT * FROM run WHERE app = ? AND schedule = ? AND number = ?"
        row = self._one(query, app_id, schedule, number)
        return run_from(row) if row else None

    def runs(self, app_id: str, schedule: str) -> list[Run]:
        """The runs of a schedule that are kept, newest first."""
        query = "SELECT * FROM run WHERE app = ? AND schedule = ? ORDER BY number DESC"
        return [run_from(row) for row in self._all(query, app_id, schedule)]

    def unfinished_runs(self) -> list[Run]:
        """Those under way, of all apps."""
        return [run_from(row) for row in self._all("SELECT * FROM run WHERE state = 'running'")]

    def skip_run(self, app_id: str, schedule: str) -> None:
        """Count a time that came while the run before was still under way."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE run SET skipped = skipped + 1 WHERE app = ? AND schedule = ? AND state = 'running'",
                (app_id, schedule),
            )

    def finish_run(self, run: Run, report: dict[str, Any] | None) -> None:
        """Record what came of a run, once, with its report; forget runs beyond the newest that are kept."""
        key = (run.app, run.schedule)
        with self._writing() as connection:
            done = connection.execute(
                "UPDATE run SET state = ?, seconds = ?, exit_code = ?, log = ?"
                " WHERE app = ? AND schedule = ? AND number = ? AND state = 'running'",
                (run.state, run.seconds, run.exit_code, json.dumps(run.log), *key, run.number),
            )
            if report is not None and done.rowcount:
                self._add_report(connection, report)
            connection.execute(
                "DELETE FROM run WHERE app = ? AND schedule = ? AND number <= ?", (*key, run.number - RUNS_KEPT)
            )
