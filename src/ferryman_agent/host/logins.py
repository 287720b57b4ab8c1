"""The logins at registries that are kept on this server, in one file that only root reads."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from ferryman_agent.secrets_file import write_private

NAME = "registries.json"
DOCKER_HUB = "docker.io"
DOCKER_HUB_NAMES = (DOCKER_HUB, "index.docker.io", "registry-1.docker.io")
DOCKER_HUB_ADDRESS = "https://index.docker.io/v1/"


def registry_of(image: str) -> str:
    """The registry that an image's name leads to: `docker.io`, or the host (with its port) in front of the name."""
    first, slash, _ = image.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return named(first) if is_host else DOCKER_HUB


def named(registry: str) -> str:
    """One name for each registry."""
    return DOCKER_HUB if registry in DOCKER_HUB_NAMES else registry


def authentication(registry: str, credentials: dict[str, str]) -> dict[str, str]:
    """The engine's form of a login."""
    address = DOCKER_HUB_ADDRESS if registry == DOCKER_HUB else registry
    return {"username": credentials["username"], "password": credentials["password"], "serveraddress": address}


class Logins:
    """The file (0600) in `folder`: registry → username, password. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._lock = threading.Lock()

    def _read(self) -> dict[str, dict[str, str]]:
        return dict(json.loads(self._path.read_text())) if self._path.exists() else {}

    def of(self, registry: str) -> dict[str, str] | None:
        """The login that is kept for a registry."""
        with self._lock:
            return self._read().get(registry)

    def usernames(self) -> dict[str, str]:
        """registry → who is logged in."""
        with self._lock:
            return {registry: login["username"] for registry, login in sorted(self._read().items())}

    def keep(self, registry: str, login: dict[str, str]) -> None:
        """Keep a login, in the place of the one that was kept."""
        with self._lock:
            write_private(self._path, json.dumps({**self._read(), registry: login}))

    def forget(self, registry: str) -> bool:
        """Forget a login; False when none was kept."""
        with self._lock:
            known = self._read()
            found = known.pop(registry, None)
            if found is not None:
                write_private(self._path, json.dumps(known))
            return found is not None
