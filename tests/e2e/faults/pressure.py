"""Load during a cell: requests that the app answers by itself, and such that need its database."""

from __future__ import annotations

import threading

from load import Client, Load


class _DatabaseClient(Client):
    def get_database(self) -> None:
        """GET of a page for which the app asks PostgreSQL."""
        self.request("GET", lambda: self.connection.request("GET", "/database", headers=self.load.headers))


class DatabaseLoad(Load):
    """One client whose requests need PostgreSQL."""

    def __init__(self, port: int, host: str | None) -> None:
        super().__init__(port, host)
        self._threads = [threading.Thread(target=self._run, args=("get_database",), daemon=True)]

    def make_client(self) -> Client:
        """A client that knows the page."""
        return _DatabaseClient(self)
