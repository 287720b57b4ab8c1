"""A way to a server that can be cut: a small proxy in this process."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from types import TracebackType
from typing import Self


class Proxy:
    """Passes connections on to a port of this machine; `cut` ends all of them, `refuse` takes no more until `allow`."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: set[socket.socket] = set()
        self._is_refusing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.connections = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End every connection that is open."""
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def refuse(self) -> None:
        """End every connection, and each new one at once."""
        self._is_refusing = True
        self.cut()

    def allow(self) -> None:
        """Pass connections on again."""
        self._is_refusing = False

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                if self._is_refusing:
                    client.close()
                else:
                    threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with (
            client,
            contextlib.suppress(ConnectionError),  # the server is away
            socket.create_connection(("127.0.0.1", self._target)) as server,
            selectors.DefaultSelector() as ready,
        ):
            ways = {client: server, server: client}
            self._open |= set(ways)
            for end in ways:
                ready.register(end, selectors.EVENT_READ)
            with contextlib.suppress(OSError):
                while all(self._copy(key.fileobj, ways) for key, _ in ready.select()):
                    pass
            self._open -= set(ways)

    @staticmethod
    def _copy(end: object, ways: dict[socket.socket, socket.socket]) -> bool:
        assert isinstance(end, socket.socket)
        chunk = end.recv(65536)
        ways[end].sendall(chunk)
        return bool(chunk)
