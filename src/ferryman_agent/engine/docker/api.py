"""One request to the engine's API and its answer as JSON, under the version of the API that the engine speaks."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

from ferryman_agent.engine.docker.transport import call, unbroken
from ferryman_agent.engine.port import EngineError
from ferryman_agent.errors import AgentError

SOCKET = "/var/run/docker.sock"
VERSION_LIMIT_SECONDS = 10
NOT_FOUND = 404
CONFLICT = 409


def version_at(path: str, timeout: float = 5) -> str | None:
    """The version of the engine that answers on this socket, None when none does."""
    try:
        return str(_version(path, timeout)["Version"])
    except (AgentError, OSError, ValueError, KeyError):
        return None


def _version(path: str, timeout: float) -> dict[str, Any]:
    """The engine's own description: Version, ApiVersion, Arch, Os."""
    response, connection = call(path, ("GET", "/version"), timeout=timeout)
    with closing(connection), unbroken("its version"):
        return dict(json.loads(response.read()))


class Api:
    """The engine behind `path`."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._prefix = ""

    def _version(self) -> dict[str, Any]:
        return _version(self._path, VERSION_LIMIT_SECONDS)

    def _url(self, path: str, query: dict[str, object] | None = None) -> str:
        if not self._prefix:
            self._prefix = f"/v{self._version()['ApiVersion']}"
        return f"{self._prefix}{path}" + (f"?{urlencode(query)}" if query else "")

    def _ask(
        self, method: str, path: str, body: Any = None, *, query: dict[str, object] | None = None, timeout: float = 60
    ) -> Any:
        response, connection = call(self._path, (method, self._url(path, query)), body, timeout=timeout)
        with closing(connection), unbroken(f"{method} {path}"):
            content = response.read()
        return json.loads(content) if content[:1] in (b"{", b"[") else None

    def _seek(self, path: str) -> Any:
        """What is there, None when there is no such thing."""
        try:
            return self._ask("GET", path)
        except EngineError as error:
            if error.is_missing:
                return None
            raise

    def _drop(self, path: str, query: dict[str, object] | None = None) -> None:
        """DELETE; gone already is fine."""
        try:
            self._ask("DELETE", path, query=query)
        except EngineError as error:
            if not error.is_missing:
                raise
