"""Finds where `--to` leads: to an environment of ferryman.toml, or to the rehearsal of this project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ferryman.config import Configuration, load_configuration, manifest, resolve_environment
from ferryman.destination import REHEARSAL, Destination, OwnRegistry, Workshop
from ferryman.errors import UsageError
from ferryman.link import SshLink, Target
from ferryman.link.private_key import VARIABLE, key_in_memory


def find_destination(path: Path, name: str | None, variables: Mapping[str, str]) -> Destination:
    """The destination `--to` names; without it the only environment there is.

    Raises UsageError, ConfigurationError.
    """
    configuration = load_configuration(path)
    chosen = name or _only_environment(configuration)
    if chosen == REHEARSAL:
        return _rehearsal(configuration)
    environment = resolve_environment(configuration, chosen, variables)
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
        resolve_environment(configuration, name, {})
    return OwnRegistry(configuration)


def _only_environment(configuration: Configuration) -> str:
    names = list(configuration.environments)
    if len(names) == 1:
        return names[0]
    listed = ", ".join([*names, REHEARSAL])
    raise UsageError("environment-missing", "which environment?", hint=f"add --to with one of: {listed}")


def _rehearsal(configuration: Configuration) -> Destination:
    from ferryman.rehearsal.destination import rehearsal_destination

    return rehearsal_destination(configuration)
