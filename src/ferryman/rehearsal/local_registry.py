"""A registry in a container of this machine, with its data on a volume."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.polling import wait_until
from ferryman.rehearsal.ports import LOOPBACK, free_port
from ferryman.rehearsal.stand_ins import REGISTRY
from ferryman.rehearsal.state import RegistryState

GROUND_LABEL = "ferryman.rehearsal"
_READY_SECONDS = 30
_AUTH_USERNAME = "ferryman"
_AUTH_PASSWORD = "rehearsal-only"  # noqa: S105 - guards nothing: a test proves with it that a wrong one is refused
_AUTH_HTPASSWD = b"ferryman:$2b$06$SBLkZz85ZQpPN0hFrVzOqeCivctiHhFMwPGORcOyv70mn9clnz3Ze\n"


@dataclass(frozen=True)
class LocalRegistry:
    """One registry container; `create` makes it, `start` brings it back after a stop."""

    state: RegistryState
    docker: Docker

    @classmethod
    def create(cls, ground: str, docker: Docker, *, network: str, with_auth: bool = False) -> LocalRegistry:
        """Make and start a registry on `network`; everything made is labelled with the ground's name.

        With `with_auth` only the username and password in its state may use it.
        """
        alias = "registry-auth" if with_auth else "registry"
        state = RegistryState(
            container=f"ferryman-{ground}-{alias}",
            network=network,
            alias=alias,
            port=free_port(),
            username=_AUTH_USERNAME if with_auth else "",
            password=_AUTH_PASSWORD if with_auth else "",
        )
        label = f"{GROUND_LABEL}={ground}"
        docker.run(["rm", "--force", "--volumes", state.container])
        docker.run(["volume", "create", "--label", label, state.container])
        options = {
            "--name": state.container,
            "--label": label,
            "--network": network,
            "--network-alias": alias,
            "--publish": f"{LOOPBACK}:{state.port}:5000",
            "--volume": f"{state.container}:/var/lib/registry",
        }
        args = [word for option in options.items() for word in option]
        if with_auth:
            args += ["--env", "REGISTRY_AUTH=htpasswd", "--env", "REGISTRY_AUTH_HTPASSWD_REALM=rehearsal"]
            args += ["--env", "REGISTRY_AUTH_HTPASSWD_PATH=/etc/docker/registry/htpasswd"]
        docker.run(["create", *args, "--env", "REGISTRY_STORAGE_DELETE_ENABLED=true", REGISTRY])
        if with_auth:
            docker.put(state.container, {"etc/docker/registry/htpasswd": (_AUTH_HTPASSWD, 0o644)})
        registry = cls(state, docker)
        registry.start()
        return registry

    def start(self) -> None:
        """Start it where it is stopped, and wait until it answers."""
        self.docker.run(["start", self.state.container])
        wait_until(self.answers, "the local registry answers", seconds=_READY_SECONDS)

    def answers(self) -> bool:
        """Whether its API answers, be it that it asks for a password."""
        try:
            status = httpx.get(f"http://{self.state.address}/v2/", timeout=2).status_code
        except httpx.TransportError:
            return False
        return status in {httpx.codes.OK, httpx.codes.UNAUTHORIZED}

    def publish(self, image: str) -> None:
        """Push an official image of this engine, such as `postgres:17`, under the name that a mirror needs for it."""
        name = f"{self.state.address}/library/{image}"
        self.docker.run(["tag", image, name])
        try:
            self.docker.run(["push", "--quiet", name], timeout=300)
        finally:
            self.docker.run(["rmi", name])

    def logs(self) -> str:
        """What it wrote."""
        return self.docker.logs(self.state.container)
