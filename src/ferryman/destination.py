"""Where a command goes: an environment of ferryman.toml, or the rehearsal of this project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ferryman.config import Configuration, load_configuration, manifest
from ferryman.errors import UsageError
from ferryman.link import Link, SshLink, Target
from ferryman.link.private_key import VARIABLE, key_in_memory

REHEARSAL = "rehearsal"


class Workshop(Protocol):
    """What an image is built for: the app, and which registry takes it."""

    @property
    def configuration(self) -> Configuration: ...

    @property
    def registry(self) -> str | None: ...

    @property
    def stand_ins(self) -> frozenset[str]: ...


@dataclass(frozen=True)
class OwnRegistry:
    """The registry that the image's name has: no server is needed to build for it."""

    configuration: Configuration
    registry: str | None = None
    stand_ins: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Destination:
    """One app in one environment.

    `address` is where people reach the app, such as "https://shop.example.com";
    `registry` is the registry of the rehearsal ("127.0.0.1:port"), None for the one that the image names;
    `stand_ins` are the base images that stand in for Docker Hub's on this machine.
    """

    configuration: Configuration
    name: str
    manifest: dict[str, Any]
    link: Link
    registry: str | None = None
    stand_ins: frozenset[str] = field(default_factory=frozenset)
    address: str = ""

    @property
    def app(self) -> dict[str, str]:
        """The parameters by which the agent knows this app."""
        return {"app": self.manifest["app"], "environment": self.name}

    @property
    def is_rehearsal(self) -> bool:
        """True for the throw-away server on this machine."""
        return self.name == REHEARSAL


def find_destination(path: Path, name: str | None, variables: Mapping[str, str]) -> Destination:
    """The destination `--to` names; without it the only environment there is.

    Raises UsageError, ConfigurationError.
    """
    configuration = load_configuration(path)
    chosen = name or _only_environment(configuration)
    if chosen == REHEARSAL:
        return _rehearsal(configuration)
    environment = configuration.environment(chosen, variables)
    if not environment.host_key:
        raise UsageError(
            "host-key-missing",
            f"[environments.{chosen}] has no host_key, so the server can't be told from another",
            hint=f"ferryman server setup --to {chosen}",
        )
    identity = Path(environment.identity).expanduser() if environment.identity else None
    if identity is None and variables.get(VARIABLE):
        identity = key_in_memory(variables[VARIABLE])
    target = Target(environment.host, environment.port, environment.user, environment.host_key, identity, chosen)
    told = manifest(configuration, chosen, environment)
    return Destination(configuration, chosen, told, SshLink(target), address=environment.address)


def find_workshop(path: Path, name: str | None) -> Workshop:
    """What an image is built for: the rehearsal's registry when that is named, else the one of the image's name.

    Unlike a destination it needs no variable of the environment. Raises UsageError, ConfigurationError.
    """
    configuration = load_configuration(path)
    if name == REHEARSAL:
        return _rehearsal(configuration)
    if name is not None and name not in configuration.environments:
        configuration.environment(name, {})
    return OwnRegistry(configuration)


def _only_environment(configuration: Configuration) -> str:
    names = list(configuration.environments)
    if len(names) == 1:
        return names[0]
    listed = ", ".join([*names, REHEARSAL])
    raise UsageError("environment-missing", "which environment?", hint=f"add --to with one of: {listed}")


def _rehearsal(configuration: Configuration) -> Destination:
    from ferryman.rehearsal.rehearsal import rehearsal_link

    link, registry, stand_ins = rehearsal_link(configuration.root)
    told = manifest(configuration, REHEARSAL, None)
    return Destination(configuration, REHEARSAL, told, link, registry, stand_ins)
