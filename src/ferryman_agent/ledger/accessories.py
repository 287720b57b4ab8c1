"""The ledger's accessories: what each was last made of, which is what the agent keeps running."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from ferryman_agent.errors import Refused
from ferryman_agent.ledger.rows import AccessoryRecord, accessory_from
from ferryman_agent.ledger.store import Store


class Accessories(Store):
    """The table `accessory`."""

    def accessories(self, app_id: str) -> list[AccessoryRecord]:
        """An app's accessories by name, those of a deploy that is not committed yet among them."""
        rows = self._all("SELECT * FROM accessory WHERE app = ? ORDER BY name", app_id)
        return [accessory_from(row) for row in rows]

    def add_accessory(self, record: AccessoryRecord, addresses: range) -> AccessoryRecord:
        """Record one that is about to be made, uncommitted, at the lowest free address; returns it with that."""
        with self._writing() as connection:
            rows = connection.execute("SELECT address FROM accessory WHERE app = ?", (record.app,)).fetchall()
            address = next((n for n in addresses if n not in {row["address"] for row in rows}), None)
            if address is None:
                raise Refused("too-many-accessories", f"{record.app} has {len(rows)} accessories, which is the limit")
            connection.execute(INSERT, (*_values(record)[:2], address, *_values(record)[3:]))
        return next(found for found in self.accessories(record.app) if found.name == record.name)

    def forget_candidate_accessories(self, app_id: str) -> None:
        """Forget those that no deploy committed."""
        with self._writing() as connection:
            connection.execute("DELETE FROM accessory WHERE app = ? AND NOT is_committed", (app_id,))


INSERT = "INSERT INTO accessory VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def _values(record: AccessoryRecord) -> tuple[Any, ...]:
    definition = json.dumps(record.definition, sort_keys=True)
    made_of = (record.address, definition, record.environment_version, record.release)
    return (record.app, record.name, *made_of, record.turn, record.is_committed)


def write_accessories(connection: sqlite3.Connection, app_id: str, records: list[AccessoryRecord]) -> None:
    """Part of a commit: the app has these accessories, and no other."""
    connection.execute("DELETE FROM accessory WHERE app = ?", (app_id,))
    connection.executemany(INSERT, [_values(record) for record in records])
