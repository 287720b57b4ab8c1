"""Containers of the engine: the port's workloads."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress

from ferryman_agent.engine.docker.api import CONFLICT, NOT_FOUND, Api
from ferryman_agent.engine.docker.reading import inspected, memory_of, observed
from ferryman_agent.engine.docker.specification import policy_json, stop_seconds, workload_json
from ferryman_agent.engine.docker.transport import call, frames, unbroken
from ferryman_agent.engine.port import EngineError, Inspected, Keep, Observed, Workload
from ferryman_agent.errors import Unavailable

REMOVAL_LIMIT_SECONDS = 10


class Containers(Api):
    """What the port asks of workloads."""

    def create(self, name: str, workload: Workload) -> str:
        """Have a container there, not running; returns its id."""
        return str(self._ask("POST", "/containers/create", workload_json(workload), query={"name": name})["Id"])

    def start(self, workload: str) -> None:
        """Start it; running already is fine."""
        self._ask("POST", f"/containers/{workload}/start")

    def resume(self, workload: str) -> None:
        """Let the processes of a paused one go on; going on already is fine."""
        try:
            self._ask("POST", f"/containers/{workload}/unpause")
        except EngineError as error:
            if error.status != CONFLICT:
                raise

    def stop(self, workload: str, grace: float) -> None:
        """SIGTERM (or the image's stop signal), SIGKILL after `grace` seconds; gone already, or going, is fine."""
        try:
            self._ask("POST", f"/containers/{workload}/stop", query={"t": stop_seconds(grace)}, timeout=grace + 60)
        except EngineError as error:
            if error.status not in (NOT_FOUND, CONFLICT):
                raise

    def remove(self, workload: str) -> None:
        """Remove it by force, with its anonymous volumes; gone already is fine. When it returns, the name is free."""
        try:
            self._drop(f"/containers/{workload}", {"force": 1, "v": 1})
        except EngineError as error:
            if error.status != CONFLICT:
                raise
            self._wait_until_gone(workload, error)  # its removal is under way

    def _wait_until_gone(self, workload: str, error: EngineError) -> None:
        limit = time.monotonic() + REMOVAL_LIMIT_SECONDS
        while self._seek(f"/containers/{workload}/json") is not None:
            if time.monotonic() > limit:
                raise error
            time.sleep(0.05)

    def keep(self, workload: str, keep: Keep) -> None:
        """Set what the engine itself does with it when it exits, or after a reboot."""
        self._ask("POST", f"/containers/{workload}/update", policy_json(keep))

    def workload(self, name: str) -> Inspected | None:
        """An inspect of a container by name or id. It waits while the engine starts or stops that one."""
        found = self._seek(f"/containers/{name}/json")
        return inspected(found) if found else None

    def workloads(self, labels: Mapping[str, str]) -> list[Observed]:
        """The engine's list of those that carry these labels, running or not; it waits for none of them."""
        wanted = [f"{key}={value}" if value else key for key, value in labels.items()]
        query: dict[str, object] = {"all": 1, "filters": json.dumps({"label": wanted})}
        return [observed(found) for found in self._ask("GET", "/containers/json", query=query)]

    def memory_of(self, workload: str) -> int | None:
        """Bytes that a running one uses, without what the kernel can drop; None when that is not known."""
        try:
            found = self._ask("GET", f"/containers/{workload}/stats", query={"stream": 0, "one-shot": 1})
        except EngineError:
            return None
        return memory_of(found)

    def wait(self, workload: str, limit: float) -> int | None:
        """Wait until it exits; its exit code, or None when it still runs after `limit` seconds."""
        try:
            return int(self._ask("POST", f"/containers/{workload}/wait", timeout=limit)["StatusCode"])
        except Unavailable as error:
            if isinstance(error.__cause__, TimeoutError):
                return None
            raise

    def archive(self, workload: str, path: str) -> bytes:
        """A file of a container, running or not, as a tar archive."""
        url = self._url(f"/containers/{workload}/archive", {"path": path})
        response, connection = call(self._path, ("GET", url))
        with closing(connection), unbroken(f"reading {path}"):
            return response.read()

    def logs(self, workload: str, *, tail: int | None = None) -> Iterator[tuple[str, bytes]]:
        """(stream, bytes) of the log."""
        query: dict[str, object] = {"stdout": 1, "stderr": 1, "tail": "all" if tail is None else tail}
        url = self._url(f"/containers/{workload}/logs", query)
        response, connection = call(self._path, ("GET", url), timeout=60)
        with closing(connection), unbroken(f"the log of {workload}"):
            yield from frames(response)

    def follow_logs(self, workload: str, tail: int | None) -> tuple[Callable[[], None], Iterator[tuple[str, bytes]]]:
        """(stop, the log as it comes): it ends with the container, or when another thread calls `stop`."""
        query: dict[str, object] = {"stdout": 1, "stderr": 1, "follow": 1, "tail": "all" if tail is None else tail}
        url = self._url(f"/containers/{workload}/logs", query)
        response, connection = call(self._path, ("GET", url), timeout=60)
        stream = connection.sock
        stream.settimeout(None)

        def stop() -> None:
            with suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

        def output() -> Iterator[tuple[str, bytes]]:
            with closing(connection), suppress(OSError, http.client.HTTPException):
                yield from frames(response)

        return stop, output()
