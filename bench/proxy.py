"""A TCP proxy between client and server: counts connections and turns, and makes the way as long as told."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from ferryman.rehearsal.ports import LOOPBACK, free_port

CHUNK_BYTES = 65536
UP, DOWN = "up", "down"


@dataclass
class Connection:
    """One connection: when each chunk left the client, or reached it, by the clock of `time.time`."""

    chunks: list[tuple[float, str]] = field(default_factory=list)

    def round_trips(self, since: float) -> int:
        """How often, from `since` on, the client sent something and then got something."""
        return count_round_trips(direction for at, direction in sorted(self.chunks) if at >= since)


def count_round_trips(directions: Iterator[str] | Sequence[str]) -> int:
    """Pure: the changes from up to down; a burst of chunks in one direction counts once."""
    bursts = [direction for direction, _ in groupby(directions)]
    return sum(pair == (UP, DOWN) for pair in pairwise(bursts))


@dataclass
class Proxy:
    """Listens on `port` and passes everything on to `target`; `round_trip` seconds are added to each round trip."""

    target: int
    round_trip: float = 0.0
    port: int = field(default_factory=free_port)
    connections: list[Connection] = field(default_factory=list)

    @contextlib.contextmanager
    def running(self) -> Iterator[Proxy]:
        """Run in a thread of its own."""
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(asyncio.start_server(self._serve, LOOPBACK, self.port))
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(server.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection()
        self.connections.append(connection)
        # TCP's own handshake: its last third reaches the server one and a half round trips after the first left.
        await asyncio.sleep(1.5 * self.round_trip)
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._carry(connection, UP, reader, back), self._carry(connection, DOWN, there, writer))

    async def _carry(
        self, connection: Connection, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivering = asyncio.create_task(self._deliver(connection, direction, waiting, writer))
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if direction == UP:
                    connection.chunks.append((time.time(), UP))
                waiting.put_nowait((time.monotonic() + self.round_trip / 2, chunk))
        waiting.put_nowait((time.monotonic() + self.round_trip / 2, b""))
        await delivering

    async def _deliver(
        self,
        connection: Connection,
        direction: str,
        waiting: asyncio.Queue[tuple[float, bytes]],
        writer: asyncio.StreamWriter,
    ) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, chunk = await waiting.get()
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if not chunk:
                    break
                if direction == DOWN:
                    connection.chunks.append((time.time(), DOWN))
                writer.write(chunk)
                await writer.drain()
        writer.close()
