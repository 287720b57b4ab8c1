"""The ledger's rows as they are stored: read for the copies, and written into a ledger that is rebuilt."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ferryman_agent.ledger.notices import Notices

KNOWN_TABLES = ("app", "removed", "release", "deployment", "event", "environment", "setting", "outbox")


class Restoring(Notices):
    """What the copies need beside the methods that everybody uses."""

    def removed(self) -> list[dict[str, Any]]:
        """The apps that were removed, as they are stored: app, number of the last release, request, result."""
        found = self._all("SELECT * FROM removed ORDER BY app")
        return [{**dict(row), "result": json.loads(row["result"])} for row in found]

    def environments(self, app_id: str) -> list[dict[str, Any]]:
        """All versions with their values, oldest first, as they are stored."""
        query = "SELECT version, created_at, change, content FROM environment WHERE app = ? ORDER BY version"
        return [{**dict(row), "content": json.loads(row["content"])} for row in self._all(query, app_id)]

    def others(self, app_id: str) -> dict[str, list[dict[str, Any]]]:
        """table → an app's rows in the tables that hold neither history nor what has a method of its own here."""
        found = {}
        for (table,) in self._all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
            if table not in KNOWN_TABLES and "app" in self._columns(table):
                rows = self._all(f"SELECT * FROM {table} WHERE app = ?", app_id)  # noqa: S608 - a table of the schema
                found[table] = [dict(row) for row in rows]
        return found

    def _columns(self, table: str) -> set[str]:
        return {row["name"] for row in self._all("SELECT name FROM pragma_table_info(?)", table)}

    def restore(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Fill an empty ledger with (table, row), in one transaction; keys that are no column are left out."""
        with self._writing() as connection:
            for table, row in rows:
                known = {key: _stored(value) for key, value in row.items() if key in self._columns(table)}
                names, places = ", ".join(known), ", ".join("?" * len(known))
                connection.execute(
                    f"INSERT INTO {table} ({names}) VALUES ({places})",  # noqa: S608 - names of the schema
                    tuple(known.values()),
                )
            for (app_id,) in connection.execute("SELECT id FROM app").fetchall():
                self._follow_degraded(connection, app_id)


def _stored(value: Any) -> Any:
    """As a column holds it: objects and lists are JSON."""
    return json.dumps(value, sort_keys=True) if isinstance(value, (dict, list)) else value
