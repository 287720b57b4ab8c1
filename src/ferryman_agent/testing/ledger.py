"""A ledger in memory: as durable as a test's process, and made in no time from another one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

from ferryman_agent.ledger import Ledger
from ferryman_agent.ledger.schema import prepare


class MemoryLedger(Ledger):
    """Empty, or with all that the ledger `origin` has."""

    def __init__(self, clock: Callable[[], str], origin: Ledger | None = None) -> None:
        self._clock = clock
        self._reserve = None
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        if origin:
            origin._connection.backup(self._connection)
        else:
            prepare(self._connection)

    def fault(self, error: Exception | None = None) -> None:
        """It has no file that could be lost."""
