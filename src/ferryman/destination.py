"""Where a command goes: an environment of ferryman.toml, or the rehearsal of this project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferryman.config import Configuration, load_configuration, manifest
from ferryman.errors import UsageError
from ferryman.link import Link, SshLink, Target

REHEARSAL = "rehearsal"


@dataclass(frozen=True)
class Destination:
    """One app in one environment.

    `registry` is the registry of the rehearsal ("127.0.0.1:port"), None for the one that the image names;
    `stand_ins` are the base images that stand in for Docker Hub's on this machine.
    """

    configuration: Configuration
    name: str
    manifest: dict[str, Any]
    link: Link
    registry: str | None = None
    stand_ins: frozenset[str] = field(default_factory=frozenset)

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
    target = Target(environment.host, environment.port, environment.user, environment.host_key, identity, chosen)
    return Destination(configuration, chosen, manifest(configuration, chosen, environment), SshLink(target))


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
