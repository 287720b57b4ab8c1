"""Keeps HAProxy in agreement with the ledger: its container, its configuration, its runtime state."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ferryman_agent.edge import runtime
from ferryman_agent.edge.configuration import (
    CLOSED,
    DIRECT,
    FOLDER,
    HOSTS,
    LANES,
    PORTS,
    Route,
    files,
    frontends,
    server_lines,
)
from ferryman_agent.engine import Engine, Inspected, Keep, Limits, State, Workload

IMAGE = "haproxy:3.0"
NAME = "ferryman.edge"
START_LIMIT_SECONDS = 20.0
SOCKET_LIMIT_SECONDS = 3.0
POLL_SECONDS = 0.05
# When the engine stops, HAProxy takes no new connection and waits for those that are open: nobody else is served.
STOP_SECONDS = 2


class Edge:
    """The edge of this server; its files live in `folder`, which the container mounts.

    `pull` brings the edge's image when it is missing.
    """

    def __init__(self, engine: Engine, folder: Path, pull: Callable[[str], None]) -> None:
        self._engine = engine
        self._folder = folder
        self._pull = pull

    @property
    def _socket(self) -> Path:
        return self._folder / "run" / "admin.sock"

    def agree(self, routes: list[Route]) -> None:
        """Make the edge route as told.

        1. Write configuration and maps, so that a restart agrees.
        2. Start the container when it does not run and there is something to route; restart it only when a port is to
           be opened that it does not have, or when it knows nothing of closed apps and one is to be closed.
           One whose socket is not to be found is made anew: somebody removed the folder that it mounts.
        3. Otherwise change the running HAProxy through its socket: close, enable the new lane, drain the other, open.
        4. The port of apps without a domain is given up while there is none, and taken again.
        """
        for name, content in files(routes).items():
            self._write(name, content)
        container = self._engine.workload(NAME)
        if container and container.state is State.PAUSED:
            self._engine.resume(NAME)
        if container and container.is_up and self._answers():
            can_close = runtime.has_map(self._socket, CLOSED)
            is_able = can_close or not any(route.closed for route in routes)
            has = runtime.frontends(self._socket)
            if is_able and set(has) >= frontends(routes):
                self._change(routes, can_close=can_close)
                self._hold_port(has, is_needed=DIRECT in frontends(routes))
                return
        elif not routes:
            return
        self._start(container)

    def _hold_port(self, has: dict[str, bool], *, is_needed: bool) -> None:
        if has.get(DIRECT, is_needed) != is_needed:
            runtime.change(self._socket, f"{'enable' if is_needed else 'disable'} frontend {DIRECT}")

    def ports_to_open(self, route: Route) -> set[int]:
        """The ports for which the edge has to be started (anew) before it can serve a route."""
        container = self._engine.workload(NAME)
        try:
            has = set(runtime.frontends(self._socket)) if container and container.is_up else set()
        except runtime.EdgeError:  # it may have any
            return set()
        return {PORTS[frontend] for frontend in frontends([route]) - has}

    def prepare(self) -> None:
        """Have the edge's image here, so that nothing but its start is left to do later."""
        if self._engine.image(IMAGE) is None:
            self._pull(IMAGE)

    def remove(self) -> None:
        """Nothing is left for it to route."""
        self._engine.remove(NAME)

    def is_written(self, routes: list[Route]) -> bool:
        """Whether the files say what a restart of the edge must find."""
        return all(self._read(name) == content for name, content in files(routes).items())

    def written(self) -> dict[str, str]:
        """name → content of its files as they are; '' for one that is not there."""
        return {name: self._read(name) for name in files([])}

    def _answers(self) -> bool:
        """After a reboot the engine has just started it; where it has no socket it gets none any more."""
        limit = START_LIMIT_SECONDS if self._socket.exists() else SOCKET_LIMIT_SECONDS
        try:
            self._wait_until_up(limit)
        except runtime.EdgeError:
            return False
        return True

    def _change(self, routes: list[Route], *, can_close: bool) -> None:
        wanted = {f"slot{route.slot}": route.closed.value for route in routes if route.slot and route.closed}
        known = runtime.entries(self._socket, CLOSED) if can_close else {}
        for command in _map_commands(CLOSED, known, wanted):  # each alone: a command's line must fit HAProxy's buffer
            runtime.change(self._socket, command)
        commands = []
        for route in (route for route in routes if route.is_known):
            for lane, (address, serves) in sorted(server_lines(route).items(), key=lambda item: not item[1][1]):
                server = f"slot{route.slot}/{lane}"
                host, _, port = address.rpartition(":")
                if serves:
                    commands += [f"set server {server} addr {host} port {port}", f"set server {server} state ready"]
                else:
                    commands.append(f"set server {server} state drain")
        hosts = {route.key: f"slot{route.slot}" for route in routes if route.is_known}
        mapped = runtime.entries(self._socket, HOSTS)
        commands += _map_commands(HOSTS, mapped, hosts)
        commands += [f"del map {HOSTS} {key}" for key in mapped if key not in hosts]
        commands += [f"del map {CLOSED} {slot}" for slot in known if slot not in wanted]
        if commands:
            runtime.change(self._socket, *commands)

    def open_requests(self, slot: int, lane: str) -> int:
        """How many requests a lane is answering now; 0 when the edge does not run."""
        try:
            return runtime.open_requests(self._socket, slot, lane)
        except runtime.EdgeError:
            return 0

    def cut(self, slot: int, lane: str) -> None:
        """End what is still open after the drain limit (a websocket), and take the lane out."""
        server = f"slot{slot}/{lane}"
        runtime.change(self._socket, f"shutdown sessions server {server}", f"set server {server} state maint")

    def state(self) -> dict[str, Any]:
        """Whether the edge runs, and since when."""
        container = self._engine.workload(NAME)
        if container is None:
            return {"state": "missing", "since": None}
        return {"state": container.state.value, "since": container.started_at or None}

    def serving_lane(self, slot: int) -> str | None:
        """The lane that takes new requests according to the running HAProxy."""
        rows = runtime.statistics(self._socket, slot)
        ready = [lane for lane in LANES if rows[lane]["status"].startswith(("UP", "no check"))]
        return ready[0] if len(ready) == 1 else None

    def closed(self, slot: int) -> str | None:
        """What the running HAProxy answers in the app's place, as `Closed.value` has it; None when the app answers."""
        if not runtime.has_map(self._socket, CLOSED):
            return None
        return runtime.entries(self._socket, CLOSED).get(f"slot{slot}")

    def _start(self, container: Inspected | None) -> None:
        self.prepare()
        if container:
            self._engine.remove(NAME)
        (self._folder / "run").mkdir(mode=0o755, exist_ok=True)
        self._engine.create(NAME, self._workload())
        self._engine.start(NAME)
        self._wait_until_up()

    def _wait_until_up(self, seconds: float = START_LIMIT_SECONDS) -> None:
        limit = time.monotonic() + seconds
        while True:
            try:
                runtime.command(self._socket, "show info")
                return
            except runtime.EdgeError:
                if time.monotonic() > limit:
                    lines = b"".join(chunk for _, chunk in self._engine.logs(NAME, tail=10)).decode(errors="replace")
                    raise runtime.EdgeError(
                        "edge-failed", "the edge does not start", log=lines.splitlines(), hint="is its port in use?"
                    ) from None
                time.sleep(POLL_SECONDS)

    def _workload(self) -> Workload:
        return Workload(
            image=IMAGE,
            labels={"ferryman.role": "edge"},
            endpoint=None,
            command=("haproxy", "-f", f"{FOLDER}/haproxy.cfg"),
            user="0:0",  # to bind port 80 on the host's network; HAProxy gives root up after it
            limits=Limits(pids=256, open_files=16384),
            capabilities=("KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"),  # KILL: the master signals its worker
            is_read_only=True,
            folders={str(self._folder): FOLDER},
            stop_grace=STOP_SECONDS,
            keep=Keep.RETURNING,
        )

    def _read(self, name: str) -> str:
        path = self._folder / name
        return path.read_bytes().decode(errors="replace") if path.exists() else ""

    def _write(self, name: str, content: str) -> None:
        """Replace a file so that a power cut leaves the old or the new one, and no third that nothing knows."""
        temporary = self._folder / f".{name}.new"
        if self._read(name) == content and (self._folder / name).exists():
            temporary.unlink(missing_ok=True)
            return
        self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with temporary.open("w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(self._folder / name)
        folder = os.open(self._folder, os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)


def _map_commands(name: str, known: dict[str, str], wanted: dict[str, str]) -> list[str]:
    added = [f"add map {name} {key} {found}" for key, found in wanted.items() if key not in known]
    changed = [f"set map {name} {key} {found}" for key, found in wanted.items() if known.get(key, found) != found]
    return added + changed
