"""The names of images, by Docker's rules: which registry, which repository, which tag or digest."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

DOCKER_HUB = "docker.io"
DOCKER_HUB_API = "registry-1.docker.io"
DOCKER_HUB_LOGIN = "https://index.docker.io/v1/"


@dataclass(frozen=True)
class Reference:
    """An image's full name: `docker.io`, `library/postgres`, `17`, no digest."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def api(self) -> str:
        """Return the address of the registry's API; plain http on this machine's loopback."""
        host = DOCKER_HUB_API if self.registry == DOCKER_HUB else self.registry
        return f"{'http' if self.is_loopback else 'https'}://{host}"

    @property
    def is_loopback(self) -> bool:
        """Tell whether the registry is on this machine."""
        host = self.registry.rsplit(":", 1)[0].strip("[]")
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def login_name(self) -> str:
        """Return the key of the registry in Docker's own configuration."""
        return DOCKER_HUB_LOGIN if self.registry == DOCKER_HUB else self.registry

    @property
    def version(self) -> str:
        """Return the digest, or the tag."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        name = f"{self.registry}/{self.repository}"
        if self.registry == DOCKER_HUB:
            name = self.repository.removeprefix("library/")
        return name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def split_reference(text: str) -> Reference:
    """Take a name apart; the first part is a registry when it has a dot or a port, or is localhost."""
    name, _, digest = text.partition("@")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    name = f"{head}{slash}{last}"
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, repository = first, rest
    else:
        registry, repository = DOCKER_HUB, name
    if registry in ("index.docker.io", DOCKER_HUB_API):
        registry = DOCKER_HUB
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository, tag, digest)


def rerouted(reference: str, registry_override: str | None) -> str:
    """Return the name under which an image is pushed to another registry that stands in for its own."""
    if not registry_override:
        return reference
    parts = split_reference(reference)
    return str(Reference(registry_override, parts.repository, parts.tag, parts.digest))
