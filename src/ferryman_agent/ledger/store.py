"""The ledger's file: one connection, safe to use from several threads; each write is durable when it returns."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ferryman_agent.errors import Unavailable
from ferryman_agent.ledger.reserve import Reserve
from ferryman_agent.ledger.schema import prepare


class Store:
    """SQLite in one file. `clock` gives the wall time as RFC 3339 text; it is passed in so that tests decide it."""

    def __init__(self, path: Path, clock: Callable[[], str], reserve: Reserve | None = None) -> None:
        self._clock = clock
        self._reserve = reserve
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise Unavailable("ledger-unreadable", f"the ledger {path} can't be opened: {error}") from error
        self._connection.row_factory = sqlite3.Row
        try:
            prepare(self._connection)
        except BaseException:
            self._connection.close()
            raise
        if reserve:
            reserve.make()

    def now(self) -> str:
        """The wall time, as it is written."""
        return self._clock()

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
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself rolls back when the disk is full
                    self._connection.execute("ROLLBACK")
                raise

    def _all(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def _one(self, query: str, *values: object) -> sqlite3.Row | None:
        rows = self._all(query, *values)
        return rows[0] if rows else None
