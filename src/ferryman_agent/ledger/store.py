"""The ledger's file: one connection, safe to use from several threads; each write is durable when it returns."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ferryman_agent.errors import Unavailable
from ferryman_agent.ledger.faults import Place, fault_of, of_the_disk
from ferryman_agent.ledger.reserve import Reserve
from ferryman_agent.ledger.schema import prepare

OUTBOX_LIMIT_ROWS = 10_000


class Store:
    """SQLite in one file. `clock` gives the wall time as RFC 3339 text; it is passed in so that tests decide it.

    `report_added` is called after a write that leaves something in the outbox.
    """

    report_added: Callable[[], None] | None = None
    _is_reporting = False

    def __init__(self, path: Path, clock: Callable[[], str], reserve: Reserve | None = None) -> None:
        self._clock = clock
        self._reserve = reserve
        self._lock = threading.RLock()
        self._path = path
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise fault_of(path, error) from error
        self._connection.row_factory = sqlite3.Row
        try:
            if reserve:
                reserve.give()
            prepare(self._connection)
            self._place = Place(path)
            if reserve:
                reserve.make()
        except (sqlite3.Error, OSError) as error:
            self._connection.close()
            raise fault_of(path, error) from error
        except BaseException:
            self._connection.close()
            raise

    def now(self) -> str:
        """The wall time, as it is written."""
        return self._clock()

    @property
    def changes(self) -> int:
        """Grows with every change that this object makes."""
        return self._connection.total_changes

    def fault(self, error: Exception | None = None) -> Unavailable | None:
        """Why the ledger can't be used any more: what became of its file, or what is behind an error; None: neither."""
        found = self._place.fault() or (of_the_disk(self._path, error) if error else None)
        if found is None and type(error) is sqlite3.DatabaseError:  # its subclasses are locks, disks and our own faults
            return fault_of(self._path, error)
        return found

    def write_again(self) -> bool:
        """Write all that is open here to the file's place, from which it was removed; False when a file is there."""
        if self._path.exists():
            return False
        partial = self._path.with_name(f".{self._path.name}.new")
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        with self._lock, closing(sqlite3.connect(partial)) as copy:
            self._connection.backup(copy)
        for left in ("-wal", "-shm"):  # of the file that is gone
            self._path.with_name(self._path.name + left).unlink(missing_ok=True)
        partial.replace(self._path)
        return True

    def close(self) -> None:
        """Close the file; the object can't be used afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._reserve:
                self._reserve.give()
            self._connection.execute("BEGIN IMMEDIATE")
            self._is_reporting = False
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself rolls back when the disk is full
                    self._connection.execute("ROLLBACK")
                raise
            is_reporting = self._is_reporting
        if is_reporting and self.report_added:
            self.report_added()

    def _add_report(self, connection: sqlite3.Connection, report: dict[str, Any], at: str | None = None) -> None:
        """Part of a write: into the outbox, which forgets its oldest reports beyond its limit."""
        body = json.dumps({"at": at or self._clock(), **report})
        connection.execute("INSERT INTO outbox (body) VALUES (?)", (body,))
        connection.execute(
            "DELETE FROM outbox WHERE sequence <= (SELECT MAX(sequence) FROM outbox) - ?", (OUTBOX_LIMIT_ROWS,)
        )
        self._is_reporting = True

    def _all(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def _one(self, query: str, *values: object) -> sqlite3.Row | None:
        rows = self._all(query, *values)
        return rows[0] if rows else None
