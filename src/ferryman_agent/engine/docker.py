"""One narrow object for all that the agent asks of the Docker Engine."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any
from urllib.parse import quote, urlencode

from ferryman_agent.engine.transport import EngineError, call, frames, hijack, unbroken
from ferryman_agent.errors import Unavailable

__all__ = ["Docker", "EngineError"]

SOCKET = "/var/run/docker.sock"
EXIT_CODE_LIMIT_SECONDS = 10
REMOVAL_LIMIT_SECONDS = 10
RUN_LIMIT_SECONDS = 60
USAGE_LIMIT_SECONDS = 30  # an engine before 23 measures volumes too
NOT_FOUND = 404
CONFLICT = 409


def stop_seconds(grace: float) -> int:
    """A grace as the engine takes it: whole seconds, from 1 on."""
    return max(1, round(grace))


class Docker:
    """The engine behind `path`. Missing things are None or ignored; other faults raise EngineError."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._prefix = ""

    # -- plumbing

    def _url(self, path: str, query: dict[str, object] | None = None) -> str:
        if not self._prefix:
            self._prefix = f"/v{self.version()['ApiVersion']}"
        return f"{self._prefix}{path}" + (f"?{urlencode(query)}" if query else "")

    def _ask(
        self, method: str, path: str, body: Any = None, *, query: dict[str, object] | None = None, timeout: float = 60
    ) -> Any:
        response, connection = call(self._path, (method, self._url(path, query)), body, timeout=timeout)
        with closing(connection), unbroken(f"{method} {path}"):
            content = response.read()
        return json.loads(content) if content[:1] in (b"{", b"[") else None

    def version(self) -> dict[str, Any]:
        """The engine's own description: Version, ApiVersion, Arch, Os."""
        response, connection = call(self._path, ("GET", "/version"), timeout=10)
        with closing(connection), unbroken("its version"):
            return dict(json.loads(response.read()))

    def info(self) -> dict[str, Any]:
        """The engine's facts, DockerRootDir among them."""
        return dict(self._ask("GET", "/info"))

    def events(self, types: list[str], actions: list[str]) -> Iterator[dict[str, Any]]:
        """What happens from now on to objects of these types, for ever; Unavailable when the engine breaks off."""
        filters = json.dumps({"type": types, "event": actions})
        response, connection = call(self._path, ("GET", self._url("/events", {"filters": filters})))
        with closing(connection), unbroken("its events"):
            connection.sock.settimeout(None)
            yield {}  # from here on nothing is missed
            for line in response:
                if line.strip():
                    yield dict(json.loads(line))

    # -- images

    def image(self, reference: str) -> dict[str, Any] | None:
        """An image by reference or digest, or None."""
        try:
            return dict(self._ask("GET", f"/images/{quote(reference, safe='')}/json"))
        except EngineError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def pull(self, reference: str, auth: dict[str, str] | None, is_cancelled: Callable[[], bool]) -> None:
        """Pull by tag or digest. EngineError (status 0 when the stream itself reports the fault)."""
        header = {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(auth).encode()).decode()} if auth else {}
        name, separator, tag = reference.partition("@")
        if not separator:
            name, _, tag = reference.rpartition(":")
        url = self._url("/images/create", {"fromImage": name, "tag": tag})
        response, connection = call(self._path, ("POST", url), headers=header, timeout=600)
        with closing(connection), unbroken(f"the pull of {reference}"):
            for line in response:
                if is_cancelled():
                    return
                fault = json.loads(line).get("error") if line.strip() else None
                if fault:
                    raise EngineError(0, str(fault))

    def login(self, auth: dict[str, str]) -> str:
        """Why the registry does not take these credentials, '' when it does."""
        try:
            self._ask("POST", "/auth", auth, timeout=30)
        except EngineError as error:
            return error.message or "refused"
        return ""

    def images(self, repository: str) -> list[dict[str, Any]]:
        """The local images of a repository, each with Id, RepoDigests, RepoTags and Size."""
        filters = json.dumps({"reference": [repository]})
        return list(self._ask("GET", "/images/json", query={"filters": filters, "digests": 1}))

    def image_bytes(self) -> dict[str, Any] | None:
        """What all images take: LayersSize, and Images with Id, Size and SharedSize; None when it is not known."""
        try:
            found = self._ask("GET", "/system/df", query={"type": "image"}, timeout=USAGE_LIMIT_SECONDS)
        except (EngineError, Unavailable):  # another one measures at the same time, or it takes too long
            return None
        return found if found and found.get("LayersSize") is not None else None

    def remove_image(self, reference: str) -> bool:
        """Remove by digest; False when it is gone already or a container uses it."""
        try:
            self._ask("DELETE", f"/images/{quote(reference, safe='')}")
        except EngineError as error:
            if error.status in (NOT_FOUND, CONFLICT):
                return False
            raise
        return True

    # -- networks and volumes

    def ensure_network(self, name: str, subnet: dict[str, str], labels: dict[str, str]) -> None:
        """Have the bridge network with its own subnet ({"Subnet", "IPRange"}); one with another subnet is replaced."""
        found = self.network(name)
        if found and any(part["Subnet"] == subnet["Subnet"] for part in found["IPAM"]["Config"] or []):
            return
        if found:
            self.remove_network(name)
        self._ask(
            "POST",
            "/networks/create",
            {"Name": name, "Driver": "bridge", "Labels": labels, "IPAM": {"Config": [subnet]}},
        )

    def network(self, name: str) -> dict[str, Any] | None:
        """What the engine knows of a network, or None."""
        try:
            return dict(self._ask("GET", f"/networks/{name}"))
        except EngineError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def connect(self, network: str, container: str, address: str | None, alias: str) -> None:
        """Put a container on a network, at this address of it or at one that the engine chooses, running or not."""
        with suppress(EngineError):  # it may be there at another address, or not at all
            self._ask("POST", f"/networks/{network}/disconnect", {"Container": container, "Force": True})
        fixed = {"IPAMConfig": {"IPv4Address": address}} if address else {}
        endpoint = {**fixed, "Aliases": [alias]}
        self._ask("POST", f"/networks/{network}/connect", {"Container": container, "EndpointConfig": endpoint})

    def remove_network(self, name: str) -> None:
        """Remove it, whatever is still connected to it; gone already is fine."""
        try:
            for container in self._ask("GET", f"/networks/{name}").get("Containers") or {}:
                self._ask("POST", f"/networks/{name}/disconnect", {"Container": container, "Force": True})
            self._ask("DELETE", f"/networks/{name}")
        except EngineError as error:
            if error.status != NOT_FOUND:
                raise

    def ensure_volume(self, name: str, labels: dict[str, str]) -> None:
        """Create the named volume unless it exists."""
        self._ask("POST", "/volumes/create", {"Name": name, "Labels": labels})

    def volume(self, name: str) -> dict[str, Any]:
        """What the engine knows of a volume, its Mountpoint on this server among it."""
        return dict(self._ask("GET", f"/volumes/{name}"))

    def volumes(self, labels: dict[str, str]) -> list[str]:
        """The names of all volumes that carry these labels."""
        filters = json.dumps({"label": [f"{key}={value}" for key, value in labels.items()]})
        found = self._ask("GET", "/volumes", query={"filters": filters})
        return [str(volume["Name"]) for volume in found["Volumes"] or []]

    def remove_volume(self, name: str) -> None:
        """Remove it with its data; gone already is fine."""
        try:
            self._ask("DELETE", f"/volumes/{name}")
        except EngineError as error:
            if error.status != NOT_FOUND:
                raise

    # -- containers

    def create(self, name: str, specification: dict[str, Any]) -> str:
        """Create a container; returns its id."""
        return str(self._ask("POST", "/containers/create", specification, query={"name": name})["Id"])

    def start(self, container: str) -> None:
        """Start it; running already is fine."""
        self._ask("POST", f"/containers/{container}/start")

    def resume(self, container: str) -> None:
        """Let the processes of a paused container go on; going on already is fine."""
        try:
            self._ask("POST", f"/containers/{container}/unpause")
        except EngineError as error:
            if error.status != CONFLICT:
                raise

    def stop(self, container: str, grace: float) -> None:
        """SIGTERM (or the image's stop signal), SIGKILL after `grace` seconds; gone already, or going, is fine."""
        try:
            self._ask("POST", f"/containers/{container}/stop", query={"t": stop_seconds(grace)}, timeout=grace + 60)
        except EngineError as error:
            if error.status not in (NOT_FOUND, CONFLICT):
                raise

    def remove(self, container: str) -> None:
        """Remove it by force, with its anonymous volumes; gone already is fine. When it returns, the name is free."""
        try:
            self._ask("DELETE", f"/containers/{container}", query={"force": 1, "v": 1})
        except EngineError as error:
            if error.status == CONFLICT:  # its removal is under way
                self._wait_until_gone(container, error)
            elif error.status != NOT_FOUND:
                raise

    def _wait_until_gone(self, container: str, error: EngineError) -> None:
        limit = time.monotonic() + REMOVAL_LIMIT_SECONDS
        while self.container(container) is not None:
            if time.monotonic() > limit:
                raise error
            time.sleep(0.05)

    def set_restart_policy(self, container: str, policy: str) -> None:
        """Set what the engine does when the container exits, or after a reboot."""
        self._ask("POST", f"/containers/{container}/update", {"RestartPolicy": {"Name": policy}})

    def container(self, name: str) -> dict[str, Any] | None:
        """What the engine knows of a container, or None."""
        try:
            return dict(self._ask("GET", f"/containers/{name}/json"))
        except EngineError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def containers(self, labels: dict[str, str]) -> list[dict[str, Any]]:
        """All containers, running or not, that carry these labels."""
        wanted = [f"{key}={value}" if value else key for key, value in labels.items()]
        query: dict[str, object] = {"all": 1, "filters": json.dumps({"label": wanted})}
        return list(self._ask("GET", "/containers/json", query=query))

    def memory_of(self, container: str) -> int | None:
        """Bytes that a running container uses, without what the kernel can drop; None when that is not known."""
        try:
            found = self._ask("GET", f"/containers/{container}/stats", query={"stream": 0, "one-shot": 1})
        except EngineError:
            return None
        used = found.get("memory_stats", {})
        kept = used.get("stats", {})
        droppable = kept.get("inactive_file", kept.get("total_inactive_file", 0))
        return int(used["usage"] - droppable) if used.get("usage") else None

    def wait(self, container: str, limit: float) -> int | None:
        """Wait until it exits; its exit code, or None when it still runs after `limit` seconds."""
        try:
            return int(self._ask("POST", f"/containers/{container}/wait", timeout=limit)["StatusCode"])
        except Unavailable as error:
            if isinstance(error.__cause__, TimeoutError):
                return None
            raise

    def archive(self, container: str, path: str) -> bytes:
        """A file of a container, running or not, as a tar archive."""
        url = self._url(f"/containers/{container}/archive", {"path": path})
        response, connection = call(self._path, ("GET", url))
        with closing(connection), unbroken(f"reading {path}"):
            return response.read()

    def logs(self, container: str, *, tail: int | None = None) -> Iterator[tuple[str, bytes]]:
        """(stream, bytes) of the log."""
        query: dict[str, object] = {"stdout": 1, "stderr": 1, "tail": "all" if tail is None else tail}
        url = self._url(f"/containers/{container}/logs", query)
        response, connection = call(self._path, ("GET", url), timeout=60)
        with closing(connection), unbroken(f"the log of {container}"):
            yield from frames(response)

    def follow_logs(self, container: str, tail: int | None) -> tuple[Callable[[], None], Iterator[tuple[str, bytes]]]:
        """(stop, the log as it comes): it ends with the container, or when another thread calls `stop`."""
        query: dict[str, object] = {"stdout": 1, "stderr": 1, "follow": 1, "tail": "all" if tail is None else tail}
        url = self._url(f"/containers/{container}/logs", query)
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

    # -- exec

    def exec_create(self, container: str, command: list[str], *, tty: bool, stdin: bool, user: str = "") -> str:
        """Prepare a command inside a running container; returns the exec's id."""
        specification = {"Cmd": command, "Tty": tty, "AttachStdin": stdin, "User": user}
        specification |= {"AttachStdout": True, "AttachStderr": True}
        return str(self._ask("POST", f"/containers/{container}/exec", specification)["Id"])

    def exec_attach(self, identifier: str, *, tty: bool) -> socket.socket:
        """Start it; returns the two-way stream (multiplexed frames unless `tty`)."""
        with unbroken("an exec"):
            return hijack(self._path, self._url(f"/exec/{identifier}/start"), {"Detach": False, "Tty": tty})

    def exec_resize(self, identifier: str, rows: int, columns: int) -> None:
        """Tell the terminal its size."""
        self._ask("POST", f"/exec/{identifier}/resize", query={"h": rows, "w": columns})

    def exec_exit_code(self, identifier: str) -> int | None:
        """Its exit code, None while it runs."""
        code = self._ask("GET", f"/exec/{identifier}/json")["ExitCode"]
        return None if code is None else int(code)

    def run(self, container: str, command: list[str], user: str = "", stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        """Run a command inside a running container; returns (exit code, standard output, standard error)."""
        identifier = self.exec_create(container, command, tty=False, stdin=bool(stdin), user=user)
        with self.exec_attach(identifier, tty=False) as stream, unbroken(command[0]):
            stream.settimeout(RUN_LIMIT_SECONDS)
            if stdin:
                stream.sendall(stdin)
                stream.shutdown(socket.SHUT_WR)
            output: dict[str, bytes] = {"stdout": b"", "stderr": b""}
            response = stream.makefile("rb")
            while len(header := response.read(8)) == 8:
                name = "stderr" if header[0] == 2 else "stdout"
                output[name] += response.read(int.from_bytes(header[4:], "big"))
        return self.exec_result(identifier), output["stdout"], output["stderr"]

    def exec_result(self, identifier: str) -> int:
        """The exit code of a command whose stream has ended; the engine may record it a moment later."""
        limit = time.monotonic() + EXIT_CODE_LIMIT_SECONDS
        while (code := self.exec_exit_code(identifier)) is None:
            if time.monotonic() > limit:
                raise EngineError(0, "the engine does not tell the command's exit code")
            time.sleep(0.02)
        return code
