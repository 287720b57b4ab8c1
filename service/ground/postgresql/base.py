"""The backend that Django loads: its own for PostgreSQL, and how a pooled connection is got."""

import threading
import time
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool
from typing_extensions import override

from ground.postgresql.gate import Gate
from ground.telemetry import metrics

GATE = Gate()


class DatabaseWrapper(base.DatabaseWrapper):
    """Without `pool` in OPTIONS it is Django's.

    With it, a connection is tried before it is handed out, and while the database is lost, callers fail at once instead
    of waiting for the pool one after another. The pool makes no attempts of its own, which would get rarer and rarer:
    it is given up at the first that fails, and the caller who is let through the gate begins a new one.
    """

    @property
    def pool(self) -> "ConnectionPool[psycopg.Connection[Any]] | None":
        """Return this process's pool."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if options:
            options["reconnect_failed"] = self._give_up
        return super().pool  # type: ignore[no-any-return]  # not in the stubs

    def _give_up(self, pool: "ConnectionPool[psycopg.Connection[Any]]") -> None:
        pools: dict[str, object] = self._connection_pools  # type: ignore[attr-defined]  # not in the stubs
        if pools.get(self.alias) is pool:
            GATE.close("no connection can be made")
            pools.pop(self.alias, None)
        # Whoever waits for it is told at once. This is one of its own threads, which can't wait for itself to end.
        threading.Thread(target=pool.close, kwargs={"timeout": 0}, daemon=True).start()

    @override
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection that works. Raises psycopg.OperationalError."""
        if not self.settings_dict["OPTIONS"].get("pool"):
            return super().get_new_connection(conn_params)
        began = time.perf_counter()
        try:
            with GATE.passage():
                connection = self._working_connection(conn_params)
        except psycopg.OperationalError:
            metrics.LOST.inc()
            raise
        metrics.CONNECTING.observe(time.perf_counter() - began)
        metrics.CONNECTIONS.inc()
        return connection

    def _working_connection(self, conn_params: dict[str, Any]) -> Any:
        while True:
            connection = super().get_new_connection(conn_params)
            try:
                ConnectionPool.check_connection(connection)
            except psycopg.OperationalError:
                connection._pool.putconn(connection)
            else:
                return connection

    def _close(self) -> None:
        """Give the connection back."""
        if self.connection is not None and self.settings_dict["OPTIONS"].get("pool"):
            metrics.CONNECTIONS.dec()
        super()._close()  # type: ignore[misc]  # not in the stubs
